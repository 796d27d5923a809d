/**
 * What page and server say to each other, as types.
 * Axes are [z, y, x] in voxels; points in a section are [y, x] with voxel centres at .5.
 */
/** What a voxel of a class is: unknown, told to be background, told to be foreground. */
export const UNKNOWN = 0;
export const BACKGROUND = 1;
export const FOREGROUND = 2;
export function contains(box, [z, y, x]) {
    const [dz, dy, dx] = [z - box.start[0], y - box.start[1], x - box.start[2]];
    return dz >= 0 && dz < box.shape[0] && dy >= 0 && dy < box.shape[1] && dx >= 0 && dx < box.shape[2];
}
