/** A bar of a round length. */

/** The longest of 1, 2 and 5 times a power of ten nm that is no longer than `most` pixels of `nm` each. */
export function barOf(nm: number, most: number): { pixels: number; text: string } {
  const longest = nm * most;
  const power = 10 ** Math.floor(Math.log10(longest));
  const length = [5, 2, 1].map((step) => step * power).find((step) => step <= longest) ?? power;
  const text = length >= 1000 ? `${length / 1000} µm` : `${Number(length.toPrecision(3))} nm`;
  return { pixels: length / nm, text };
}
