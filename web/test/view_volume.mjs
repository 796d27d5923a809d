/**
 * The made-up volume of the tests of view: sixty blobs in noise, their numbers, a mask and probabilities, and what edits do to them.
 */

export const SHAPE = [32, 256, 320];
export const VOXEL_NM = [30, 10, 10];
const [DEPTH, HEIGHT, WIDTH] = SHAPE;
const COUNT = 60;

export const COLUMNS = [
  "class", "id", "voxels", "volume_um3", "centroid_z", "centroid_y", "centroid_x", "start_z", "start_y", "start_x",
  "end_z", "end_y", "end_x", "sphericity", "touches_border", "mean_probability", "doubt", "doubt_reason", "kept",
];

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
function random(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const at = (z, y, x) => (z * HEIGHT + y) * WIDTH + x;

/** Blobs on a jittered grid of 6 x 10, so that most are apart and some touch. */
function blobs() {
  const next = random(7);
  return Array.from({ length: COUNT }, (_, i) => ({
    centre: [6 + next() * (DEPTH - 12), 21 + 42 * Math.floor(i / 10) + 8 * next(), 16 + 32 * (i % 10) + 6 * next()],
    radii: [3 + 2 * next(), 8 + 8 * next(), 8 + 7 * next()],
  }));
}

export class Volume {
  raw = new Uint8Array(DEPTH * HEIGHT * WIDTH);
  labels = new Uint32Array(DEPTH * HEIGHT * WIDTH);
  probabilities = new Uint8Array(DEPTH * HEIGHT * WIDTH);
  kept = new Set();

  constructor() {
    const next = random(3);
    for (let i = 0; i < this.raw.length; i++) this.raw[i] = 150 + 60 * next();
    blobs().forEach((blob, i) => this.#paint(blob, i + 1));
    this.mask = Uint8Array.from(this.labels, (label) => (label > 0 ? 1 : 0));
  }

  #paint({ centre, radii }, id) {
    const [from, to] = [-1, 1].map((side) => centre.map((middle, axis) => Math.round(middle + side * 1.5 * radii[axis])));
    for (let z = Math.max(0, from[0]); z < Math.min(DEPTH, to[0]); z++) {
      for (let y = Math.max(0, from[1]); y < Math.min(HEIGHT, to[1]); y++) {
        for (let x = Math.max(0, from[2]); x < Math.min(WIDTH, to[2]); x++) {
          const distance = Math.hypot(...[z, y, x].map((voxel, axis) => (voxel - centre[axis]) / radii[axis]));
          const i = at(z, y, x);
          this.probabilities[i] = Math.max(this.probabilities[i], 255 * Math.min(1, Math.max(0, 1.5 - distance)));
          if (distance > 1) continue;
          this.labels[i] = id;
          this.raw[i] = distance > 0.85 ? 40 : 90 + (x % 7 < 2 ? 30 : 0);
        }
      }
    }
  }

  ids() {
    return [...new Set(this.labels)].filter((id) => id > 0).sort((a, b) => a - b);
  }

  rows(ids = this.ids()) {
    const wanted = new Map(ids.map((id) => [id, { voxels: 0, sum: [0, 0, 0], start: [...SHAPE], end: [0, 0, 0] }]));
    for (let i = 0; i < this.labels.length; i++) {
      const object = wanted.get(this.labels[i]);
      if (object !== undefined) measure(object, [Math.floor(i / (HEIGHT * WIDTH)), Math.floor(i / WIDTH) % HEIGHT, i % WIDTH]);
    }
    return [...wanted].filter(([, { voxels }]) => voxels > 0).map(([id, object]) => this.#row(id, object));
  }

  #row(id, { voxels, sum, start, end }) {
    const doubt = Math.round(1000 * ((id * 0.381966) % 1)) / 1000;
    const reason = doubt > 0.7 ? "the network is unsure; smaller than most" : doubt > 0.4 ? "changes much from section to section" : "";
    const touches = start.some((voxel, axis) => voxel === 0 || end[axis] === SHAPE[axis]);
    return ["mitochondria", id, voxels, voxels * 3e-6, ...sum.map((total) => total / voxels), ...start, ...end, 0.5 + ((id * 7) % 50) / 100, touches, 0.6 + ((id * 11) % 40) / 100, doubt, reason, this.kept.has(id)];
  }

  relabel(id, choose) {
    for (let i = 0; i < this.labels.length; i++) {
      if (this.labels[i] === id) this.labels[i] = choose(Math.floor(i / (HEIGHT * WIDTH)), Math.floor(i / WIDTH) % HEIGHT, i % WIDTH);
    }
  }
}

function measure(object, voxel) {
  object.voxels++;
  voxel.forEach((at, axis) => {
    object.sum[axis] += at;
    object.start[axis] = Math.min(object.start[axis], at);
    object.end[axis] = Math.max(object.end[axis], at + 1);
  });
}

/** The faces between an object and all else, as Neuroglancer's legacy mesh in nm: corners, then triangles. */
export function mesh(labels, id) {
  const [corners, triangles] = [[], []];
  const steps = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]];
  for (let z = 0; z < DEPTH; z++) {
    for (let y = 0; y < HEIGHT; y++) {
      for (let x = 0; x < WIDTH; x++) {
        if (labels[at(z, y, x)] !== id) continue;
        for (const step of steps) {
          const next = [z + step[0], y + step[1], x + step[2]];
          const inside = next.every((voxel, axis) => voxel >= 0 && voxel < SHAPE[axis]);
          if (!inside || labels[at(...next)] !== id) face(corners, triangles, [z, y, x], step);
        }
      }
    }
  }
  return Buffer.concat([Buffer.from(Uint32Array.of(corners.length / 3).buffer), Buffer.from(Float32Array.from(corners).buffer), Buffer.from(Uint32Array.from(triangles).buffer)]);
}

function face(corners, triangles, voxel, step) {
  const axis = step.findIndex((value) => value !== 0);
  const [a, b] = [0, 1, 2].filter((other) => other !== axis);
  const first = corners.length / 3;
  for (const [da, db] of [[0, 0], [1, 0], [1, 1], [0, 1]]) {
    const corner = [...voxel];
    corner[axis] += step[axis] > 0 ? 1 : 0;
    corner[a] += da;
    corner[b] += db;
    corners.push(...[2, 1, 0].map((at) => corner[at] * VOXEL_NM[at]));
  }
  triangles.push(first, first + 1, first + 2, first, first + 2, first + 3);
}
