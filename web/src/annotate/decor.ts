/**
 * What is drawn over the tiles: regions, the proposal, what a tool is about to do, and the scale bar.
 */
import type { Box, Proposal, Region } from "./contract.js";
import type { View } from "./view.js";

const FONT = "12px system-ui, sans-serif";
const REGION = "#ffffff";
const PROPOSAL = "#ffd84d";
const SHADE = "rgba(0, 0, 0, 0.65)";
const NICE = [1, 2, 5];

export function drawRegions(pen: CanvasRenderingContext2D, view: View, regions: Region[], selected: string | null): void {
  for (const region of regions) {
    if (!cuts(view, region)) continue;
    drawBox(pen, view, region, REGION, [], region.name === selected ? 2.5 : 1.25);
    drawName(pen, view, region);
  }
}

export function drawProposal(pen: CanvasRenderingContext2D, view: View, proposal: Proposal | null): void {
  if (proposal !== null && cuts(view, proposal)) drawBox(pen, view, proposal, PROPOSAL, [9, 6], 2);
}

/** Draws where a box of the volume meets the plane, bright on a dark rim, so that it shows on any picture. */
export function drawBox(pen: CanvasRenderingContext2D, view: View, box: Box, colour: string, dash: number[], width: number): void {
  const { down, right } = view.plane;
  const [x0, y0] = view.toScreen(box.start[down], box.start[right]);
  const [x1, y1] = view.toScreen(box.start[down] + box.shape[down], box.start[right] + box.shape[right]);
  const path = new Path2D();
  path.rect(x0, y0, x1 - x0, y1 - y0);
  strokeOnAny(pen, path, colour, width, dash);
}

export function strokeOnAny(pen: CanvasRenderingContext2D, path: Path2D, colour: string, width: number, dash: number[] = []): void {
  pen.setLineDash([]);
  pen.strokeStyle = SHADE;
  pen.lineWidth = width + 2;
  pen.stroke(path);
  pen.setLineDash(dash);
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.stroke(path);
  pen.setLineDash([]);
}

/** A bar of a round length of about a ninth of the window, at the lower left. */
export function drawScaleBar(pen: CanvasRenderingContext2D, view: View): void {
  const widthNm = view.voxelSizeNm?.[view.plane.right];
  const perPixel = (widthNm ?? 1) / view.zoom;
  const length = niceLength(Math.min(180, Math.max(90, view.width / 9)) * perPixel);
  const text = widthNm === undefined ? `${length} voxels` : lengthText(length);
  const [x, y, bar] = [18, view.height - 22, length / perPixel];
  pen.font = FONT;
  pen.textBaseline = "alphabetic";
  pen.fillStyle = SHADE;
  pen.beginPath();
  pen.roundRect(x - 8, y - 22, Math.max(bar, pen.measureText(text).width) + 16, 34, 5);
  pen.fill();
  pen.fillStyle = "#fff";
  pen.fillRect(x, y, bar, 4);
  pen.fillText(text, x, y - 6);
}

export function lengthText(nm: number): string {
  return nm >= 1000 ? `${round(nm / 1000)} µm` : `${round(nm)} nm`;
}

/** The largest of 1, 2, 5 times a power of ten that is not longer. */
function niceLength(longest: number): number {
  const power = 10 ** Math.floor(Math.log10(longest));
  const step = NICE.filter((nice) => nice * power <= longest).pop() ?? 1;
  return Number((step * power).toPrecision(3));
}

function round(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Above the region's upper left corner, or as near to it as the window shows. */
function drawName(pen: CanvasRenderingContext2D, view: View, { name, start, shape }: Region): void {
  const { down, right } = view.plane;
  const [x0, y0] = view.toScreen(start[down], start[right]);
  const [x1, y1] = view.toScreen(start[down] + shape[down], start[right] + shape[right]);
  if (x1 > 0 && y1 > 0) drawChip(pen, name, Math.max(4, x0), Math.max(4, y0 - 20), REGION);
}

function drawChip(pen: CanvasRenderingContext2D, text: string, x: number, y: number, colour: string): void {
  pen.font = FONT;
  pen.textBaseline = "middle";
  pen.fillStyle = SHADE;
  pen.beginPath();
  pen.roundRect(x - 1, y, pen.measureText(text).width + 12, 17, 4);
  pen.fill();
  pen.fillStyle = colour;
  pen.fillText(text, x + 5, y + 9);
}

function cuts(view: View, box: Box): boolean {
  const { across } = view.plane;
  return view.index >= box.start[across] && view.index < box.start[across] + box.shape[across];
}
