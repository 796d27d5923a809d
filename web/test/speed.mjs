/**
 * A measurement, not a test: how long a person waits for the page on a large stack, and what memory the program takes.
 * EM_CLI names the program, STACK the stack, VOXEL_SIZE its voxel size where it tells none.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { LAPTOP, drag, launch } from "./hand.mjs";
import { Served } from "./served.mjs";

const STROKES = 50;
const SECTIONS = 30;
/** How long a person looks at a section while he looks for something. */
const LOOK_MS = 1_500;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "em-speed-"));
const served = new Served(process.env.STACK, path.join(folder, "project"), process.env.VOXEL_SIZE ? ["--voxel-size", process.env.VOXEL_SIZE] : []);
const starting = performance.now();
await served.start();
console.log(`the program answers after ${((performance.now() - starting) / 1000).toFixed(2)} s, ${memory()}`);
const browser = await launch();
const context = await browser.newContext({ viewport: LAPTOP });
const page = await context.newPage();
await page.addInitScript(watch);
await page.goto(served.address);
const { shape } = await (await served.get("api/project")).json();
console.log(`page opened: whole section drawn after ${await drawn("/api/raw/")} s, first suggestion after ${await drawn("/api/suggestions/")} s, all of it after ${await complete()} s, ${memory()}`);

for (let i = 0; i < SECTIONS; i++) {
  const z = Math.floor(((i * 0.618) % 1) * shape[0]);
  const [y, x] = [1, 2].map((axis) => Math.floor((0.2 + ((i * (axis + 1) * 0.37) % 0.6)) * shape[axis]));
  await page.evaluate((place) => window.annotate.goTo(...place), [z, y, x, [0.3, 0.6, 1, 2, 5][i % 5]]);
  await page.waitForTimeout(LOOK_MS);
}
console.log(`after browsing ${SECTIONS} sections at five zooms: ${memory()}`);

const cut = performance.now();
await page.keyboard.press("c");
await page.waitForTimeout(100);
await page.waitForFunction(() => !window.annotate.state().loading, undefined, { timeout: 120_000 });
console.log(`an x-z cut is drawn after ${((performance.now() - cut) / 1000).toFixed(1)} s, ${memory()}`);
await page.keyboard.press("c");
await page.keyboard.press("c");

await page.evaluate((place) => window.annotate.goTo(...place), [5, shape[1] / 2, shape[2] / 2, 2]);
await page.waitForTimeout(3000);
for (let i = 0; i < STROKES; i++) {
  const [y, x] = [shape[1] / 2 - 120 + 5 * i, shape[2] / 2 - 150 + (i % 7) * 10];
  await drag(page, [[y, x], [y + 20, x + 60], [y, x + 120]]);
  await page.waitForTimeout(150);
}
await page.waitForFunction(() => window.annotate.pending() === 0);
const { visible, acknowledged } = await page.evaluate(() => window.timings);
console.log(`pointer down until painted: ${spread(visible)}`);
console.log(`pointer up until acknowledged: ${spread(acknowledged)}`);
console.log(`at the end: ${memory()}`);
await browser.close();
await served.end();
fs.rmSync(folder, { recursive: true });

/** Runs in the page before its own scripts. */
function watch() {
  window.timings = { visible: [], acknowledged: [] };
  let lifted = 0;
  window.addEventListener("pointerdown", (event) => {
    if (event.target.id !== "view") return;
    // The canvas asked for its frame before this one, so that it has been drawn then.
    requestAnimationFrame(() => window.timings.visible.push(performance.now() - event.timeStamp));
  });
  window.addEventListener("pointerup", (event) => {
    if (event.target.id === "view") lifted = event.timeStamp;
  });
  const ask = window.fetch;
  window.fetch = async (where, options) => {
    const answer = await ask(where, options);
    if (String(where).endsWith("api/actions")) window.timings.acknowledged.push(performance.now() - lifted);
    return answer;
  };
}

/** Seconds from the opening of the page until the first tile of a kind is on the screen. */
async function drawn(kind) {
  const after = await page.evaluate((part) => new Promise((resolve) => {
    const look = () => {
      const came = performance.getEntriesByType("resource").some(({ name, responseStatus }) => name.includes(part) && responseStatus === 200);
      requestAnimationFrame(came ? () => requestAnimationFrame(() => resolve(performance.now())) : look);
    };
    look();
  }), kind);
  return (after / 1000).toFixed(2);
}

async function complete() {
  await page.evaluate(() => window.annotate.ready);
  await page.waitForFunction(() => !window.annotate.state().loading, undefined, { timeout: 300_000 });
  return ((await page.evaluate(() => performance.now())) / 1000).toFixed(1);
}

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))].toFixed(1);
  return `median ${at(0.5)} ms, 95 % ${at(0.95)} ms, most ${at(1)} ms of ${sorted.length}`;
}

function memory() {
  const { now, most } = served.memory();
  return `memory ${Math.round(now / 1024)} MB, at most ${Math.round(most / 1024)} MB`;
}
