/** From grey values and masks to the pixels of a section; no page, no canvas. */

/** What is laid over a section. */
export interface Look {
  /** `errors`: found, wrong and missed; `masks`: label and prediction. */
  colours: "errors" | "masks";
  outlines: boolean;
  /** 0 to 1. */
  labelOpacity: number;
  predictionOpacity: number;
  /** -1 to 1; 0 is as it is. */
  contrast: number;
  brightness: number;
}

export const PLAIN: Look = {
  colours: "errors",
  outlines: false,
  labelOpacity: 0.45,
  predictionOpacity: 0.45,
  contrast: 0,
  brightness: 0,
};

export interface Masks {
  label: Uint8Array;
  prediction: Uint8Array;
  ignored: Uint8Array | null;
}

export type Colour = readonly [number, number, number];

/** Okabe and Ito's colours, which people with any colour vision tell apart; those of `crates/em-pipeline/src/drawing/panel.rs`. */
export const COLOURS = {
  found: [0, 158, 115],
  wrong: [213, 94, 0],
  missed: [86, 180, 233],
  label: [240, 228, 66],
  prediction: [204, 121, 167],
} as const satisfies Record<string, Colour>;

/** Where voxels do not count, less of the tissue is seen. */
const IGNORED_SHARE = 0.45;

/** The shade of each grey value. */
export function shades(look: Look): Uint8ClampedArray {
  const slope = Math.tan(((look.contrast + 1) * Math.PI) / 4);
  return Uint8ClampedArray.from({ length: 256 }, (_, grey) => (grey - 127.5) * slope + 127.5 + look.brightness * 127.5);
}

/** Whether a pixel of a mask has a neighbour outside of it. */
function isOutline(mask: Uint8Array, at: number, width: number): boolean {
  const x = at % width;
  return (
    (x > 0 && mask[at - 1] === 0) ||
    (x < width - 1 && mask[at + 1] === 0) ||
    mask[at - width] === 0 ||
    mask[at + width] === 0
  );
}

/** Paints a section into RGBA pixels. */
export function paint(pixels: Uint8ClampedArray, grey: Uint8Array, masks: Masks, width: number, look: Look): void {
  const shade = shades(look);
  const { label, prediction, ignored } = masks;
  for (let at = 0; at < grey.length; at += 1) {
    const tissue = shade[grey[at] ?? 0] ?? 0;
    const place = 4 * at;
    pixels[place] = pixels[place + 1] = pixels[place + 2] = tissue;
    pixels[place + 3] = 255;
    if (ignored?.[at] === 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        pixels[place + channel] = 128 + (tissue - 128) * (1 - IGNORED_SHARE);
      }
      continue;
    }
    const isLabel = label[at] === 1 && (!look.outlines || isOutline(label, at, width));
    const isPrediction = prediction[at] === 1 && (!look.outlines || isOutline(prediction, at, width));
    if (!isLabel && !isPrediction) {
      continue;
    }
    if (look.colours === "errors") {
      // By what the voxel is, so that an outline of the label within a prediction is one of what was found.
      const [colour, opacity] =
        label[at] === 0
          ? ([COLOURS.wrong, look.predictionOpacity] as const)
          : prediction[at] === 0
            ? ([COLOURS.missed, look.labelOpacity] as const)
            : ([COLOURS.found, Math.max(isLabel ? look.labelOpacity : 0, isPrediction ? look.predictionOpacity : 0)] as const);
      blend(pixels, place, colour, opacity);
    } else {
      if (isLabel) {
        blend(pixels, place, COLOURS.label, look.labelOpacity);
      }
      if (isPrediction) {
        blend(pixels, place, COLOURS.prediction, look.predictionOpacity);
      }
    }
  }
}

function blend(pixels: Uint8ClampedArray, place: number, colour: Colour, opacity: number): void {
  for (let channel = 0; channel < 3; channel += 1) {
    const below = pixels[place + channel] ?? 0;
    pixels[place + channel] = below + ((colour[channel] ?? 0) - below) * opacity;
  }
}
