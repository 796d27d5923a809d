/** Lines over an axis, with their values under the pointer. */
import type { Frame, Scale } from "./axes.js";
import { MARGIN, at, framed, ticks } from "./axes.js";
import type { Lines, Series } from "./contract.js";
import { digits, escaped } from "./dom.js";
import type { Drawn } from "./plot.js";

/** More points than this have no dots. */
const MOST_DOTS = 60;

function ends(values: number[]): [number, number] {
  return values.length === 0 ? [0, 1] : [Math.min(...values), Math.max(...values)];
}

function frameOf(chart: Lines, width: number, height: number): Frame {
  const xs = chart.series.flatMap((line) => line.points.map(([x]) => x));
  const ys = chart.series.flatMap((line) => line.points.flatMap(([, y]) => (y === null ? [] : [y])));
  const [firstX, lastX] = chart.x.range ?? ends(xs);
  const [least, most] = ends(ys);
  // Scores and losses are read from 0, and the line at the top has room.
  const [low, high] = chart.y.range ?? [Math.min(least, 0), most + (most - Math.min(least, 0)) * 0.05 || 1];
  const [from, to] = firstX === lastX ? [firstX - 1, lastX + 1] : [firstX, lastX];
  const x: Scale = { low: from, high: to, from: MARGIN.left, to: width - MARGIN.right };
  const y: Scale = { low, high, from: height - MARGIN.bottom, to: MARGIN.top };
  return { height, x, y };
}

/** A line in pieces: what does not exist is a gap. */
function path(line: Series, frame: Frame): string {
  let pen = "M";
  const parts = line.points.map(([x, y]) => {
    if (y === null) {
      pen = "M";
      return "";
    }
    const part = `${pen}${at(frame.x, x).toFixed(2)} ${at(frame.y, y).toFixed(2)}`;
    pen = "L";
    return part;
  });
  return parts.join("");
}

export function drawLines(chart: Lines, width: number, height: number): Drawn {
  const frame = frameOf(chart, width, height);
  const { x, y } = frame;
  const xTicks = ticks(x.low, x.high, Math.max(2, Math.floor(width / 80)), chart.x.whole);
  const yTicks = ticks(y.low, y.high, 5, chart.y.whole);
  const diagonal = chart.diagonal ? `<line class="diagonal" x1="${x.from}" x2="${x.to}" y1="${y.from}" y2="${y.to}"/>` : "";
  const marks = chart.marks.map(([place, text]) => {
    const px = at(x, place);
    const isRight = px > (x.from + x.to) / 2;
    return `<line class="mark" x1="${px}" x2="${px}" y1="${y.to}" y2="${y.from}"/><text class="marked" x="${px + (isRight ? -5 : 5)}" y="${y.to - 7}" text-anchor="${isRight ? "end" : "start"}">${escaped(text)}</text>`;
  });
  const lines = chart.series.map((line, number) => {
    const points = line.points.filter((point): point is [number, number] => point[1] !== null);
    const dots = points.length > MOST_DOTS ? "" : points.map(([px, py]) => `<circle cx="${at(x, px)}" cy="${at(y, py)}" r="2.5"/>`).join("");
    return `<g class="line line-${number % 6}"><path d="${path(line, frame)}"/>${dots}</g>`;
  });
  const names = { x: chart.x.title, y: chart.y.title };
  const svg = `${framed(frame, names, xTicks, yTicks)}${diagonal}${marks.join("")}${lines.join("")}`;
  return { svg, stops: stopsOf(chart, frame), names: chart.series.map((line) => line.name) };
}

/** Each place along x with the values there. */
function stopsOf(chart: Lines, frame: Frame): Drawn["stops"] {
  const values = new Map<number, string[]>();
  chart.series.forEach((line, number) => {
    for (const [place, value] of line.points) {
      const told = values.get(place) ?? chart.series.map(() => "none");
      told[number] = value === null ? "none" : digits(value);
      values.set(place, told);
    }
  });
  const places = [...values.keys()].sort((a, b) => a - b);
  return places.map((place) => ({ x: at(frame.x, place), title: `${chart.x.title} ${digits(place)}`, values: values.get(place) ?? [] }));
}
