/**
 * The real program, started and killed by tests: `em-cli annotate` as a class, any command that serves a page as a function.
 * EM_CLI names the program.
 */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

export const PROGRAM = process.env.EM_CLI ?? "em-cli";
const STARTS_WITHIN_MS = 120_000;
const TILE = 512;

export class Served {
  address = "";
  /** All that the program wrote to stderr, whenever it was started. */
  complaints = "";
  #child = null;

  /** `options` go to the program's first start: voxel size, classes, model. */
  constructor(stack, project, options = []) {
    Object.assign(this, { stack, project, options });
  }

  get pid() {
    return this.#child?.pid;
  }

  get isAlive() {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves with the address when the page is served. */
  async start() {
    const begun = fs.existsSync(path.join(this.project, "project.json"));
    const what = begun ? [this.project] : [this.stack, "-o", this.project, ...this.options];
    this.#child = start("annotate", ...what);
    this.#child.stderr.on("data", (data) => {
      this.complaints += data;
    });
    this.address = await told(this.#child);
    return this.address;
  }

  /** Ends it: SIGKILL as a crash does, SIGINT as Ctrl-C does. */
  async end(signal = "SIGINT") {
    if (!this.isAlive) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill(signal);
    await gone;
  }

  /** The actions on the disk. */
  get actions() {
    const file = path.join(this.project, "actions.jsonl");
    const text = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
    return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  }

  async get(where) {
    const response = await fetch(this.address + where);
    if (!response.ok) throw new Error(`${where}: ${response.status} ${await response.text()}`);
    return response;
  }

  /** One byte for each voxel of a class in a section of full resolution: 0 unknown, 1 background, 2 foreground. */
  async labels(plane, z, [, height, width]) {
    return this.#section(`labels/0/${z}`, plane, height, width);
  }

  /** One byte for each voxel, 255 for a probability of 1. */
  async suggestions(plane, z, [, height, width], source = "network") {
    return this.#section(`suggestions/${source}/0/${z}`, plane, height, width);
  }

  async #section(where, plane, height, width) {
    const section = new Uint8Array(height * width);
    for (let row = 0; row * TILE < height; row++) {
      for (let column = 0; column * TILE < width; column++) {
        const response = await this.get(`api/${where}/${row}/${column}`);
        const [, tall, wide] = response.headers.get("X-Shape").split(",").map(Number);
        const bytes = new Uint8Array(await response.arrayBuffer()).subarray(plane * tall * wide, (plane + 1) * tall * wide);
        for (let y = 0; y < tall; y++) section.set(bytes.subarray(y * wide, (y + 1) * wide), (row * TILE + y) * width + column * TILE);
      }
    }
    return section;
  }

  /** Kilobytes: of now, and the most so far. */
  memory() {
    const status = fs.readFileSync(`/proc/${this.pid}/status`, "utf8");
    const read = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]);
    return { now: read("VmRSS"), most: read("VmHWM") };
  }
}

/** Serves a page until `end` is called. */
export async function serve(...options) {
  const child = start(...options);
  const address = await told(child);
  const end = async () => {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    await gone;
  };
  return { address, pid: child.pid, end };
}

function start(...options) {
  return spawn(PROGRAM, [...options, "--no-browser"], { stdio: ["ignore", "pipe", "pipe"] });
}

/** Resolves with the address that a program tells when it serves. */
function told(child) {
  return new Promise((resolve, reject) => {
    let [text, complaints] = ["", ""];
    const fail = () => reject(new Error(`the program did not start: ${complaints}`));
    const timer = setTimeout(fail, STARTS_WITHIN_MS);
    child.once("exit", fail);
    child.stderr.on("data", (data) => {
      complaints += data;
    });
    child.stdout.on("data", (data) => {
      text += data;
      const address = /http:\S+/.exec(text)?.[0];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}

/** Runs the program to its end. */
export function run(...options) {
  const { status, stdout, stderr } = spawnSync(PROGRAM, options, { encoding: "utf8" });
  return { status, stdout, stderr };
}
