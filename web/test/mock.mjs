/**
 * A mock of the server: the contract between page and program over a made-up volume, for work on the page and for its tests.
 * `node test/mock.mjs [port]` serves it; the tests steer it in their own process.
 */
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as volume from "./volume.mjs";

const PAGE = fileURLToPath(new URL("../../crates/em-serve/page", import.meta.url));
const SECRET = "secret";
/** A window that has not been heard of for so long no longer holds the project. */
const SESSION_MS = 3_000;
const POLICY = "default-src 'self'; img-src 'self' blob: data:; style-src 'self'";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };

class Refusal extends Error {
  constructor(status, message, hint) {
    super(message);
    Object.assign(this, { status, hint });
  }
}

export class Mock {
  actions = [];
  full = false;
  /** A kind of action that makes no sense to this mock. */
  refuses = null;
  sources = true;
  job = null;
  runs = [];
  messages = [];
  regions = [];
  next = { start: [5, 128, 256], shape: [1, 512, 512], why: "the network is least sure here" };
  #replies = new Map();
  #revision = 1;
  #undo = [];
  #redo = [];
  #holder = null;
  #server = null;
  #sockets = new Set();
  port = 0;

  /** One mock at a time: all paint on the same volume. */
  constructor() {
    volume.clearLabels();
  }

  get address() {
    return `http://127.0.0.1:${this.port}/${SECRET}/`;
  }

  /** Begins to answer, after `stop` at the same address. */
  async start(port = this.port) {
    this.#server = http.createServer((request, response) => void this.#answer(request, response));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    await new Promise((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    this.port = this.#server.address().port;
  }

  /** Goes away in the middle of whatever it was doing, as a killed program does. */
  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  state() {
    const names = volume.CLASSES;
    return {
      revision: this.#revision,
      can_undo: this.#undo.length > 0,
      can_redo: this.#redo.length > 0,
      regions: this.regions,
      painted: Object.fromEntries(names.map((name, plane) => [name, volume.paintedSections(plane)])),
      sources: this.sources
        ? [
            { name: "network", title: "cells (built in)", version: "d34db33f", classes: names, thresholds: { mitochondria: 0.5, synapses: 0.5 } },
            { name: "strokes", title: "learned from strokes", version: "12", classes: ["mitochondria"], thresholds: { mitochondria: 0.5 } },
          ]
        : [],
      loading: false,
      job: this.job,
      runs: this.runs,
      has_objects: false,
      messages: this.messages,
    };
  }

  async #answer(request, response) {
    try {
      const url = new URL(request.url, this.address);
      if (!url.pathname.startsWith(`/${SECRET}/`)) throw new Refusal(404, "no such page");
      const body = request.method === "POST" ? JSON.parse((await readAll(request)) || "{}") : null;
      const answer = await this.#route(url.pathname.slice(SECRET.length + 2), body);
      response.writeHead(200, { "Content-Security-Policy": POLICY, ...answer.headers });
      response.end(answer.data);
    } catch (error) {
      response.writeHead(error.status ?? 500, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ message: error.message, hint: error.hint }));
    }
  }

  #route(where, body) {
    const [api, name, ...rest] = where.split("/");
    if (api === "runs") return text("text/html", "<h1>Report</h1>");
    if (api !== "api") return file(where || "index.html");
    if (body === null) return this.#get(name, rest);
    return json(this.#post(rest[0] === "end" ? "end" : name, body));
  }

  async #get(name, rest) {
    const numbers = rest.map(Number);
    if (name === "project") return json(this.#project());
    if (name === "raw") return raw(rest[0], ...numbers.slice(1));
    if (name === "value") return json({ value: volume.greySection(numbers[0])[numbers[1] * volume.SHAPE[2] + numbers[2]] });
    if (name === "labels") return planes(volume.labelSection(numbers[1]), numbers[0], numbers[2], numbers[3]);
    if (name === "suggestions") {
      await new Promise((resolve) => setTimeout(resolve, 60));
      return planes(volume.probabilitySection(numbers[2]), numbers[1], numbers[3], numbers[4]);
    }
    throw new Refusal(404, `there is no ${name}`);
  }

  #project() {
    return {
      name: "val.tif", stack: "/data/val.tif", folder: "/data/val.annotate", shape: volume.SHAPE, voxel_size_nm: [30, 5, 5],
      voxel_type: "u8", tile: volume.TILE, levels: 2, cuts: true, classes: volume.CLASSES, exports: ["tif", "zarr"], state: this.state(),
    };
  }

  #post(name, body) {
    if (name === "end") {
      if (this.#holder?.client === body.client) this.#holder = null;
      return {};
    }
    this.#hold(body.client);
    if (name === "session") return this.state();
    if (name === "actions") return this.#act(body);
    if (name === "next") return this.next;
    if (name === "train" || name === "predict" || name === "measure" || name === "export") this.job = job(name);
    else if (name === "stop") this.job = { ...this.job, state: "stopped" };
    else if (name === "use") this.runs = this.runs.map((run) => ({ ...run, in_use: run.name === body.run }));
    else throw new Refusal(404, `there is no ${name}`);
    return this.state();
  }

  #hold(client) {
    const now = Date.now();
    if (this.#holder !== null && this.#holder.client !== client && now - this.#holder.heard < SESSION_MS) {
      throw new Refusal(409, "The project /data/val.annotate is already open in another window.");
    }
    this.#holder = { client, heard: now };
  }

  #act({ id, action }) {
    if (this.full) throw new Refusal(507, "The disk is full: the log cannot be written.", "Free some space; your work is kept until then.");
    if (action.kind === this.refuses) throw new Refusal(400, `the mock refuses a ${action.kind}`);
    if (!this.#replies.has(id)) {
      const changed = this.#do(action);
      this.#revision++;
      this.actions.push(action);
      this.#replies.set(id, changed);
    }
    return { state: this.state(), changed: this.#replies.get(id) };
  }

  #do(action) {
    if (action.kind === "undo") return this.#swap(this.#undo, this.#redo);
    if (action.kind === "redo") return this.#swap(this.#redo, this.#undo);
    const z = action.z ?? action.start?.[0] ?? action.object?.[0] ?? action.within?.start[0] ?? action.from ?? 0;
    this.#undo.push(this.#snapshot(z));
    this.#redo = [];
    this.#paint(action, z);
    return { start: [z, 0, 0], shape: [1, volume.SHAPE[1], volume.SHAPE[2]] };
  }

  #snapshot(z) {
    return { z, planes: volume.labelSection(z).map((plane) => plane.slice()), regions: this.regions };
  }

  #swap(from, to) {
    const kept = from.pop();
    if (kept === undefined) throw new Refusal(400, "there is nothing to undo");
    to.push(this.#snapshot(kept.z));
    volume.restoreLabels(kept.z, kept.planes);
    this.regions = kept.regions;
    return { start: [kept.z, 0, 0], shape: [1, volume.SHAPE[1], volume.SHAPE[2]] };
  }

  #paint(action, z) {
    const index = volume.CLASSES.indexOf(action.class);
    const plane = volume.labelSection(z)[index];
    if (action.kind === "stroke") volume.paintStroke(plane, action);
    else if (action.kind === "polygon") volume.paintPolygon(plane, action);
    else if (action.kind === "region") this.#addRegion(action);
    else if (action.kind === "remove_region") this.regions = this.regions.filter(({ name }) => name !== action.name);
    else if (action.within) acceptWithin(plane, volume.probabilitySection(z)[index], action);
    else if (action.object) judgeObject(plane, volume.probabilitySection(z)[index], action);
  }

  #addRegion({ start, shape }) {
    this.regions = [...this.regions, { name: String(this.regions.length + 1), start, shape }];
    for (const plane of volume.labelSection(start[0])) {
      forBox(start, shape, (i) => {
        if (plane[i] === 0) plane[i] = 1;
      });
    }
  }
}

function acceptWithin(plane, probability, { within, threshold }) {
  forBox(within.start, within.shape, (i) => {
    if (probability[i] >= 255 * threshold) plane[i] = 2;
  });
}

function judgeObject(plane, probability, { kind, object, threshold }) {
  const found = volume.connected(object[1], object[2], (i) => probability[i] >= 255 * threshold);
  if (found.size === 0) throw new Refusal(400, "there is no suggested object under the pointer");
  for (const i of found) plane[i] = kind === "accept" ? 2 : 1;
}

function forBox(start, shape, visit) {
  for (let y = start[1]; y < start[1] + shape[1]; y++) {
    for (let x = start[2]; x < start[2] + shape[2]; x++) visit(y * volume.SHAPE[2] + x);
  }
}

/** A job in the middle of its run. */
export function job(kind) {
  const curve = Array.from({ length: 14 }, (_, i) => ({ epoch: i + 1, loss: 0.9 * Math.exp(-i / 5) + 0.12 + 0.02 * Math.sin(3 * i), network: "2" }));
  return { kind, state: "running", progress: 0.47, line: "epoch 14/30  loss 0.172  96 s", message: null, curve: kind === "train" ? curve : [], link: null };
}

function raw(axis, level, index, row, column) {
  const [, height, width] = volume.SHAPE;
  let tile;
  if (axis === "xy") {
    tile = volume.tileOf([volume.greySection(index)], width, height, level, row, column);
  } else {
    const cut = volume.greyCut(axis, index);
    tile = volume.tileOf([cut.cut], cut.width, cut.height, level, row, column, false);
  }
  if (tile === null) throw new Refusal(404, "there is no such tile");
  return { headers: { "Content-Type": "image/png", "Cache-Control": "max-age=3600, immutable" }, data: volume.png(tile) };
}

function planes(section, level, row, column) {
  const tile = volume.tileOf(section, volume.SHAPE[2], volume.SHAPE[1], level, row, column);
  if (tile === null) throw new Refusal(404, "there is no such tile");
  const shape = `${section.length},${tile.height},${tile.width}`;
  return { headers: { "Content-Type": "application/octet-stream", "X-Shape": shape }, data: tile.data };
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
  const mock = new Mock();
  await mock.start(Number(process.argv[2] ?? 8123));
  console.log(mock.address);
}
