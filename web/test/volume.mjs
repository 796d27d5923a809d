/**
 * A made-up volume for the mock server: a grey picture with round objects, and labels that actions paint.
 * Slow and simple on purpose; the real rules are the server's.
 */
import zlib from "node:zlib";

export const SHAPE = [36, 768, 1024];
export const CLASSES = ["mitochondria", "synapses"];
export const TILE = 512;
const [DEPTH, HEIGHT, WIDTH] = SHAPE;
const SECTION = HEIGHT * WIDTH;

/** Objects as ellipsoids: class, centre [z, y, x], radii. Drawn from a seeded generator. */
const OBJECTS = makeObjects(20261);

function makeObjects(seed) {
  const random = generator(seed);
  return Array.from({ length: 70 }, (_, i) => ({
    plane: i % 4 === 3 ? 1 : 0,
    centre: [random() * DEPTH, random() * HEIGHT, random() * WIDTH],
    radii: i % 4 === 3 ? [5, 7 + 6 * random(), 14 + 10 * random()] : [8, 16 + 22 * random(), 20 + 40 * random()],
  }));
}

/** Mulberry32, a small seeded generator. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Distance to an object's centre in radii: below 1 inside. */
function depthIn({ centre, radii }, z, y, x) {
  return Math.hypot((z - centre[0]) / radii[0], (y - centre[1]) / radii[1], (x - centre[2]) / radii[2]);
}

function forObjects(z, visit) {
  for (const object of OBJECTS) {
    const { centre, radii } = object;
    if (Math.abs(z - centre[0]) > 1.3 * radii[0]) continue;
    for (let y = Math.max(0, Math.floor(centre[1] - 1.3 * radii[1])); y < Math.min(HEIGHT, centre[1] + 1.3 * radii[1]); y++) {
      for (let x = Math.max(0, Math.floor(centre[2] - 1.3 * radii[2])); x < Math.min(WIDTH, centre[2] + 1.3 * radii[2]); x++) {
        visit(object, y * WIDTH + x, depthIn(object, z, y, x), y, x);
      }
    }
  }
}

const greys = new Map();

export function greySection(z) {
  if (!greys.has(z)) greys.set(z, makeGrey(z));
  return greys.get(z);
}

function makeGrey(z) {
  const random = generator(z + 1);
  const grey = new Uint8Array(SECTION);
  for (let i = 0; i < SECTION; i++) {
    const [y, x] = [Math.floor(i / WIDTH), i % WIDTH];
    const waves = Math.sin(x / 61 + z / 9) * Math.cos(y / 47 - z / 11);
    const membrane = Math.abs(Math.sin(x / 90 + Math.sin(y / 70 + z / 20) * 2)) < 0.05 ? -70 : 0;
    grey[i] = Math.max(0, Math.min(255, 168 + 18 * waves + membrane + 44 * (random() - 0.5)));
  }
  forObjects(z, ({ plane }, i, depth, y) => {
    if (depth > 1) return;
    const inside = plane === 0 ? 105 + 22 * Math.sin(y / 3) : 70;
    grey[i] = Math.max(0, (depth > 0.9 ? 45 : inside) + 30 * (random() - 0.5));
  });
  return grey;
}

const probabilities = new Map();

/** What the mock's network thinks of a section: one plane of bytes for each class. */
export function probabilitySection(z) {
  if (!probabilities.has(z)) {
    const planes = CLASSES.map(() => new Uint8Array(SECTION));
    forObjects(z, ({ plane }, i, depth) => {
      const value = Math.round(255 / (1 + Math.exp(12 * (depth - 1))));
      planes[plane][i] = Math.max(planes[plane][i], value);
    });
    probabilities.set(z, planes);
  }
  return probabilities.get(z);
}

const labels = new Map();

export function labelSection(z) {
  if (!labels.has(z)) labels.set(z, CLASSES.map(() => new Uint8Array(SECTION)));
  return labels.get(z);
}

export function clearLabels() {
  labels.clear();
}

export function restoreLabels(z, planes) {
  labels.set(z, planes);
}

export function paintedSections(plane) {
  return [...labels].filter(([, planes]) => planes[plane].includes(2)).map(([z]) => z);
}

/** Cuts one tile out of a plane of `width` by taking every 2^level-th pixel. */
export function tileOf(planes, width, height, level, row, column, reduceRows = true) {
  const step = 2 ** level;
  const rowStep = reduceRows ? step : 1;
  const tileHeight = Math.min(TILE, Math.ceil(height / rowStep) - row * TILE);
  const tileWidth = Math.min(TILE, Math.ceil(width / step) - column * TILE);
  if (tileHeight <= 0 || tileWidth <= 0) return null;
  const data = Buffer.alloc(planes.length * tileHeight * tileWidth);
  let at = 0;
  for (const plane of planes) {
    for (let y = 0; y < tileHeight; y++) {
      const from = (row * TILE + y) * rowStep * width;
      for (let x = 0; x < tileWidth; x++) data[at++] = plane[from + (column * TILE + x) * step];
    }
  }
  return { data, height: tileHeight, width: tileWidth };
}

/** The grey picture of a cut: rows along z. */
export function greyCut(axis, index) {
  const length = axis === "xz" ? WIDTH : HEIGHT;
  const cut = new Uint8Array(DEPTH * length);
  for (let z = 0; z < DEPTH; z++) {
    for (let i = 0; i < length; i++) cut[z * length + i] = greySection(z)[axis === "xz" ? index * WIDTH + i : i * WIDTH + index];
  }
  return { cut, width: length, height: DEPTH };
}

export function png({ data, height, width }) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++) data.copy(rows, y * (width + 1) + 1, y * width, (y + 1) * width);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", zlib.deflateSync(rows, { level: 1 })), chunk("IEND", Buffer.alloc(0))]);
}

function chunk(name, data) {
  const named = Buffer.concat([Buffer.from(name), data]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(data.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(zlib.crc32(named), named.length + 4);
  return framed;
}

/** The rule of the contract: a voxel is painted if its centre lies within the radius of the polyline. */
export function paintStroke(plane, { points, radius, value }) {
  points.forEach(([by, bx], i) => {
    const [ay, ax] = points[Math.max(0, i - 1)];
    const [dy, dx] = [by - ay, bx - ax];
    const squared = dy * dy + dx * dx;
    for (let y = Math.max(0, Math.floor(Math.min(ay, by) - radius)); y < Math.min(HEIGHT, Math.max(ay, by) + radius + 1); y++) {
      for (let x = Math.max(0, Math.floor(Math.min(ax, bx) - radius)); x < Math.min(WIDTH, Math.max(ax, bx) + radius + 1); x++) {
        const along = squared === 0 ? 0 : Math.min(1, Math.max(0, ((y + 0.5 - ay) * dy + (x + 0.5 - ax) * dx) / squared));
        if (Math.hypot(y + 0.5 - ay - along * dy, x + 0.5 - ax - along * dx) <= radius) plane[y * WIDTH + x] = value;
      }
    }
  });
}

export function paintPolygon(plane, { points, value }) {
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      let inside = false;
      points.forEach(([ay, ax], i) => {
        const [by, bx] = points[(i + 1) % points.length];
        if (ay <= y + 0.5 !== by <= y + 0.5 && x + 0.5 < ax + ((y + 0.5 - ay) * (bx - ax)) / (by - ay)) inside = !inside;
      });
      if (inside) plane[y * WIDTH + x] = value;
    }
  }
}

/** Voxels of the section connected to (y, x) for which `same` holds. */
export function connected(y, x, same) {
  const found = new Set();
  const open = [y * WIDTH + x];
  while (open.length > 0) {
    const i = open.pop();
    if (found.has(i) || !same(i)) continue;
    found.add(i);
    if (i % WIDTH > 0) open.push(i - 1);
    if (i % WIDTH < WIDTH - 1) open.push(i + 1);
    if (i >= WIDTH) open.push(i - WIDTH);
    if (i < SECTION - WIDTH) open.push(i + WIDTH);
  }
  return found;
}
