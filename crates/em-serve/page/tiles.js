export class Tile {
    data;
    planes;
    height;
    width;
    /** The picture to draw, made when it is first shown; null also for a tile that shows nothing. */
    bitmap = null;
    /** The layer's style when `bitmap` was made; -1 asks for a new one. */
    style = -1;
    constructor(data, planes, height, width) {
        this.data = data;
        this.planes = planes;
        this.height = height;
        this.width = width;
    }
    /** Bytes of the data and of the picture that may be made of it. */
    get bytes() {
        return this.data.length + 4 * this.height * this.width;
    }
    plane(index) {
        const size = this.height * this.width;
        return this.data.subarray(index * size, (index + 1) * size);
    }
}
export class TileStore {
    limitBytes;
    // A Map keeps its order of insertion: the first entry is the one unused for longest.
    entries = new Map();
    bytes = 0;
    /** Grows with every invalidation, so that answers asked for before it are told apart. */
    epoch = 0;
    constructor(limitBytes) {
        this.limitBytes = limitBytes;
    }
    get(address) {
        const key = keyOf(address);
        const entry = this.entries.get(key);
        if (entry === undefined)
            return undefined;
        this.entries.delete(key);
        this.entries.set(key, entry);
        return entry.tile;
    }
    /** Has one tile's picture made anew. */
    restyle(address) {
        const entry = this.entries.get(keyOf(address));
        if (entry !== undefined)
            entry.tile.style = -1;
    }
    /** Whether the tile must be asked of the server. */
    lacks(address) {
        return this.entries.get(keyOf(address))?.stale ?? true;
    }
    put(address, tile) {
        const key = keyOf(address);
        this.drop(key);
        this.entries.set(key, { address, tile, stale: false });
        this.bytes += tile.bytes;
        for (const oldest of this.entries.keys()) {
            if (this.bytes <= this.limitBytes || oldest === key)
                break;
            this.drop(oldest);
        }
    }
    invalidate(hit) {
        this.epoch++;
        for (const entry of this.entries.values()) {
            if (hit(entry.address))
                entry.stale = true;
        }
    }
    clear() {
        this.epoch++;
        for (const key of [...this.entries.keys()])
            this.drop(key);
    }
    *[Symbol.iterator]() {
        for (const { address, tile } of this.entries.values())
            yield [address, tile];
    }
    drop(key) {
        const entry = this.entries.get(key);
        if (entry === undefined)
            return;
        this.entries.delete(key);
        this.bytes -= entry.tile.bytes;
        entry.tile.bitmap?.close();
    }
}
export function keyOf({ axis, level, index, row, column }) {
    return `${axis}/${level}/${index}/${row}/${column}`;
}
