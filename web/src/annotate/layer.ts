/**
 * A layer of tiles (picture, labels, suggestions): how its tiles are asked for and what they look like.
 */
import type { TileAddress } from "./contract.js";
import type { Want } from "./loader.js";
import { Tile, TileStore, keyOf } from "./tiles.js";

export interface LayerOptions {
  name: string;
  slow: boolean;
  limitBytes: number;
  fetch(address: TileAddress, signal: AbortSignal): Promise<Tile>;
  /** Writes the tile's colours (ABGR) into pixels that are all clear; false where there is nothing to see. */
  colour(tile: Tile, pixels: Uint32Array, address: TileAddress): boolean;
  /** Called after a tile has come into the store. */
  arrived?(address: TileAddress): void;
}

export class Layer {
  readonly store: TileStore;
  private style = 0;

  constructor(private readonly options: LayerOptions) {
    this.store = new TileStore(options.limitBytes);
  }

  /** Has the tiles coloured anew when they are next drawn. */
  restyle(): void {
    this.style++;
  }

  /** The requests for those of the tiles that are missing or stale, in the same order. */
  wants(addresses: TileAddress[]): Want[] {
    const { name, slow } = this.options;
    return addresses
      .filter((address) => this.store.lacks(address))
      .map((address) => ({
        key: `${name}/${this.store.epoch}/${keyOf(address)}`,
        slow,
        load: (signal) => this.load(address, signal),
      }));
  }

  /** The picture of a tile of this layer; null where it shows nothing. */
  bitmap(tile: Tile, address: TileAddress): ImageBitmap | null {
    if (tile.style !== this.style) {
      tile.bitmap?.close();
      tile.bitmap = this.render(tile, address);
      tile.style = this.style;
    }
    return tile.bitmap;
  }

  private async load(address: TileAddress, signal: AbortSignal): Promise<void> {
    const { epoch } = this.store;
    const tile = await this.options.fetch(address, signal);
    if (signal.aborted || epoch !== this.store.epoch) return;
    this.store.put(address, tile);
    this.options.arrived?.(address);
  }

  private render(tile: Tile, address: TileAddress): ImageBitmap | null {
    const image = new ImageData(tile.width, tile.height);
    if (!this.options.colour(tile, new Uint32Array(image.data.buffer), address)) return null;
    const canvas = new OffscreenCanvas(tile.width, tile.height);
    context(canvas).putImageData(image, 0, 0);
    return canvas.transferToImageBitmap();
  }
}

/** The 2D context, which every browser that runs this page has. */
export function context(canvas: OffscreenCanvas, options?: CanvasRenderingContext2DSettings): OffscreenCanvasRenderingContext2D {
  const found = canvas.getContext("2d", options);
  if (found === null) throw new Error("this browser cannot draw on a canvas");
  return found;
}
