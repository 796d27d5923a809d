/**
 * Which pixels a stroke or a polygon paints: those whose centre lies within the radius of the polyline, or inside by the even-odd rule.
 * The server follows the same rule, so that what is painted at once is what is kept.
 */
import type { Point } from "./contract.js";

/** One plane of a tile; its pixel (0, 0) begins at (top, left), and its pixels are `scale` voxels wide. */
export interface Raster {
  data: Uint8Array;
  height: number;
  width: number;
  top: number;
  left: number;
  scale: number;
}

/** Paints all pixels within `radius` of the line from a to b; tells whether any pixel lay there. */
export function paintSegment(raster: Raster, a: Point, b: Point, radius: number, value: number): boolean {
  const { scale } = raster;
  // Coarse pixels are painted as soon as the stroke covers about their middle, so that thin strokes stay visible.
  const reach = scale === 1 ? radius : Math.max(radius, scale / 2);
  const [firstRow, endRow] = span(Math.min(a[0], b[0]) - reach, Math.max(a[0], b[0]) + reach, raster.top, scale, raster.height);
  const [first, end] = span(Math.min(a[1], b[1]) - reach, Math.max(a[1], b[1]) + reach, raster.left, scale, raster.width);
  for (let row = firstRow; row < endRow; row++) {
    const y = raster.top + (row + 0.5) * scale;
    for (let column = first; column < end; column++) {
      const x = raster.left + (column + 0.5) * scale;
      if (squaredDistance(y, x, a, b) <= reach * reach) raster.data[row * raster.width + column] = value;
    }
  }
  return endRow > firstRow && end > first;
}

/** Paints all pixels whose centre lies inside the polygon; tells whether any row was touched. */
export function paintPolygon(raster: Raster, points: Point[], value: number): boolean {
  const ys = points.map(([y]) => y);
  const [firstRow, endRow] = span(Math.min(...ys), Math.max(...ys), raster.top, raster.scale, raster.height);
  for (let row = firstRow; row < endRow; row++) {
    const crossings = crossingsAt(points, raster.top + (row + 0.5) * raster.scale);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const [from, to] = [crossings[i] as number, crossings[i + 1] as number];
      const first = Math.max(0, Math.ceil((from - raster.left) / raster.scale - 0.5));
      const end = Math.min(raster.width, Math.ceil((to - raster.left) / raster.scale - 0.5));
      if (end > first) raster.data.fill(value, row * raster.width + first, row * raster.width + end);
    }
  }
  return endRow > firstRow;
}

/** Pixels, first and one past the last, that the voxels from `low` to `high` touch. */
function span(low: number, high: number, origin: number, scale: number, size: number): [number, number] {
  const first = Math.max(0, Math.floor((low - origin) / scale));
  return [first, Math.min(size, Math.floor((high - origin) / scale) + 1)];
}

function squaredDistance(y: number, x: number, [ay, ax]: Point, [by, bx]: Point): number {
  const [dy, dx] = [by - ay, bx - ax];
  const squaredLength = dy * dy + dx * dx;
  const along = squaredLength === 0 ? 0 : ((y - ay) * dy + (x - ax) * dx) / squaredLength;
  const nearest = Math.min(1, Math.max(0, along));
  const [ey, ex] = [y - ay - nearest * dy, x - ax - nearest * dx];
  return ey * ey + ex * ex;
}

/** Where the polygon's edges cross the line at y, in order. */
function crossingsAt(points: Point[], y: number): number[] {
  const crossings: number[] = [];
  points.forEach(([ay, ax], i) => {
    const [by, bx] = points[(i + 1) % points.length] as Point;
    if (ay <= y !== by <= y) crossings.push(ax + ((y - ay) * (bx - ax)) / (by - ay));
  });
  return crossings.sort((a, b) => a - b);
}
