/**
 * The loss curve of a training as a small drawing; the value under the pointer is told.
 */
import type { CurvePoint } from "./contract.js";
import { make, rebuild, svg } from "./dom.js";

const WIDTH = 264;
const HEIGHT = 96;
const LEFT = 30;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 16;

type Place = (point: CurvePoint) => [x: number, y: number];

/** Binds an element to the curve; the returned function shows its points. */
export function makeCurve(parent: HTMLElement): (points: CurvePoint[]) => void {
  return (points) => {
    parent.hidden = points.length === 0;
    rebuild(parent, points, () => (points.length === 0 ? [] : draw(points)));
  };
}

function draw(points: CurvePoint[]): Node[] {
  const place = placeIn(points);
  const [best, worst] = [Math.min(...points.map(({ loss }) => loss)), Math.max(...points.map(({ loss }) => loss))];
  const last = points[points.length - 1]?.epoch ?? 0;
  const networks = [...new Set(points.map(({ network }) => network))];
  const dot = svg("circle", { r: 3.5, class: "curve-dot", visibility: "hidden" });
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `Loss from ${worst.toFixed(3)} to ${best.toFixed(3)} over ${last} epochs` },
    svg("path", { class: "curve-axis", d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }),
    text(LEFT - 4, TOP + 4, "end", worst.toPrecision(2)),
    text(LEFT - 4, HEIGHT - BOTTOM, "end", best.toPrecision(2)),
    text(WIDTH - RIGHT, HEIGHT - 4, "end", `epoch ${last}`),
    ...networks.map((network, i) => line(points.filter((point) => point.network === network).map(place), i)),
    dot,
  );
  const value = make("output", { className: "curve-value", textContent: " " });
  picture.addEventListener("pointermove", (event) => {
    const { left, width } = picture.getBoundingClientRect();
    tell(nearest(points, place, ((event.clientX - left) / width) * WIDTH), place, dot, value);
  });
  return [picture, value];
}

function tell(point: CurvePoint, place: Place, dot: SVGElement, value: HTMLElement): void {
  const [x, y] = place(point);
  dot.setAttribute("cx", String(x));
  dot.setAttribute("cy", String(y));
  dot.setAttribute("visibility", "visible");
  value.textContent = `network ${point.network}, epoch ${point.epoch}: loss ${point.loss.toFixed(4)}`;
}

function nearest(points: CurvePoint[], place: Place, x: number): CurvePoint {
  return points.reduce((best, point) => (Math.abs(place(point)[0] - x) < Math.abs(place(best)[0] - x) ? point : best));
}

function placeIn(points: CurvePoint[]): Place {
  const losses = points.map(({ loss }) => loss);
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const [first, last] = [points[0]?.epoch ?? 0, Math.max(...points.map(({ epoch }) => epoch))];
  return ({ epoch, loss }) => [
    LEFT + ((epoch - first) / Math.max(1, last - first)) * (WIDTH - LEFT - RIGHT),
    HEIGHT - BOTTOM - ((loss - low) / Math.max(1e-12, high - low)) * (HEIGHT - BOTTOM - TOP),
  ];
}

function line(places: [number, number][], index: number): SVGElement {
  return svg("polyline", { class: `curve-line curve-${index % 4}`, points: places.map((place) => place.join(",")).join(" ") });
}

function text(x: number, y: number, anchor: string, content: string): SVGElement {
  return svg("text", { x, y, "text-anchor": anchor, class: "curve-text" }, content);
}
