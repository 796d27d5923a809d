/**
 * The layer of the microscope's picture, and its contrast.
 */
import type { TileAddress } from "./contract.js";
import { Layer, context } from "./layer.js";
import { server } from "./server.js";
import type { Settings } from "./settings.js";
import { Tile } from "./tiles.js";

const LIMIT_BYTES = 384 * 2 ** 20;
const OPAQUE = 0xff000000;

export function pictureLayer(settings: Settings): Layer {
  return new Layer({
    name: "picture",
    slow: false,
    limitBytes: LIMIT_BYTES,
    fetch: fetchPicture,
    colour: (tile, pixels) => colourGrey(tile.data, pixels, settings),
  });
}

async function fetchPicture(address: TileAddress, signal: AbortSignal): Promise<Tile> {
  const blob = await server.picture(address, signal);
  const image = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(image.width, image.height);
  const pen = context(canvas, { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  image.close();
  const { data, height, width } = pen.getImageData(0, 0, canvas.width, canvas.height);
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) grey[i] = data[4 * i] as number;
  return new Tile(grey, 1, height, width);
}

/** Stretches the window of grey values from low to high over black to white. */
function colourGrey(grey: Uint8Array, pixels: Uint32Array, { low, high }: Settings): boolean {
  const table = new Uint32Array(256);
  for (let value = 0; value < 256; value++) {
    const share = Math.min(1, Math.max(0, (value - low) / Math.max(1, high - low)));
    const shown = Math.round(255 * share);
    table[value] = OPAQUE | (shown << 16) | (shown << 8) | shown;
  }
  for (let i = 0; i < grey.length; i++) pixels[i] = table[grey[i] as number] as number;
  return true;
}
