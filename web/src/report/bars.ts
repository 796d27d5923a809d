/** Histograms, with their counts under the pointer. */
import type { Frame } from "./axes.js";
import { MARGIN, at, framed, ticks } from "./axes.js";
import type { Bars } from "./contract.js";
import { digits } from "./dom.js";
import type { Drawn } from "./plot.js";

/** A bin that is alone stands in the middle, so that it looks like one. */
function rangeOf(chart: Bars): [number, number] {
  const [first, last] = [chart.edges[0] ?? 0, chart.edges.at(-1) ?? 1];
  if (chart.edges.length > 2) {
    return [first, last];
  }
  const beside = last - first;
  return [first >= 0 ? Math.max(first - beside, 0) : first - beside, last + beside];
}

/** An edge as a value: equal widths have round ones, which are written whole. */
function edgeText(chart: Bars, edge: number): string {
  return chart.by_powers ? digits(10 ** edge) : digits(edge, 12);
}

export function drawBars(chart: Bars, width: number, height: number): Drawn {
  const [low, high] = rangeOf(chart);
  const most = Math.max(1, ...chart.series.flatMap(([, counts]) => counts));
  const frame: Frame = {
    height,
    x: { low, high, from: MARGIN.left, to: width - MARGIN.right },
    y: { low: 0, high: most * 1.05, from: height - MARGIN.bottom, to: MARGIN.top },
  };
  const sets = chart.series.length;
  const bars = chart.series.map(([, counts], set) => {
    const rects = counts.map((count, bin) => {
      const [left, right] = [at(frame.x, chart.edges[bin] ?? 0), at(frame.x, chart.edges[bin + 1] ?? 0)];
      const each = (right - left) / sets;
      const top = at(frame.y, count);
      return `<rect x="${left + each * set + 0.5}" y="${top}" width="${Math.max(each - 1, 0.5)}" height="${frame.y.from - top}"/>`;
    });
    return `<g class="bars line-${set % 6}">${rects.join("")}</g>`;
  });
  const names = { x: chart.axis, y: "objects" };
  const xTicks = ticks(low, high, Math.max(2, Math.floor(width / 80)), chart.by_powers);
  if (chart.by_powers) {
    xTicks.label = (power) => digits(10 ** power);
  }
  const svg = framed(frame, names, xTicks, ticks(0, frame.y.high, 5, true)) + bars.join("");
  const stops = chart.edges.slice(0, -1).map((edge, bin) => {
    const end = chart.edges[bin + 1] ?? edge;
    return {
      x: at(frame.x, (edge + end) / 2),
      title: `${edgeText(chart, edge)} to ${edgeText(chart, end)}`,
      values: chart.series.map(([, counts]) => String(counts[bin] ?? 0)),
    };
  });
  return { svg, stops, names: chart.series.map(([name]) => name) };
}
