/**
 * Tiles in memory: their bytes, the picture made of them, and a store of them that forgets the longest unused ones.
 */
import type { TileAddress } from "./contract.js";

export class Tile {
  /** The picture to draw, made when it is first shown; null also for a tile that shows nothing. */
  bitmap: ImageBitmap | null = null;
  /** The layer's style when `bitmap` was made; -1 asks for a new one. */
  style = -1;

  constructor(
    readonly data: Uint8Array,
    readonly planes: number,
    readonly height: number,
    readonly width: number,
  ) {}

  /** Bytes of the data and of the picture that may be made of it. */
  get bytes(): number {
    return this.data.length + 4 * this.height * this.width;
  }

  plane(index: number): Uint8Array {
    const size = this.height * this.width;
    return this.data.subarray(index * size, (index + 1) * size);
  }
}

interface Entry {
  address: TileAddress;
  tile: Tile;
  /** The server has something newer; this is drawn until that has come. */
  stale: boolean;
}

export class TileStore {
  // A Map keeps its order of insertion: the first entry is the one unused for longest.
  private readonly entries = new Map<string, Entry>();
  private bytes = 0;
  /** Grows with every invalidation, so that answers asked for before it are told apart. */
  epoch = 0;

  constructor(private readonly limitBytes: number) {}

  get(address: TileAddress): Tile | undefined {
    const key = keyOf(address);
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.tile;
  }

  /** Has one tile's picture made anew. */
  restyle(address: TileAddress): void {
    const entry = this.entries.get(keyOf(address));
    if (entry !== undefined) entry.tile.style = -1;
  }

  /** Whether the tile must be asked of the server. */
  lacks(address: TileAddress): boolean {
    return this.entries.get(keyOf(address))?.stale ?? true;
  }

  put(address: TileAddress, tile: Tile): void {
    const key = keyOf(address);
    this.drop(key);
    this.entries.set(key, { address, tile, stale: false });
    this.bytes += tile.bytes;
    for (const oldest of this.entries.keys()) {
      if (this.bytes <= this.limitBytes || oldest === key) break;
      this.drop(oldest);
    }
  }

  invalidate(hit: (address: TileAddress) => boolean): void {
    this.epoch++;
    for (const entry of this.entries.values()) {
      if (hit(entry.address)) entry.stale = true;
    }
  }

  clear(): void {
    this.epoch++;
    for (const key of [...this.entries.keys()]) this.drop(key);
  }

  *[Symbol.iterator](): Iterator<[TileAddress, Tile]> {
    for (const { address, tile } of this.entries.values()) yield [address, tile];
  }

  private drop(key: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    this.entries.delete(key);
    this.bytes -= entry.tile.bytes;
    entry.tile.bitmap?.close();
  }
}

export function keyOf({ axis, level, index, row, column }: TileAddress): string {
  return `${axis}/${level}/${index}/${row}/${column}`;
}
