/**
 * 1,000 random requests to the real program, always the same: it must stay alive, refuse what makes no sense, tell nothing
 * of files outside of the project and change none. EM_CLI names the program, SEED draws others.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Served, run } from "./served.mjs";

const COUNT = 1_000;
const REFUSAL = ["this address is that of somebody else\n", "there is nothing here\n"];
const PATIENCE_MS = 60_000;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "em-requests-"));
const outside = path.join(folder, "outside");
// What no answer may hold.
const CANARY = "canary-7f3a9c51e0";
fs.mkdirSync(outside);
fs.writeFileSync(path.join(outside, "secret.html"), CANARY);
fs.writeFileSync(path.join(outside, "secret.csv"), CANARY);
const made = run("phantom", path.join(folder, "phantom"), "--train-sections", "4", "--val-sections", "2", "--size", "256");
assert.equal(made.status, 0, made.stderr);
const stack = path.join(folder, "phantom", "train.tif");
const project = path.join(folder, "project");
const served = new Served(stack, project);
await served.start();
const { port, pathname } = new URL(served.address);
const secret = pathname.slice(1, -1);
// Within the folders of reports, where a link leads out of them.
fs.mkdirSync(path.join(project, "runs", "1"), { recursive: true });
fs.writeFileSync(path.join(project, "runs", "1", "report.html"), "<h1>Report</h1>");
fs.symlinkSync(path.join(outside, "secret.html"), path.join(project, "runs", "1", "link.html"));
fs.symlinkSync(outside, path.join(project, "runs", "1", "linked"));
const before = snapshot();
const forbidden = [CANARY, fs.readFileSync("/etc/hostname", "utf8").trim(), "root:x:0", fs.readFileSync(stack).subarray(0, 64).toString("latin1")].filter((text) => text.length > 3);

const random = generator(Number(process.env.SEED ?? 1));
const pick = (list) => list[Math.floor(random() * list.length)];
const number = () => pick(["0", "1", "3", "4", "-1", "1.5", "1e9", "NaN", "", "18446744073709551615", "18446744073709551616", "9223372036854775807", "4294967296", "00", "%00", "%d9%a3", "0x1"]);

const HUGE = [1e308, -1e308, 4294967296, 1e19, -1, 0, 0.5, 3, null, "3", [], {}];
const value = () => pick([...HUGE, true, "mitochondria", "../../outside", "a".repeat(5000), [[1, 2]], [[1e300, -1e300]], [1, 2, 3], [18446744073709551615, 1, 1]]);
const CLIENT = "robot";

/** An action of which some fields are as they should be. */
function action() {
  const real = {
    stroke: { class: "mitochondria", value: 2, z: 1, radius: 5, points: [[20, 20], [40, 60]] },
    polygon: { class: "mitochondria", value: 2, z: 1, points: [[1, 1], [9, 1], [9, 9]] },
    fill: { class: "mitochondria", value: 2, z: 1, point: [20, 20], tolerance: 3 },
    interpolate: { class: "mitochondria", from: 0, to: 2 },
    region: { start: [0, 0, 0], shape: [1, 64, 64] },
    remove_region: { name: "1" },
    accept: { source: "network", class: "mitochondria", threshold: 0.5, within: { start: [0, 0, 0], shape: [1, 64, 64] } },
    reject: { source: "network", class: "mitochondria", threshold: 0.5, object: [0, 9, 9] },
    visited: { start: [0, 0, 0], shape: [1, 1, 1] },
    undo: {},
    redo: {},
  };
  const kind = pick(Object.keys(real));
  const found = { kind, ...real[kind] };
  for (const field of Object.keys(found)) {
    if (random() < 0.2) found[field] = value();
    if (random() < 0.05) delete found[field];
  }
  if (random() < 0.1) found[pick(["path", "id", "painted", "digest"])] = value();
  return found;
}

const json = (body) => JSON.stringify({ client: CLIENT, ...body });

/** Bodies of which most make no sense. */
function body(route) {
  const sensible = route === "actions" ? json({ id: pick(["a", `${random()}`, "", "x".repeat(9000)]), action: action() }) : json({ run: pick([null, "1", "../../outside", value()]), class: pick(["mitochondria", "../outside", value()]), ending: pick(["tif", "../tif", "/etc/x", value()]) });
  return pick([
    ...Array.from({ length: route === "actions" ? 12 : 3 }, () => () => sensible),
    () => sensible.slice(0, Math.floor(random() * sensible.length)),
    () => "",
    () => "null",
    () => "[".repeat(100_000),
    () => Buffer.from(Array.from({ length: 64 }, () => Math.floor(random() * 256))),
    () => json({ client: pick(HUGE.filter((strange) => typeof strange !== "string")) }),
    () => json({ points: "x".repeat(pick([10, 9 << 20])) }),
  ])();
}

const DOTS = ["..", "%2e%2e", ".%2e", "..%2f..", "..%5c..", "....//", "..;", "%252e%252e"];
const TARGETS = ["etc/hostname", "etc/passwd", "project.json", "address.json", "actions.jsonl", "phantom/train.tif", "outside/secret.html", "outside/secret.csv"];

function climbing() {
  const climb = Array.from({ length: 1 + Math.floor(random() * 9) }, () => pick(DOTS)).join("/");
  const target = pick(TARGETS);
  return pick([
    `/${secret}/runs/1/${climb}/${target}`,
    `/${secret}/runs/${climb}/${target}`,
    `/${secret}/runs/result/${climb}/${target}`,
    `/${secret}/${climb}/${target}`,
    `/${climb}/${target}`,
    `/${secret}/runs/1//${target}`,
    `/${secret}/runs/1/%2f${target.replaceAll("/", "%2f")}`,
    `/${secret}/runs/1/link.html`,
    `/${secret}/runs/1/linked/secret.csv`,
    `/${secret}/api/labels/${climb}/0/0/0`,
  ]);
}

const POSTS = ["session", "session/end", "actions", "actions", "actions", "next", "use", "predict", "measure", "export", "stop", "nothing"];

function tile() {
  const base = pick(["raw/xy", "raw/xz", "raw/yz", "raw/ab", "labels", "suggestions/network", "suggestions/strokes", "suggestions/..", "value"]);
  const numbers = Array.from({ length: pick([3, 4, 4, 4, 5]) }, number);
  return `/${secret}/api/${base}/${numbers.join("/")}${pick(["", "?revision=1", `?version=${"v".repeat(3000)}`])}`;
}

/** One request, and whether a person may ask so (then any answer is good). */
function request() {
  const headers = { Host: `127.0.0.1:${port}` };
  const kind = pick(["tile", "tile", "post", "post", "post", "post", "post", "climb", "climb", "stranger", "stranger", "secret", "method"]);
  if (kind === "tile") return { kind, method: "GET", path: tile(), headers };
  if (kind === "climb") return { kind, method: "GET", path: climbing(), headers };
  const route = pick(POSTS);
  const post = { kind, method: "POST", path: `/${secret}/api/${route}`, headers: { ...headers, "Content-Type": random() < 0.85 ? "application/json" : pick(["text/plain", "multipart/form-data", ""]) }, body: body(route) };
  if (kind === "post") return post;
  if (kind === "method") return { ...post, method: pick(["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]) };
  if (kind === "secret") return { ...post, path: `/${pick(["", "x", secret.slice(1), `${secret}0`, secret.toUpperCase() === secret ? "0" : secret.toUpperCase(), "0".repeat(32)])}/api/${route}` };
  const strange = pick([{ Host: "evil.example" }, { Host: `evil.example:${port}` }, { Host: "localhost" }, { Origin: "http://evil.example" }, { Origin: "null" }, { Origin: `https://127.0.0.1:${port}` }, { "Sec-Fetch-Site": "cross-site" }, { "Sec-Fetch-Site": "same-site" }]);
  return { ...post, headers: { ...post.headers, ...strange } };
}

/** Sends it as it is: no client tidies the path. A connection that the program closes counts as an answer of status 0. */
function send({ method, path: where, headers, body: data }) {
  return new Promise((resolve, reject) => {
    const sent = http.request({ agent: false, host: "127.0.0.1", port, method, path: where, headers: { ...headers, "Content-Length": Buffer.byteLength(data ?? "") } }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ status: answer.statusCode, type: answer.headers["content-type"] ?? "", text: Buffer.concat(parts).toString("latin1") }));
      answer.on("error", () => resolve({ status: answer.statusCode, type: "", text: "" }));
    });
    sent.setTimeout(PATIENCE_MS, () => reject(new Error(`no answer to ${method} ${where.slice(0, 200)}`)));
    sent.on("error", () => resolve({ status: 0, type: "", text: "" }));
    // A refusal may come while a large body is still being sent.
    sent.on("socket", (socket) => socket.on("error", () => {}));
    sent.end(data);
  });
}

function problemOf({ kind }, { status, type, text }) {
  const leaked = forbidden.find((secretText) => text.includes(secretText));
  if (leaked !== undefined) return `the answer holds ${leaked.slice(0, 20)}`;
  if (status < 400) return ["stranger", "secret", "climb", "method"].includes(kind) && status !== 0 ? `was answered with ${status}` : null;
  if (["stranger", "secret"].includes(kind)) return status === 403 && text === REFUSAL[0] ? null : `was refused with ${status}: ${text.slice(0, 80)}`;
  if (REFUSAL.includes(text)) return null;
  if (!type.startsWith("application/json")) return `${status} is no JSON: ${type} ${JSON.stringify(text.slice(0, 80))}`;
  return typeof JSON.parse(text).message === "string" ? null : "there is no message";
}

/** All files outside of the project, with their contents. */
function snapshot() {
  const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  const found = files.map((entry) => path.join(entry.parentPath, entry.name)).filter((name) => !`${name}/`.startsWith(`${project}/`));
  return found.sort().map((name) => [name, fs.statSync(name).isFile() ? createHash("sha256").update(fs.readFileSync(name)).digest("hex") : ""]);
}

function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function describe({ method, path: where, headers, body: data }) {
  return `${method} ${where.replace(secret, "SECRET").slice(0, 160)} ${JSON.stringify(headers)} ${String(data ?? "").slice(0, 120)}`;
}

/** One example of each kind of problem, and how often it came. */
function summary() {
  const kinds = new Map();
  for (const found of problems) {
    const kind = found.problem.replace(/\d+|`.*/g, "…").slice(0, 60);
    kinds.set(kind, [...(kinds.get(kind) ?? []), found]);
  }
  return [...kinds.values()].map((same) => `      ${same.length} x ${same[0].problem}\n        as ${same[0].asked}`).join("\n");
}

const problems = [];
const statuses = new Map();
const slow = [];
/** Answers that blame the program itself. */
const own = [];
for (let i = 0; i < COUNT; i++) {
  const asked = request();
  const start = performance.now();
  const answer = await send(asked);
  const took = performance.now() - start;
  if (took > 5_000) slow.push(`${asked.method} ${asked.path.slice(0, 100)}: ${(took / 1000).toFixed(1)} s`);
  statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
  const problem = problemOf(asked, answer);
  if (answer.status >= 500) own.push(`${describe(asked)}: ${answer.text.slice(0, 300)}`);
  if (problem !== null) problems.push({ problem, asked: describe(asked) });
  if (!served.isAlive) break;
}

let failures = 0;
function check(name, good, detail = "") {
  if (!good) failures++;
  console.log(`${good ? "ok   " : "FAIL "} ${name}${good ? "" : `: ${detail}`}`);
}

console.log(`      answers: ${[...statuses].sort().map(([status, times]) => `${times} x ${status || "closed"}`).join(", ")}`);
check(`the program answers after ${COUNT} requests`, served.isAlive && (await fetch(`${served.address}api/project`)).ok);
check("it did not panic", !/panicked/.test(served.complaints), served.complaints.slice(0, 2000));
check("every refusal is JSON with a message, or the fixed text", problems.length === 0, `${problems.length} are not:\n${summary()}`);
check("no failure is the program's own", own.length === 0, own.join("\n"));
check("no request takes more than 5 s", slow.length === 0, slow.join("\n"));
check("nothing outside of the project was made or changed", isDeepStrictEqual(snapshot(), before));
await served.end();
const replayed = run("annotate", project, "--replay");
check("the log can be replayed", replayed.status === 0, replayed.stderr);
if (failures === 0) fs.rmSync(folder, { recursive: true });
else console.log(`what was done lies in ${folder}`);
process.exit(failures === 0 ? 0 : 1);
