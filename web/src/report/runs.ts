/** Masks as lengths of runs, background first (LEB128 in base64), as `crates/em-pipeline/src/report/sections.rs` writes them. */

/** One byte for each pixel, 1 inside. */
export function decoded(runs: string, pixels: number): Uint8Array {
  const bytes = Uint8Array.from(atob(runs), (character) => character.charCodeAt(0));
  const mask = new Uint8Array(pixels);
  let at = 0;
  let inside = false;
  let length = 0;
  let shift = 0;
  for (const byte of bytes) {
    length += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte < 0x80) {
      if (inside) {
        mask.fill(1, at, at + length);
      }
      at += length;
      inside = !inside;
      length = 0;
      shift = 0;
    }
  }
  return mask;
}
