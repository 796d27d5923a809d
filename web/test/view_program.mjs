/**
 * Tests of the real program `em-cli view` through its page in a real browser: one line for each check, and an exit status.
 *
 * EM_CLI names the program. VOLUME names a stack and OBJECTS its numbered objects, else those of a phantom are measured;
 * PAGE=1 shows the page built last instead of the one within the program; SHOT=file takes a picture at the end.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { LAPTOP, SOFTWARE_GL, coloursAt, launch, open, until } from "./hand.mjs";
import { run, serve } from "./served.mjs";

const PATIENCE_MS = 120_000;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "em-view-"));
const [volume, objects] = process.env.VOLUME ? [process.env.VOLUME, process.env.OBJECTS] : phantom();
let failures = 0;

function phantom() {
  const [made, measured] = ["phantom", "measured"].map((name) => path.join(folder, name));
  const mask = path.join(made, "train_mitochondria.tif");
  for (const step of [["phantom", made, "--train-sections", "24", "--val-sections", "2", "--size", "384"], ["measure", mask, "-o", measured]]) {
    const { status, stderr } = run(...step);
    assert.equal(status, 0, stderr);
  }
  return [path.join(made, "train.tif"), `objects=${path.join(measured, "labels.tif")}`];
}

const served = await serve("view", volume, objects);
const browser = await launch(SOFTWARE_GL);
const context = await browser.newContext({ viewport: LAPTOP });
context.setDefaultTimeout(PATIENCE_MS);
const troubles = [];
context.on("request", (request) => {
  if (!request.url().startsWith(served.address) && !/^(blob|data):/.test(request.url())) troubles.push(`a request to ${request.url()}`);
});
context.on("response", (response) => {
  if (response.status() >= 400) troubles.push(`${response.status()} for ${response.url()}`);
});
if (process.env.PAGE) await serveBuiltPage();
const ask = async (where) => (await fetch(served.address + where)).json();
const state = () => page.evaluate(() => window.view.state());
const saturation = ([red, green, blue]) => Math.max(red, green, blue) - Math.min(red, green, blue);
const valueAt = async (layer, voxel) => (await ask(`api/value/${voxel.join("/")}`)).values[layer];

async function check(name, body) {
  const start = performance.now();
  try {
    await body();
    assert.deepEqual(troubles.splice(0), [], "the page reported errors");
    console.log(`ok    ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failures++;
    console.log(`FAIL  ${name}: ${error.message}`);
  }
}

/** For work on the page: takes its files from the folder of the built page. */
async function serveBuiltPage() {
  const built = new URL("../../crates/em-serve/view/", import.meta.url);
  await context.route(/\/[0-9a-f]{32}\/([a-z_.]+\.(js|css|html))?$/, (route) => {
    const name = path.basename(new URL(route.request().url()).pathname);
    return route.fulfill({ path: new URL(/\./.test(name) ? name : "index.html", built).pathname });
  });
}

let page;
const { layers } = await ask("api/view");
const layer = layers.find(({ kind, has_table }) => kind === "objects" && has_table);
let table;

await check("the first picture is there soon", async () => {
  const began = performance.now();
  page = await open(context, served.address, troubles, "view");
  await page.waitForFunction(() => window.view.state().loaded);
  console.log(`      ${((performance.now() - began) / 1000).toFixed(1)} s until all in sight was drawn`);
});

await check("all objects are listed", async () => {
  await page.waitForFunction(() => window.view.state().table === "ready");
  table = await ask(`api/objects/${encodeURIComponent(layer.name)}`);
  assert.equal((await state()).shown.length, table.rows.length);
});

await check("a row flies into its object, which has a colour and a surface", async () => {
  const largest = table.rows.reduce((best, row) => (row[table.columns.indexOf("voxels")] > best[table.columns.indexOf("voxels")] ? row : best));
  const id = largest[table.columns.indexOf("id")];
  await page.fill("#filter", String(id));
  await page.locator(`#object-${id}`).click();
  await until(async () => (await valueAt(layer.name, (await state()).position.map(Math.floor))) === id, "a middle inside of the object");
  await page.waitForFunction(() => window.view.state().loaded);
  const middle = await page.evaluate(() => window.view.voxelToView(window.view.state().position));
  await until(async () => saturation((await coloursAt(page, [middle]))[0]) > 20, "a coloured middle");
  await page.getByRole("button", { name: "3D", exact: true }).click();
  await until(async () => (await spaceColours()).some((colour) => saturation(colour) > 40), "a surface");
});

if (layer.can_correct) {
  await check("an object is deleted and brought back", async () => {
    const before = await state();
    const [id] = before.chosen;
    await page.fill("#filter", "");
    await page.locator("#filter").blur();
    await page.keyboard.press("d");
    await page.waitForFunction((gone) => !window.view.state().shown.includes(gone), id);
    assert.equal(await valueAt(layer.name, before.position.map(Math.floor)), 0);
    await page.keyboard.press("Control+z");
    await page.waitForFunction((back) => window.view.state().shown.includes(back), id);
    assert.equal(await valueAt(layer.name, before.position.map(Math.floor)), id);
  });
} else {
  console.log("skip  corrections: the program offers none for these objects");
}

/** Colours on a grid over the view of the space. */
async function spaceColours() {
  const { x, y, width, height } = await page.locator("#view").boundingBox();
  const steps = [0.35, 0.45, 0.5, 0.55, 0.65];
  return coloursAt(page, steps.flatMap((down) => steps.map((right) => [x + right * width, y + down * height])));
}

const status = fs.readFileSync(`/proc/${served.pid}/status`, "utf8");
console.log(`      the program took ${Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)[1]) / 1024)} MB at most`);
if (process.env.SHOT) await page.screenshot({ path: process.env.SHOT });
await browser.close();
await served.end();
fs.rmSync(folder, { recursive: true });
console.log(failures === 0 ? "all is well" : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
