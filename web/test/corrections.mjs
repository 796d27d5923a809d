/**
 * What a patient person paints: the stroke that mends most of what is wrong in a box, given the truth.
 */
import { paintSegment } from "../../crates/em-serve/page/raster.js";

const MOST_RADIUS = 40;
/** Parts of the wrong that are looked at for each stroke, the largest first. */
const LOOKED_AT = 6;
/** A person leaves less than this alone. */
const LEAST_GAIN = 50;
const POINT_STEP = 3;

/**
 * Returns the best next stroke `{ value, radius, points, gain }`, or null where nothing is worth one.
 * `labels` holds 0, 1, 2 and `truth` 0, 1, both for a whole section of `height` x `width`; the box is `[y, x, height, width]`.
 */
export function bestStroke(labels, truth, [height, width], box) {
  const [top, left, tall, wide] = box;
  const kinds = [];
  for (const value of [2, 1]) {
    const wrong = new Uint8Array(labels.length);
    for (let y = top; y < top + tall; y++) {
      for (let x = left; x < left + wide; x++) {
        const i = y * width + x;
        wrong[i] = value === 2 ? Number(truth[i] === 1 && labels[i] !== 2) : Number(truth[i] === 0 && labels[i] === 2);
      }
    }
    kinds.push(...components(wrong, width).map((voxels) => ({ value, voxels })));
  }
  kinds.sort((a, b) => b.voxels.length - a.voxels.length);
  const strokes = kinds.slice(0, LOOKED_AT).filter(({ voxels }) => voxels.length >= LEAST_GAIN).map((kind) => stroke(kind, labels, truth, height, width));
  const best = strokes.reduce((one, other) => (other.gain > one.gain ? other : one), { gain: 0 });
  return best.gain >= LEAST_GAIN ? best : null;
}

/** Along the middle of the part, of the radius that mends most. */
function stroke({ value, voxels }, labels, truth, height, width) {
  const mask = new Uint8Array(labels.length);
  for (const i of voxels) mask[i] = 1;
  const depth = depths(mask, voxels, width);
  const line = middleLine(mask, depth, voxels, width);
  const along = line.map((i) => depth.get(i)).sort((a, b) => a - b);
  const typical = along[Math.floor(along.length / 2)];
  const deepest = along[along.length - 1];
  let best = { gain: -1 };
  for (const factor of [0.7, 1, 1.3, 1.7, 2.2]) {
    const radius = Math.min(MOST_RADIUS, Math.max(1, Math.min(typical * factor, Math.max(deepest, 2))));
    // The ends of the line are as far from the border as the brush reaches.
    const core = line.filter((i) => depth.get(i) >= 0.7 * radius);
    const kept = core.length > 0 ? core : [line[Math.floor(line.length / 2)]];
    const points = kept.filter((_, n) => n % POINT_STEP === 0 || n === kept.length - 1).map((i) => [Math.floor(i / width) + 0.5, (i % width) + 0.5]);
    const gain = gainOf({ value, radius, points }, labels, truth, height, width);
    if (gain > best.gain) best = { value, radius, points, gain };
  }
  return best;
}

function gainOf({ value, radius, points }, labels, truth, height, width) {
  const raster = { data: new Uint8Array(labels.length), height, width, top: 0, left: 0, scale: 1 };
  points.forEach((point, n) => paintSegment(raster, points[Math.max(0, n - 1)], point, radius, 1));
  let gain = 0;
  raster.data.forEach((painted, i) => {
    if (painted === 0) return;
    const before = Number((labels[i] === 2) !== (truth[i] === 1));
    const after = Number((value === 2) !== (truth[i] === 1));
    gain += before - after;
  });
  return gain;
}

function* neighbours(i, width, size) {
  if (i % width > 0) yield i - 1;
  if (i % width < width - 1) yield i + 1;
  if (i >= width) yield i - width;
  if (i + width < size) yield i + width;
}

export function components(mask, width) {
  const seen = new Uint8Array(mask.length);
  const found = [];
  for (let start = 0; start < mask.length; start++) {
    if (mask[start] === 0 || seen[start]) continue;
    const voxels = [start];
    seen[start] = 1;
    for (let n = 0; n < voxels.length; n++) {
      for (const next of neighbours(voxels[n], width, mask.length)) {
        if (mask[next] === 0 || seen[next]) continue;
        seen[next] = 1;
        voxels.push(next);
      }
    }
    found.push(voxels);
  }
  return found;
}

/** Distance of each voxel to the border of its part, between 4-neighbour and Euclidean: layer by layer. */
function depths(mask, voxels, width) {
  const depth = new Map();
  let layer = voxels.filter((i) => [...neighbours(i, width, mask.length)].some((next) => mask[next] === 0) || [...neighbours(i, width, mask.length)].length < 4);
  if (layer.length === 0) layer = [voxels[0]];
  for (const i of layer) depth.set(i, 0.5);
  for (let distance = 1.4; layer.length > 0; distance += 0.9) {
    const next = [];
    for (const i of layer) {
      for (const neighbour of neighbours(i, width, mask.length)) {
        if (mask[neighbour] === 0 || depth.has(neighbour)) continue;
        depth.set(neighbour, distance);
        next.push(neighbour);
      }
    }
    layer = next;
  }
  return depth;
}

/** The cheapest way between the two ends of a part, where voxels near its border are dear. */
function middleLine(mask, depth, voxels, width) {
  const first = cheapest(mask, voxels[0], width, () => 1).farthest;
  const { farthest } = cheapest(mask, first, width, () => 1);
  const { from } = cheapest(mask, first, width, (i) => 1 + 12 / depth.get(i) ** 2);
  const line = [];
  for (let i = farthest; i !== undefined; i = from.get(i)) line.push(i);
  return line.reverse();
}

/** Dijkstra's, with costs in buckets of whole numbers. */
function cheapest(mask, start, width, costOf) {
  const [cost, from, buckets] = [new Map([[start, 0]]), new Map(), [[start]]];
  let farthest = start;
  for (let now = 0; now < buckets.length; now++) {
    for (const i of buckets[now] ?? []) {
      if (cost.get(i) !== now) continue;
      farthest = i;
      for (const next of neighbours(i, width, mask.length)) {
        if (mask[next] === 0) continue;
        const then = now + Math.max(1, Math.round(costOf(next)));
        if (then >= (cost.get(next) ?? Infinity)) continue;
        cost.set(next, then);
        from.set(next, i);
        (buckets[then] ??= []).push(next);
      }
    }
  }
  return { farthest, from };
}
