/** A chart in its place on the page: drawn at its width, with a cursor that pointer and arrow keys move. */
import { drawBars } from "./bars.js";
import type { Chart } from "./contract.js";
import { escaped } from "./dom.js";
import { drawLines } from "./lines.js";

/** A chart as SVG text, and what it says at each stop of the cursor. */
export interface Drawn {
  svg: string;
  stops: { x: number; title: string; values: string[] }[];
  /** What values are called beside the cursor, and in the legend where there are several. */
  names: string[];
}

const HEIGHT = 260;

export function plot(chart: Chart, place: HTMLElement): void {
  let drawn: Drawn | undefined;
  let cursor: number | undefined;
  const draw = () => {
    const width = Math.round(place.clientWidth);
    if (width === 0) {
      return;
    }
    drawn = chart.kind === "lines" ? drawLines(chart, width, HEIGHT) : drawBars(chart, width, HEIGHT);
    cursor = undefined;
    place.innerHTML = legendOf(drawn) + svgOf(chart, drawn, width) + '<output class="tip" hidden></output>';
  };
  const show = (stop: number | undefined) => {
    cursor = stop;
    moveCursor(place, drawn, stop);
  };
  place.addEventListener("pointermove", (event) => {
    const box = place.querySelector("svg")?.getBoundingClientRect();
    if (drawn && box) {
      show(nearest(drawn, ((event.clientX - box.left) / box.width) * place.clientWidth));
    }
  });
  place.addEventListener("pointerleave", () => show(undefined));
  place.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by !== undefined && drawn) {
      event.preventDefault();
      const last = drawn.stops.length - 1;
      show(Math.min(Math.max((cursor ?? (by > 0 ? -1 : last + 1)) + by, 0), last));
    } else if (event.key === "Escape") {
      show(undefined);
    }
  });
  new ResizeObserver(draw).observe(place);
  draw();
}

function legendOf(drawn: Drawn): string {
  if (drawn.names.length < 2) {
    return "";
  }
  const items = drawn.names.map((name, number) => `<li><i class="swatch-${number % 6}"></i>${escaped(name)}</li>`);
  return `<ul class="key">${items.join("")}</ul>`;
}

function svgOf(chart: Chart, drawn: Drawn, width: number): string {
  const label = `${chart.title}; arrow keys read its values`;
  return `<svg viewBox="0 0 ${width} ${HEIGHT}" tabindex="0" role="img" aria-label="${escaped(label)}">${drawn.svg}<line class="cursor" y1="0" y2="${HEIGHT - 40}" visibility="hidden"/></svg>`;
}

function nearest(drawn: Drawn, x: number): number | undefined {
  let found: number | undefined;
  drawn.stops.forEach((stop, number) => {
    if (found === undefined || Math.abs(stop.x - x) < Math.abs((drawn.stops[found]?.x ?? Infinity) - x)) {
      found = number;
    }
  });
  return found;
}

function moveCursor(place: HTMLElement, drawn: Drawn | undefined, number: number | undefined): void {
  const cursor = place.querySelector(".cursor");
  const tip = place.querySelector<HTMLElement>(".tip");
  const stop = number === undefined ? undefined : drawn?.stops[number];
  if (!cursor || !tip || !drawn) {
    return;
  }
  cursor.setAttribute("visibility", stop ? "visible" : "hidden");
  tip.hidden = stop === undefined;
  if (stop) {
    cursor.setAttribute("x1", String(stop.x));
    cursor.setAttribute("x2", String(stop.x));
    const { names } = drawn;
    const values = stop.values.map((value, set) => `<span><i class="swatch-${set % 6}"></i>${escaped(names[set] ?? "")} <b>${value}</b></span>`);
    tip.innerHTML = `<strong>${escaped(stop.title)}</strong>${values.join("")}`;
    const isRight = stop.x > place.clientWidth / 2;
    tip.style.left = isRight ? "" : `${stop.x + 10}px`;
    tip.style.right = isRight ? `${place.clientWidth - stop.x + 10}px` : "";
  }
}
