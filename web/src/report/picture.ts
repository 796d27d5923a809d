/** A section of the page, decoded when it is looked at. */
import type { Section } from "./contract.js";
import type { Look, Masks } from "./painting.js";
import { paint } from "./painting.js";
import { decoded } from "./runs.js";

export class Picture {
  private decodedGrey: Promise<Uint8Array> | undefined;
  private readonly masks = new Map<number, Masks>();

  constructor(readonly section: Section) {}

  /** The grey values, decoded on first use. */
  private get grey(): Promise<Uint8Array> {
    return (this.decodedGrey ??= greyOf(this.section));
  }

  get width(): number {
    return this.section.size[1];
  }

  get height(): number {
    return this.section.size[0];
  }

  /** The masks of a class. */
  of(number: number): Masks {
    const known = this.masks.get(number);
    if (known) {
      return known;
    }
    const layers = this.section.layers[number];
    const pixels = this.width * this.height;
    const masks = {
      label: decoded(layers?.label ?? "", pixels),
      prediction: decoded(layers?.prediction ?? "", pixels),
      ignored: layers?.ignored == null ? null : decoded(layers.ignored, pixels),
    };
    this.masks.set(number, masks);
    return masks;
  }

  /** The section with a class laid over it. */
  async painted(number: number, look: Look): Promise<HTMLCanvasElement> {
    const grey = await this.grey;
    const canvas = document.createElement("canvas");
    canvas.width = this.width;
    canvas.height = this.height;
    const context = canvas.getContext("2d");
    if (context) {
      const image = context.createImageData(this.width, this.height);
      paint(image.data, grey, this.of(number), this.width, look);
      context.putImageData(image, 0, 0);
    }
    return canvas;
  }

  async value(x: number, y: number): Promise<number | undefined> {
    return (await this.grey)[y * this.width + x];
  }
}

async function greyOf(section: Section): Promise<Uint8Array> {
  const image = new Image();
  image.src = section.picture;
  await image.decode();
  const [height, width] = section.size;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) {
    return new Uint8Array(width * height);
  }
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return Uint8Array.from({ length: width * height }, (_, at) => data[4 * at] ?? 0);
}
