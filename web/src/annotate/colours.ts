/**
 * Colours of the classes: Okabe and Ito 2008, "Color universal design", told apart by colour-blind people as well.
 */

const CLASS_COLOURS = ["#e69f00", "#cc79a7", "#009e73", "#f0e442", "#d55e00", "#56b4e9", "#0072b2"] as const;

/** Paint of the background: cool and pale, unlike all classes. */
export const BACKGROUND_COLOUR = "#8fb4d9";

export function classColour(index: number): string {
  return CLASS_COLOURS[index % CLASS_COLOURS.length] as string;
}

/** A colour as the bytes of a little-endian pixel. */
export function pixel(colour: string, opacity: number): number {
  const rgb = Number.parseInt(colour.slice(1), 16);
  const [red, green, blue] = [rgb >> 16, (rgb >> 8) & 255, rgb & 255];
  const alpha = Math.round(255 * Math.min(1, opacity));
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
