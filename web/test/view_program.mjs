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
import { choose, goTo, screen } from "./view_hand.mjs";

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

  await check("an object is split by points, and by a painted line, and brought back", async () => {
    const { id, place } = await inside();
    const [z, y, x] = place;
    const count = (await state()).shown.length;
    const seeds = [[z, y, x - 4], [z, y, x + 4]];
    const parted = async () => {
      await page.waitForFunction((more) => window.view.state().waiting === 0 && window.view.state().shown.length === more, count + 1);
      const values = await Promise.all(seeds.map((seed) => valueAt(layer.name, seed)));
      assert.ok(values[0] !== values[1] && values.every((value) => value > 0) && values.includes(id), `${values}`);
      await page.keyboard.press("Control+z");
      await page.waitForFunction((before) => window.view.state().waiting === 0 && window.view.state().shown.length === before, count);
      assert.deepEqual(await Promise.all(seeds.map((seed) => valueAt(layer.name, seed))), [id, id]);
    };
    await page.keyboard.press("s");
    for (const seed of seeds) await page.mouse.click(...(await screen(page, seed.map((each) => each + 0.5))));
    await page.waitForFunction(() => window.view.state().points.length === 2);
    await page.keyboard.press("Enter");
    await parted();
    await choose(page, id);
    await goTo(page, place);
    await page.keyboard.press("x");
    const [top, bottom] = await ends(place, id);
    await page.mouse.move(...(await screen(page, [z + 0.5, top - 2, x])));
    await page.mouse.down();
    await page.mouse.move(...(await screen(page, [z + 0.5, bottom + 2, x])), { steps: 8 });
    await page.mouse.up();
    await parted();
  });

  await check("what was corrected is written beside the labels, with its table", async () => {
    const { id } = await inside();
    await page.keyboard.press("d");
    await page.waitForFunction((gone) => window.view.state().waiting === 0 && !window.view.state().shown.includes(gone), id);
    await page.keyboard.press("Control+s");
    await page.waitForFunction(() => document.getElementById("notes").textContent.includes("labels-corrected"));
    if (process.env.VOLUME) return;
    const rows = fs.readFileSync(path.join(folder, "measured/labels-corrected/objects.csv"), "utf8").trim().split("\n").slice(1);
    assert.deepEqual(rows.map((line) => Number(line.split(",")[1])).sort((a, b) => a - b), [...(await state()).shown].sort((a, b) => a - b));
  });
} else {
  console.log("skip  corrections: the program offers none for these objects");
}

/** Chooses the largest object, and shows a section with a voxel that lies well within it. */
async function inside() {
  const column = (name) => table.columns.indexOf(name);
  const largest = table.rows.reduce((best, row) => (row[column("voxels")] > best[column("voxels")] ? row : best));
  const id = largest[column("id")];
  await page.getByRole("button", { name: "x-y", exact: true }).click();
  await choose(page, id);
  const [low, high] = ["start", "end"].map((end) => ["z", "y", "x"].map((axis) => largest[column(`${end}_${axis}`)]));
  const z = Math.floor((low[0] + high[0]) / 2);
  for (let y = low[1]; y < high[1]; y += 3) {
    for (let x = low[2]; x < high[2]; x += 3) {
      const around = [[y, x], [y, x - 5], [y, x + 5], [y - 5, x], [y + 5, x]];
      const values = await Promise.all(around.map(([down, right]) => valueAt(layer.name, [z, Math.max(down, 0), Math.max(right, 0)]).catch(() => 0)));
      if (values.every((value) => value === id)) {
        await goTo(page, [z, y, x]);
        return { id, place: [z, y, x] };
      }
    }
  }
  throw new Error(`object ${id} is thin`);
}

/** The rows in which a column leaves an object, above and below a voxel of it. */
async function ends([z, y, x], id) {
  const leaves = async (step) => {
    let row = y;
    while ((await valueAt(layer.name, [z, row + step, x]).catch(() => 0)) === id) row += step;
    return row;
  };
  return [await leaves(-1), await leaves(1)];
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
