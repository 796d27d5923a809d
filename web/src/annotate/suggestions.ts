/**
 * The layer of suggestions: where a source's probability passes the class's threshold and nothing is labelled yet.
 * Looks unlike labels: a light fill with a dashed edge.
 */
import { classColour, pixel } from "./colours.js";
import { type Source, type TileAddress, UNKNOWN } from "./contract.js";
import { atEdge } from "./labels.js";
import { Layer } from "./layer.js";
import { server } from "./server.js";
import type { Settings } from "./settings.js";
import { Tile } from "./tiles.js";

const LIMIT_BYTES = 256 * 2 ** 20;
/** Length of a dash along the edge, in pixels, as a power of two. */
const DASH_BITS = 2;

export interface SuggestionOptions {
  classes: string[];
  settings: Settings;
  source(): Source | null;
  threshold(name: string): number;
  /** The labels of the same place, if they are in memory. */
  labels(address: TileAddress): Tile | undefined;
}

export function suggestionLayer({ classes, settings, source, threshold, labels }: SuggestionOptions): Layer {
  return new Layer({
    name: "suggestions",
    slow: true,
    limitBytes: LIMIT_BYTES,
    fetch: (address, signal) => fetchSuggestions(source(), address, signal),
    colour(tile, pixels, address) {
      let seen = false;
      const known = labels(address);
      classes.forEach((name, index) => {
        // Probability 0 is never a suggestion, however low the threshold is.
        const least = Math.max(1, Math.ceil(threshold(name) * 255));
        const colours = coloursOf(index, settings.suggestionOpacity);
        seen = colourClass(unlabelled(tile, known, index), tile, pixels, least, colours) || seen;
      });
      return seen;
    },
  });
}

async function fetchSuggestions(source: Source | null, address: TileAddress, signal: AbortSignal): Promise<Tile> {
  if (source === null) throw new Error("there is no source of suggestions");
  const { data, classes, height, width } = await server.suggestions(source.name, source.version, address, signal);
  return new Tile(data, classes, height, width);
}

/** The class's probabilities where it is not labelled; what a person has told needs no suggestion. */
function unlabelled(tile: Tile, labels: Tile | undefined, index: number): Uint8Array {
  const plane = tile.plane(index);
  if (labels === undefined || labels.width !== tile.width || labels.height !== tile.height) return plane;
  const told = labels.plane(index);
  const open = new Uint8Array(plane.length);
  for (let i = 0; i < open.length; i++) {
    if (told[i] === UNKNOWN) open[i] = plane[i] as number;
  }
  return open;
}

interface Colours {
  fill: number;
  edge: number;
}

function coloursOf(index: number, opacity: number): Colours {
  const colour = classColour(index);
  return { fill: pixel(colour, 0.3 * opacity), edge: pixel(colour, opacity + 0.4) };
}

function colourClass(plane: Uint8Array, tile: Tile, pixels: Uint32Array, least: number, { fill, edge }: Colours): boolean {
  let seen = false;
  for (let i = 0; i < plane.length; i++) {
    if ((plane[i] as number) < least) continue;
    const dash = (((i % tile.width) + Math.floor(i / tile.width)) >> DASH_BITS) & 1;
    pixels[i] = dash === 0 && atEdge(plane, i, tile, least) ? edge : fill;
    seen = true;
  }
  return seen;
}
