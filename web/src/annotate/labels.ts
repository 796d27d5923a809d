/**
 * The layer of labels: what a person has painted, drawn at once and later replaced by what the server keeps.
 */
import { BACKGROUND_COLOUR, classColour, pixel } from "./colours.js";
import { type Action, BACKGROUND, type Box, FOREGROUND, type Polygon, type Stroke, type TileAddress } from "./contract.js";
import { Layer } from "./layer.js";
import { type Raster, paintPolygon, paintSegment } from "./raster.js";
import { server } from "./server.js";
import type { Settings } from "./settings.js";
import { Tile } from "./tiles.js";

const LIMIT_BYTES = 256 * 2 ** 20;
/** Lines of the background's hatch are this many pixels apart; a power of two. */
const HATCH = 8;

export interface LabelOptions {
  classes: string[];
  tile: number;
  settings: Settings;
  /** The class whose background is shown. */
  current(): number;
  revision(): number;
  /** Strokes and other actions that the server has not confirmed yet. */
  unsent(): Action[];
  /** A tile's labels changed. */
  changed(address: TileAddress): void;
}

export class Labels {
  readonly layer: Layer;
  /** The stroke being drawn; tiles that arrive meanwhile get it too. */
  live: Stroke | null = null;

  constructor(private readonly options: LabelOptions) {
    this.layer = new Layer({
      name: "labels",
      slow: false,
      limitBytes: LIMIT_BYTES,
      fetch: (address, signal) => this.fetch(address, signal),
      colour: (tile, pixels) => this.colour(tile, pixels),
      arrived: options.changed,
    });
  }

  /** Paints a stroke or polygon into all tiles of its section; of a stroke, the points from `first` on. */
  paint(action: Stroke | Polygon, first = 0): void {
    for (const [address, tile] of this.layer.store) {
      if (address.index !== action.z || !this.paintTile(address, tile, action, first)) continue;
      tile.style = -1;
      this.options.changed(address);
    }
  }

  /** Has the tiles asked for again that show a part of the box. */
  invalidate({ start, shape }: Box): void {
    this.layer.store.invalidate(({ level, index, row, column }) => {
      const size = this.options.tile * 2 ** level;
      const overlaps = (position: number, axis: 1 | 2): boolean =>
        position * size < start[axis] + shape[axis] && (position + 1) * size > start[axis];
      return index >= start[0] && index < start[0] + shape[0] && overlaps(row, 1) && overlaps(column, 2);
    });
  }

  invalidateAll(): void {
    this.layer.store.invalidate(() => true);
  }

  private async fetch(address: TileAddress, signal: AbortSignal): Promise<Tile> {
    const { data, classes, height, width } = await server.labels(address, this.options.revision(), signal);
    const tile = new Tile(data, classes, height, width);
    const unsent = this.options.unsent();
    for (const action of this.live === null ? unsent : [...unsent, this.live]) {
      if ((action.kind === "stroke" || action.kind === "polygon") && action.z === address.index) {
        this.paintTile(address, tile, action, 0);
      }
    }
    return tile;
  }

  private paintTile(address: TileAddress, tile: Tile, action: Stroke | Polygon, first: number): boolean {
    const raster = this.raster(address, tile, this.options.classes.indexOf(action.class));
    if (action.kind === "polygon") return paintPolygon(raster, action.points, action.value);
    let touched = false;
    for (let i = first; i < action.points.length; i++) {
      const [from, to] = [action.points[Math.max(0, i - 1)], action.points[i]];
      if (from && to) touched = paintSegment(raster, from, to, action.radius, action.value) || touched;
    }
    return touched;
  }

  private raster({ level, row, column }: TileAddress, tile: Tile, plane: number): Raster {
    const scale = 2 ** level;
    const size = this.options.tile * scale;
    const { height, width } = tile;
    return { data: tile.plane(plane), height, width, top: row * size, left: column * size, scale };
  }

  private colour(tile: Tile, pixels: Uint32Array): boolean {
    const { settings, classes, current } = this.options;
    let seen = settings.showBackground && colourBackground(tile, current(), pixels, settings.labelOpacity);
    // The current class comes last, so that it lies on top.
    const order = classes.map((_, index) => index).sort((a, b) => Number(a === current()) - Number(b === current()));
    for (const index of order) seen = colourClass(tile, index, pixels, settings) || seen;
    return seen;
  }
}

function colourBackground(tile: Tile, index: number, pixels: Uint32Array, opacity: number): boolean {
  const plane = tile.plane(index);
  if (!plane.includes(BACKGROUND)) return false;
  const tint = pixel(BACKGROUND_COLOUR, 0.22 * opacity);
  const line = pixel(BACKGROUND_COLOUR, 0.8 * opacity);
  const rim = pixel(BACKGROUND_COLOUR, opacity + 0.4);
  for (let i = 0; i < plane.length; i++) {
    if (plane[i] !== BACKGROUND) continue;
    const diagonal = (i % tile.width) + Math.floor(i / tile.width);
    // The rim against what is unknown shows where a stroke went.
    pixels[i] = atEdge(plane, i, tile, BACKGROUND) ? rim : diagonal % HATCH === 0 ? line : tint;
  }
  return true;
}

function colourClass(tile: Tile, index: number, pixels: Uint32Array, { outlines, labelOpacity }: Settings): boolean {
  const plane = tile.plane(index);
  if (!plane.includes(FOREGROUND)) return false;
  const fill = pixel(classColour(index), labelOpacity);
  const edge = pixel(classColour(index), labelOpacity + 0.4);
  for (let i = 0; i < plane.length; i++) {
    if (plane[i] !== FOREGROUND) continue;
    if (atEdge(plane, i, tile, FOREGROUND)) pixels[i] = edge;
    else if (!outlines) pixels[i] = fill;
  }
  return true;
}

/** Whether a pixel of at least `value` has a neighbour below it; the tile's own border is no edge. */
export function atEdge(plane: Uint8Array, i: number, { height, width }: Tile, value: number): boolean {
  const column = i % width;
  const below = (neighbour: number): boolean => (plane[neighbour] as number) < value;
  return (
    (column > 0 && below(i - 1)) ||
    (column < width - 1 && below(i + 1)) ||
    (i >= width && below(i - width)) ||
    (i < (height - 1) * width && below(i + width))
  );
}
