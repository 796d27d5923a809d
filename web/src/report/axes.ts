/** Scales, ticks and the frame of a chart, as SVG text. */
import { digits, escaped } from "./dom.js";

/** Places along an axis, and how they are written. */
export interface Ticks {
  values: number[];
  label: (value: number) => string;
}

export interface Scale {
  low: number;
  high: number;
  /** Where the ends lie, in pixels. */
  from: number;
  to: number;
}

export const at = (scale: Scale, value: number): number =>
  scale.from + ((value - scale.low) / (scale.high - scale.low || 1)) * (scale.to - scale.from);

export const MARGIN = { left: 56, right: 14, top: 22, bottom: 40 };

/** Numbers with more decimals are written with an exponent. */
const MOST_DECIMALS = 6;

/** Round numbers within a range, about `count` of them; whole ones where there is nothing between. */
export function ticks(low: number, high: number, count: number, whole: boolean): Ticks {
  const rough = (high - low) / Math.max(count, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = ([1, 2, 5, 10].find((times) => times * power >= rough * 0.999) ?? 10) * power;
  if (whole) {
    step = Math.max(1, Math.ceil(step));
  }
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const values = Array.from({ length: Math.max(last - first + 1, 0) }, (_, number) => Number(((first + number) * step).toPrecision(12)));
  // As many decimals as tell them apart.
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return { values, label: (value) => (decimals > MOST_DECIMALS ? digits(value) : value.toFixed(decimals)) };
}

export interface Frame {
  height: number;
  x: Scale;
  y: Scale;
}

/** Grid, axes and their names. */
export function framed(frame: Frame, names: { x: string; y: string }, xTicks: Ticks, yTicks: Ticks): string {
  const { height, x, y } = frame;
  const [left, right, top, bottom] = [x.from, x.to, y.to, y.from];
  const across = yTicks.values.map((value) => {
    const place = at(y, value);
    return `<line class="grid" x1="${left}" x2="${right}" y1="${place}" y2="${place}"/><text x="${left - 7}" y="${place + 4}" text-anchor="end">${escaped(yTicks.label(value))}</text>`;
  });
  const along = xTicks.values.map((value) => {
    const place = at(x, value);
    return `<line class="tick" x1="${place}" x2="${place}" y1="${bottom}" y2="${bottom + 4}"/><text x="${place}" y="${bottom + 17}" text-anchor="middle">${escaped(xTicks.label(value))}</text>`;
  });
  const yName = names.y ? `<text x="${left - 40}" y="${top - 8}">${escaped(names.y)}</text>` : "";
  return `${across.join("")}<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>${along.join("")}<text x="${(left + right) / 2}" y="${height - 6}" text-anchor="middle">${escaped(names.x)}</text>${yName}<rect class="back" x="${left}" y="${top}" width="${Math.max(right - left, 0)}" height="${Math.max(bottom - top, 0)}"/>`;
}
