/**
 * Which tiles of the pyramid show a part of a plane, and where a tile lies. Along z, cuts are never reduced.
 */
import type { Axis, Project, TileAddress } from "./contract.js";
import type { Rect, View } from "./view.js";

export class Pyramid {
  readonly coarsest: number;

  constructor(
    private readonly project: Project,
    private readonly view: View,
  ) {
    this.coarsest = project.levels - 1;
  }

  /** The coarsest level whose pixels are no larger than those of the screen. */
  levelFor(devicePixelsPerVoxel: number): number {
    const level = Math.floor(Math.log2(1 / devicePixelsPerVoxel));
    return Math.min(this.coarsest, Math.max(0, level));
  }

  /** The tiles of a section that show a part of `rect`, from its middle outwards. */
  tiles(index: number, level: number, rect: Rect): TileAddress[] {
    const { axis } = this.view;
    const [tall, wide] = this.tileSize(axis, level);
    const found: { address: TileAddress; distance: number }[] = [];
    for (let row = Math.floor(rect.top / tall); row * tall < rect.bottom; row++) {
      for (let column = Math.floor(rect.left / wide); column * wide < rect.right; column++) {
        const down = (row + 0.5) * tall - (rect.top + rect.bottom) / 2;
        const right = (column + 0.5) * wide - (rect.left + rect.right) / 2;
        found.push({ address: { axis, level, index, row, column }, distance: Math.hypot(down, right) });
      }
    }
    return found.sort((a, b) => a.distance - b.distance).map(({ address }) => address);
  }

  /** The part of the plane that a tile shows, in voxels. */
  rect({ axis, level, row, column }: TileAddress): Rect {
    const [tall, wide] = this.tileSize(axis, level);
    const [rows, columns] = this.view.extent;
    return {
      top: row * tall,
      left: column * wide,
      bottom: Math.min(rows, (row + 1) * tall),
      right: Math.min(columns, (column + 1) * wide),
    };
  }

  /** The tile itself, then the coarser ones that show the same part. */
  *coarser(address: TileAddress): Generator<TileAddress> {
    for (let level = address.level; level <= this.coarsest; level++) {
      const up = level - address.level;
      const row = address.axis === "xy" ? address.row >> up : address.row;
      yield { ...address, level, row, column: address.column >> up };
    }
  }

  /** Voxels for one pixel of a level, [down, right]. */
  scale(axis: Axis, level: number): [number, number] {
    return [axis === "xy" ? 2 ** level : 1, 2 ** level];
  }

  private tileSize(axis: Axis, level: number): [number, number] {
    const [down, right] = this.scale(axis, level);
    return [this.project.tile * down, this.project.tile * right];
  }
}
