/**
 * A mock of the server of view: the contract between page and program over a made-up volume, for work on the page and for its tests.
 * `node test/view_mock.mjs [port]` serves it; the tests steer it in their own process.
 */
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { COLUMNS, SHAPE, VOXEL_NM, Volume, at, mesh } from "./view_volume.mjs";

const PAGE = fileURLToPath(new URL("../../crates/em-serve/view", import.meta.url));
const SECRET = "secret";
/** A window that has not been heard of for so long no longer holds the corrections. */
const SESSION_MS = 15_000;
/** As the program sends it. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; connect-src 'self'";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".txt": "text/plain" };
const CHUNK = [64, 64, 16];
const REACH = [0, 1, 2];

class Refusal extends Error {
  constructor(status, message, hint) {
    super(message);
    Object.assign(this, { status, hint });
  }
}

export class ViewMock {
  volume = new Volume();
  edits = [];
  requests = [];
  corrects = true;
  /** Answers to the question for objects that still say "measuring". */
  measuring = 0;
  /** Rows that replace those of the volume, to try long tables. */
  rows = null;
  /** Edits take so long. */
  slowMs = 0;
  saved = 0;
  regions = [];
  #revision = 1;
  #labels = new Map();
  #undo = [];
  #redo = [];
  #replies = new Map();
  #holder = null;
  #server = null;
  #sockets = new Set();
  port = 0;

  get address() {
    return `http://127.0.0.1:${this.port}/${SECRET}/`;
  }

  async start(port = this.port) {
    this.#labels.set(this.#revision, this.volume.labels.slice());
    this.#server = http.createServer((request, response) => void this.#answer(request, response));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    await new Promise((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    this.port = this.#server.address().port;
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request, response) {
    try {
      const url = new URL(request.url, this.address);
      this.requests.push(`${request.method} ${url.pathname}`);
      if (!url.pathname.startsWith(`/${SECRET}/`)) throw new Refusal(404, "no such page");
      const body = request.method === "POST" ? JSON.parse((await readAll(request)) || "{}") : null;
      const where = url.pathname.slice(SECRET.length + 2).split("/").map(decodeURIComponent);
      const answer = await this.#route(where, body);
      response.writeHead(200, { "Content-Security-Policy": POLICY, ...answer.headers });
      response.end(answer.data);
    } catch (error) {
      response.writeHead(error.status ?? 500, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ error: error.message, hint: error.hint }));
    }
  }

  #route([first, ...rest], body) {
    if (first === "data") return this.#data(rest);
    if (first !== "api") return file(first || "index.html");
    const [name, layer, ...more] = rest;
    if (body !== null) return this.#post(name, layer, more, body);
    if (name === "view") return json(this.#stack());
    if (name === "objects") return json(this.#objects());
    if (name === "value") return json(this.#values([layer, ...more].map(Number)));
    if (name === "edits") return json({ edits: this.edits.map((edit, i) => ({ number: i + 1, time: "", text: edit.kind, counts: true })), ...this.#undoable() });
    throw new Refusal(404, `there is no ${name}`);
  }

  #stack() {
    const layer = (name, kind, type, more = {}) => ({ name, kind, type, range: [0, 255], revision: 1, has_table: false, can_correct: false, threshold: null, ...more });
    return {
      name: "made up.tif", shape: SHAPE, voxel_size_nm: VOXEL_NM, voxel_size_known: true, is_project: true,
      layers: [
        layer("raw", "image", "u8"),
        layer("mitochondria probabilities", "probabilities", "u8", { threshold: 0.5 }),
        layer("mask", "mask", "u8", { range: [0, 1] }),
        layer("mitochondria", "objects", "u32", { revision: this.#revision, has_table: true, can_correct: this.corrects }),
      ],
    };
  }

  #values(voxel) {
    const values = Object.fromEntries(this.#stack().layers.map((layer) => [layer.name, this.#voxels(layer.name, this.#revision)[at(...voxel)]]));
    return { value: values.raw, values };
  }

  #objects() {
    const measured = { state: "ready", progress: 1, message: null, columns: COLUMNS, rows: this.rows ?? this.volume.rows(), revision: this.#revision, labels: "made up" };
    if (this.measuring === 0) return measured;
    const listed = this.measuring === 1 ? {} : { columns: [], rows: [] };
    return { ...measured, state: "measuring", progress: 1 / (1 + this.measuring--), ...listed };
  }

  #voxels(layer, revision) {
    if (layer === "raw") return this.volume.raw;
    if (layer === "mitochondria probabilities") return this.volume.probabilities;
    if (layer === "mask") return this.volume.mask;
    const labels = this.#labels.get(Number(revision));
    if (layer !== "mitochondria" || labels === undefined) throw new Refusal(404, `there is no ${layer} ${revision}`);
    return labels;
  }

  #data([layer, revision, name, piece]) {
    const isLabels = layer === "mitochondria";
    if (name === "info") return json(info(isLabels));
    if (name === "mesh" && piece === "info") return json({ "@type": "neuroglancer_legacy_mesh" });
    const voxels = this.#voxels(layer, revision);
    if (name === "mesh" && piece.includes(":")) return json({ fragments: [`part-${piece.split(":")[0]}`] });
    if (name === "mesh") return bytes(mesh(voxels, Number(piece.split("-")[1])));
    return bytes(chunk(voxels, piece));
  }

  #post(name, layer, [action], body) {
    if (name === "session" && layer === "end") {
      if (this.#holder?.client === body.client) this.#holder = null;
      return json({});
    }
    this.#hold(body.client);
    if (name === "session") return json({});
    if (name !== "edits") throw new Refusal(404, `there is no ${name}`);
    if (action === "save") {
      this.saved++;
      return json({ paths: ["/data/mitochondria.corrected.tif", "/data/mitochondria.corrected.csv"], message: null });
    }
    if (action === "region") {
      this.regions.push(body.object);
      return json({ message: `object ${body.object} is a reviewed region now` });
    }
    return this.#edit(body);
  }

  #hold(client) {
    const now = Date.now();
    if (this.#holder !== null && this.#holder.client !== client && now - this.#holder.heard < SESSION_MS) {
      throw new Refusal(409, "the corrections are open in another window");
    }
    this.#holder = { client, heard: now };
  }

  async #edit({ id, edit }) {
    await new Promise((resolve) => setTimeout(resolve, this.slowMs));
    if (!this.#replies.has(id)) this.#replies.set(id, this.#apply(edit));
    return json(this.#replies.get(id));
  }

  #apply(edit) {
    const before = new Map(this.volume.rows().map((row) => [row[1], JSON.stringify(row)]));
    if (edit.kind === "undo") this.#swap(this.#undo, this.#redo, "undo");
    else if (edit.kind === "redo") this.#swap(this.#redo, this.#undo, "redo");
    else {
      const snapshot = this.#snapshot();
      this.#change(edit);
      this.#undo.push(snapshot);
      this.#redo = [];
    }
    this.edits.push(edit);
    this.#labels.set(++this.#revision, this.volume.labels.slice());
    const rows = this.volume.rows();
    const ids = new Set(rows.map((row) => row[1]));
    const changed = rows.filter((row) => before.get(row[1]) !== JSON.stringify(row));
    return { revision: this.#revision, ...this.#undoable(), removed: [...before.keys()].filter((id) => !ids.has(id)), rows: changed, message: null };
  }

  #undoable() {
    return { can_undo: this.#undo.length > 0, can_redo: this.#redo.length > 0 };
  }

  #snapshot() {
    return { labels: this.volume.labels.slice(), kept: new Set(this.volume.kept) };
  }

  #swap(from, to, what) {
    const kept = from.pop();
    if (kept === undefined) throw new Refusal(422, `there is nothing to ${what}`);
    to.push(this.#snapshot());
    Object.assign(this.volume, kept);
  }

  #change(edit) {
    const { volume } = this;
    const fresh = Math.max(...volume.ids()) + 1;
    for (const id of edit.objects ?? [edit.object]) {
      if (!volume.ids().includes(id)) throw new Refusal(422, `there is no object ${id}`, "choose one of the table");
    }
    if (edit.kind === "delete") volume.relabel(edit.object, () => 0);
    else if (edit.kind === "keep") volume.kept.add(edit.object);
    else if (edit.kind === "merge") volume.relabel(edit.objects[1], () => edit.objects[0]);
    else if (edit.kind === "split") split(volume, edit, fresh);
    else if (edit.kind === "cut") volume.relabel(edit.object, (_, y, x) => (side(edit.points, y, x) > 0 ? fresh : edit.object));
    else if (edit.kind === "fill") throw new Refusal(422, `object ${edit.object} has no hole`, "nothing was changed");
  }
}

/** Each voxel goes to the nearest seed; the first seed keeps the number. */
function split(volume, { object, points }, fresh) {
  const missing = points.find((point) => volume.labels[at(...point.map(Math.floor))] !== object);
  if (missing !== undefined) throw new Refusal(422, `the point ${missing.join(" ")} is not in object ${object}`, "place each point inside of the object");
  volume.relabel(object, (...voxel) => {
    const distances = points.map((point) => Math.hypot(...REACH.map((axis) => (voxel[axis] - point[axis]) * VOXEL_NM[axis])));
    const nearest = distances.indexOf(Math.min(...distances));
    return nearest === 0 ? object : fresh + nearest - 1;
  });
}

function side(points, y, x) {
  const [[ay, ax], [by, bx]] = [points[0], points.at(-1)];
  return (bx - ax) * (y - ay) - (by - ay) * (x - ax);
}

function info(isLabels) {
  const size = [...SHAPE].reverse();
  const scale = { key: "s0", size, resolution: [...VOXEL_NM].reverse(), voxel_offset: [0, 0, 0], chunk_sizes: [CHUNK], encoding: "raw" };
  return {
    "@type": "neuroglancer_multiscale_volume", type: isLabels ? "segmentation" : "image", data_type: isLabels ? "uint32" : "uint8",
    num_channels: 1, scales: [scale], ...(isLabels ? { mesh: "mesh" } : {}),
  };
}

/** The voxels of a chunk that is named x0-x1_y0-y1_z0-z1. */
function chunk(voxels, name) {
  const [[x0, x1], [y0, y1], [z0, z1]] = name.split("_").map((range) => range.split("-").map(Number));
  const found = new voxels.constructor((x1 - x0) * (y1 - y0) * (z1 - z0));
  let next = 0;
  for (let z = z0; z < z1; z++) {
    for (let y = y0; y < y1; y++) {
      found.set(voxels.subarray(at(z, y, x0), at(z, y, x1)), next);
      next += x1 - x0;
    }
  }
  return Buffer.from(found.buffer);
}

function bytes(data) {
  return { headers: { "Content-Type": "application/octet-stream", "Cache-Control": "max-age=3600, immutable" }, data };
}

function file(name) {
  const place = path.join(PAGE, path.basename(name));
  if (!fs.existsSync(place)) throw new Refusal(404, `there is no ${name}`);
  return text(TYPES[path.extname(place)] ?? "application/octet-stream", fs.readFileSync(place));
}

function text(type, data) {
  return { headers: { "Content-Type": `${type}; charset=utf-8`, "Cache-Control": "no-store" }, data };
}

function json(value) {
  return text("application/json", JSON.stringify(value));
}

async function readAll(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = new ViewMock();
  await mock.start(Number(process.argv[2] ?? 8124));
  console.log(mock.address);
}
