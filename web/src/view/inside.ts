/**
 * A point within an object: its centroid where that lies inside; of bent and hollow objects, the nearest point that does.
 */
import type { Voxel } from "./contract.js";
import type { Objects } from "./objects.js";
import { server } from "./server.js";

/** Points along each side of a section that are tried. */
const TRIED = 9;
/** Parts of the depth in which sections are tried after that of the centroid. */
const DEPTHS = [0.5, 0.25, 0.75, 0.1, 0.9];
/** Points that are asked for at the same time. */
const TOGETHER = 12;
/** A server that is busy must not keep a person from looking at the object. */
const PATIENCE_MS = 1_000;

export async function pointInside(layer: string, objects: Objects, id: number): Promise<Voxel | null> {
  const centroid = objects.point(id, "centroid");
  if (centroid === null) return null;
  const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), PATIENCE_MS));
  const found = await Promise.race([search(layer, id, candidates(objects, id, centroid)), late]).catch(() => null);
  return found ?? centroid;
}

/** Points of an object's box, those near the centroid first. */
function candidates(objects: Objects, id: number, centroid: Voxel): Voxel[] {
  const whole = centroid.map(Math.floor) as Voxel;
  const [start, end] = [objects.point(id, "start"), objects.point(id, "end")];
  if (start === null || end === null) return [whole];
  const [z0, y0, x0] = start;
  const [z1, y1, x1] = end;
  const sections = [whole[0], ...DEPTHS.map((part) => Math.floor(z0 + part * (z1 - z0)))];
  const along = (from: number, to: number): number[] => Array.from({ length: TRIED }, (_, i) => Math.floor(from + ((i + 0.5) / TRIED) * (to - from)));
  const distance = ([, y, x]: Voxel): number => Math.hypot(y - whole[1], x - whole[2]);
  const points = [...new Set(sections)].flatMap((z) => {
    const section = along(y0, y1).flatMap((y) => along(x0, x1).map((x): Voxel => [z, y, x]));
    return section.sort((a, b) => distance(a) - distance(b));
  });
  return [whole, ...points];
}

async function search(layer: string, id: number, points: Voxel[]): Promise<Voxel | null> {
  // The centroid is asked for alone, because most objects are round.
  for (let first = 0, count = 1; first < points.length; first += count, count = TOGETHER) {
    const asked = points.slice(first, first + count);
    const answers = await Promise.all(asked.map((point) => server.values(point)));
    const found = answers.findIndex(({ values }) => values[layer] === id);
    if (found >= 0) return asked[found]!;
  }
  return null;
}
