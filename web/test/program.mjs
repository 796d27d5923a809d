/**
 * Tests of the real program through its page in a real browser: one line for each check, and an exit status.
 *
 * EM_CLI names the program; STACK a stack to work on (else a phantom is made) and VOXEL_SIZE its voxel size where it tells
 * none. TRAIN=1 also trains, predicts, measures and exports, which takes minutes. SHOTS=folder takes pictures at the end.
 * PAGE=1 shows the page built last instead of the one within the program.
 * One project goes through all checks, each building on the one before, so they stay in one file.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { paintPolygon, paintSegment } from "../../crates/em-serve/page/raster.js";
import { LAPTOP, colourAt, drag, goTo, isOrange, launch, open, pending, screen, state, until } from "./hand.mjs";
import { Served, run } from "./served.mjs";
import { takeProgramShots } from "./shots.mjs";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "em-annotate-"));
const project = path.join(folder, "project");
const served = new Served(stack(), project, process.env.VOXEL_SIZE ? ["--voxel-size", process.env.VOXEL_SIZE] : []);
const browser = await launch();
const context = await browser.newContext({ viewport: LAPTOP });
const troubles = [];
let failures = 0;

function stack() {
  if (process.env.STACK) return process.env.STACK;
  const made = run("phantom", path.join(folder, "phantom"), "--train-sections", "10", "--val-sections", "2", "--size", "640");
  assert.equal(made.status, 0, made.stderr);
  return path.join(folder, "phantom", "train.tif");
}

async function check(name, body) {
  const start = performance.now();
  try {
    await body();
    console.log(`ok    ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failures++;
    console.log(`FAIL  ${name}: ${error.message}`);
  }
}

const suggested = (page) => page.waitForResponse((answer) => answer.url().includes("/api/suggestions/") && answer.ok(), { timeout: 60_000 });

async function openPage() {
  const page = await open(context, served.address, troubles);
  page.setDefaultTimeout(60_000);
  return page;
}

await served.start();
if (process.env.PAGE) await serveBuiltPage();
let page;
const { shape, classes, state: begun } = await (await served.get("api/project")).json();
const [threshold] = classes.map((name) => begun.sources[0]?.thresholds[name] ?? 0.5);
const middle = [Math.floor(shape[0] / 2), Math.floor(shape[1] / 2), Math.floor(shape[2] / 2)];

/** For work on the page: takes its files from the folder of the built page. */
async function serveBuiltPage() {
  const built = new URL("../../crates/em-serve/page/", import.meta.url);
  await context.route(/\/[0-9a-f]{32}\/([a-z_]+\.(js|css|html))?$/, (route) => {
    const name = path.basename(new URL(route.request().url()).pathname);
    return route.fulfill({ path: new URL(/\./.test(name) ? name : "index.html", built).pathname });
  });
}

/** Waits until all that was done is acknowledged, and the log has `count` actions more than `before`. */
async function saved(before, count) {
  await until(async () => (await pending(page)) === 0, "the acknowledgement");
  const { actions } = served;
  assert.equal(actions.length - before, count, `the log has ${actions.length - before} new actions, expected ${count}`);
  return actions.slice(before).map(({ request, painted }) => ({ ...request, painted }));
}

async function paint(points) {
  const before = served.actions.length;
  await drag(page, points);
  const [action] = await saved(before, 1);
  return action;
}

/** What the page's own rule paints into a section. */
function drawn(section, { kind, points, radius, value }) {
  const raster = { data: section.slice(), height: shape[1], width: shape[2], top: 0, left: 0, scale: 1 };
  if (kind === "polygon") paintPolygon(raster, points, value);
  else points.forEach((point, i) => paintSegment(raster, points[Math.max(0, i - 1)], point, radius, value));
  return raster.data;
}

const same = (one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)) === 0;
const count = (section, value) => section.reduce((sum, voxel) => sum + (voxel === value), 0);
const at = (y, x) => y * shape[2] + x;

/** A voxel well inside of a suggested object that nobody labelled, nearest to the middle. */
async function suggestedVoxel(z) {
  const [probabilities, labels] = [await served.suggestions(0, z, shape), await served.labels(0, z, shape)];
  let found = null;
  let nearest = Infinity;
  const isInside = (y, x) => probabilities[at(y, x)] >= least * 255 && labels[at(y, x)] === 0;
  for (let y = 3; y < shape[1] - 3; y++) {
    for (let x = 3; x < shape[2] - 3; x++) {
      const distance = Math.hypot(y - middle[1], x - middle[2]);
      if (distance >= nearest || !isInside(y, x)) continue;
      if (![[-3, 0], [3, 0], [0, -3], [0, 3]].every(([dy, dx]) => isInside(y + dy, x + dx))) continue;
      [found, nearest] = [[y, x], distance];
    }
  }
  assert.ok(found, `nothing is suggested in section ${z}`);
  return found;
}

/** A threshold at which the class is suggested in some voxels: a network may be unsure of a phantom. */
async function usefulThreshold(z) {
  const sorted = (await served.suggestions(0, z, shape)).slice().sort();
  const high = sorted[Math.floor(sorted.length * 0.97)] / 255;
  return Math.floor(100 * Math.max(0.02, Math.min(threshold, high))) / 100;
}

/** The threshold that the page is set to. */
let least = threshold;

await check("the page opens and draws its first suggestion", async () => {
  const start = performance.now();
  const window = context.waitForEvent("page");
  const opening = openPage();
  await suggested(await window);
  page = await opening;
  const seconds = (performance.now() - start) / 1000;
  await goTo(page, ...middle);
  least = await usefulThreshold(middle[0]);
  await page.locator("#classes input").first().fill(String(least));
  const [y, x] = await suggestedVoxel(middle[0]);
  await goTo(page, middle[0], y, x);
  await until(async () => isOrange(await colourAt(page, y + 0.5, x + 0.5)), "the colour of a suggestion");
  console.log(`      first suggestion after ${seconds.toFixed(1)} s, threshold ${least}`);
});

await check("a stroke is in the log, and its voxels are in the labels", async () => {
  await goTo(page, 1, middle[1], middle[2]);
  await page.keyboard.press("s");
  await page.keyboard.press("b");
  const stroke = await paint([[middle[1] - 20, middle[2] - 60], [middle[1] + 10, middle[2]], [middle[1], middle[2] + 50]]);
  assert.deepEqual([stroke.kind, stroke.class, stroke.value, stroke.z], ["stroke", classes[0], 2, 1]);
  const section = await served.labels(0, 1, shape);
  assert.ok(same(section, drawn(new Uint8Array(shape[1] * shape[2]), stroke)), "other voxels than the page draws");
  await until(async () => isOrange(await colourAt(page, middle[1] + 10.5, middle[2] + 0.5)), "the stroke on the screen");
});

await check("undo and redo", async () => {
  const before = served.actions.length;
  const painted = await served.labels(0, 1, shape);
  await page.keyboard.press("Control+z");
  await saved(before, 1);
  assert.equal(count(await served.labels(0, 1, shape), 2), 0);
  await goTo(page, 1, middle[1], middle[2]);
  await until(async () => !isOrange(await colourAt(page, middle[1] + 10.5, middle[2] + 0.5)), "the stroke to go");
  await page.keyboard.press("Control+Shift+Z");
  await saved(before, 2);
  assert.ok(same(await served.labels(0, 1, shape), painted), "redo brings other voxels");
});

await check("background brush and eraser", async () => {
  await page.keyboard.press("g");
  const line = [[middle[1] + 60, middle[2] - 50], [middle[1] + 60, middle[2] + 50]];
  const stroke = await paint(line);
  assert.equal(stroke.value, 1);
  assert.equal((await served.labels(0, 1, shape))[at(middle[1] + 60, middle[2])], 1);
  await page.keyboard.press("e");
  await paint([[middle[1] + 60, middle[2]], [middle[1] + 60, middle[2] + 4]]);
  assert.equal((await served.labels(0, 1, shape))[at(middle[1] + 60, middle[2])], 0);
  await page.keyboard.press("s");
});

await check("the wheel shows other sections", async () => {
  const greys = async () => {
    const colours = [];
    for (const shift of [-90, -50, 50, 90]) colours.push((await colourAt(page, middle[1] + shift, middle[2]))[1]);
    return colours;
  };
  await goTo(page, 3, middle[1], middle[2]);
  const before = await greys();
  await page.mouse.move(...(await screen(page, middle[1], middle[2])));
  await page.mouse.wheel(0, 100);
  await until(async () => (await state(page)).index === 4, "the next section");
  await until(async () => !(await state(page)).loading, "its tiles");
  assert.notDeepEqual(await greys(), before);
  await page.mouse.wheel(0, -100);
  await until(async () => (await state(page)).index === 3, "the section before");
  assert.deepEqual(await greys(), before);
});

await check("an object is accepted", async () => {
  const z = middle[0];
  const [y, x] = await suggestedVoxel(z);
  await goTo(page, z, y, x);
  const before = served.actions.length;
  await page.keyboard.press("a");
  await page.mouse.click(...(await screen(page, y + 0.5, x + 0.5)));
  const [action] = await saved(before, 1);
  assert.deepEqual([action.kind, action.object], ["accept", [z, y, x]]);
  const [labels, probabilities] = [await served.labels(0, z, shape), await served.suggestions(0, z, shape)];
  assert.equal(labels[at(y, x)], 2);
  assert.ok(labels.every((label, i) => label !== 2 || probabilities[i] >= least * 255), "more than the suggestion is accepted");
});

await check("an object is rejected", async () => {
  const z = middle[0];
  const [y, x] = await suggestedVoxel(z);
  await goTo(page, z, y, x);
  const before = served.actions.length;
  await page.keyboard.press("x");
  await page.mouse.click(...(await screen(page, y + 0.5, x + 0.5)));
  await saved(before, 1);
  assert.equal((await served.labels(0, z, shape))[at(y, x)], 1);
});

await check("a click beside all objects is told, and is not in the log", async () => {
  const z = middle[0];
  const low = (await served.suggestions(0, z, shape)).findIndex((value, i) => value < 3 && i % shape[2] > 250 && i > 250 * shape[2]);
  const [y, x] = [Math.floor(low / shape[2]), low % shape[2]];
  await goTo(page, z, y, x);
  const before = served.actions.length;
  await page.mouse.click(...(await screen(page, y + 0.5, x + 0.5)));
  await page.getByText("Nothing is suggested there").first().waitFor();
  await saved(before, 0);
});

await check("a region is dragged: what is unknown inside becomes background", async () => {
  const z = 2;
  await goTo(page, z, middle[1], middle[2]);
  await page.keyboard.press("r");
  const before = served.actions.length;
  const [top, left] = [middle[1] - 100, middle[2] - 120];
  await drag(page, [[top + 0.3, left + 0.3], [top + 199.6, left + 239.6]]);
  const [region] = await saved(before, 1);
  assert.deepEqual([region.start, region.shape], [[z, top, left], [1, 200, 240]]);
  for (const plane of classes.keys()) assert.equal(count(await served.labels(plane, z, shape), 1), 200 * 240, classes[plane]);
  await until(async () => (await page.locator("#regions li").count()) === 1, "the region in the list");
  const file = JSON.parse(fs.readFileSync(path.join(project, "regions.json"), "utf8"));
  assert.ok(JSON.stringify(file).includes("200"), "regions.json does not have it");
});

await check("all suggestions in the region are accepted", async () => {
  await goTo(page, 2, middle[1], middle[2]);
  const before = served.actions.length;
  await page.keyboard.press("Shift+A");
  const [action] = await saved(before, 1);
  assert.deepEqual(action.within.shape, [1, 200, 240]);
  const [labels, probabilities] = [await served.labels(0, 2, shape), await served.suggestions(0, 2, shape)];
  const inside = (i) => {
    const [y, x] = [Math.floor(i / shape[2]) - middle[1] + 100, (i % shape[2]) - middle[2] + 120];
    return y >= 0 && y < 200 && x >= 0 && x < 240;
  };
  assert.ok(labels.every((label, i) => label === (inside(i) ? 1 + Number(probabilities[i] > 0 && probabilities[i] >= least * 255) : 0)));
});

await check("a polygon, and what it interpolates with the next but two", async () => {
  await page.keyboard.press("s");
  const corners = [[-40, -40], [-30, 45], [40, 30], [20, -50]].map(([dy, dx]) => [middle[1] + dy + 0.25, middle[2] + dx + 0.25]);
  const polygon = async (z, [dy, dx]) => {
    await goTo(page, z, middle[1], middle[2]);
    await page.keyboard.press("p");
    const before = served.actions.length;
    for (const [y, x] of corners) await page.mouse.click(...(await screen(page, y + dy, x + dx)));
    await page.keyboard.press("Enter");
    return (await saved(before, 1))[0];
  };
  const blank = new Uint8Array(shape[1] * shape[2]);
  const first = await polygon(6, [0, 0]);
  assert.ok(same(await served.labels(0, 6, shape), drawn(blank, first)), "other voxels than the page draws");
  await polygon(9, [6, 9]);
  const before = served.actions.length;
  await page.keyboard.press("i");
  await until(() => served.actions.length > before, "the interpolation");
  const [action] = await saved(before, 1);
  assert.deepEqual([action.kind, action.from, action.to], ["interpolate", 6, 9]);
  const sizes = [];
  for (const z of [6, 7, 8, 9]) sizes.push(count(await served.labels(0, z, shape), 2));
  assert.ok(Math.min(sizes[1], sizes[2]) > 0.8 * sizes[0] && Math.max(sizes[1], sizes[2]) < 1.2 * sizes[0], String(sizes));
});

await check("a flood fills what is alike", async () => {
  await goTo(page, 0, middle[1], middle[2]);
  await page.keyboard.press("f");
  const before = served.actions.length;
  await page.mouse.click(...(await screen(page, middle[1] + 0.5, middle[2] + 0.5)));
  const [action] = await saved(before, 1);
  assert.equal(action.kind, "fill");
  assert.equal((await served.labels(0, 0, shape))[at(middle[1], middle[2])], 2);
});

await check("the second class is painted beside the first", async () => {
  await goTo(page, 1, middle[1], middle[2]);
  await page.keyboard.press("2");
  await page.keyboard.press("b");
  const before = await served.labels(0, 1, shape);
  const stroke = await paint([[middle[1], middle[2] - 30], [middle[1], middle[2] + 30]]);
  assert.equal(stroke.class, classes[1]);
  assert.ok(same(await served.labels(0, 1, shape), before), "the first class changed");
  assert.ok(count(await served.labels(1, 1, shape), 2) > 300);
  await page.keyboard.press("1");
});

await check("killed in the middle of strokes, three times: each is there once, in order", async () => {
  await goTo(page, 4, middle[1], middle[2]);
  await page.keyboard.press("b");
  const { address } = served;
  const before = served.actions.length;
  const rows = Array.from({ length: 24 }, (_, i) => middle[1] - 130 + 10 * i);
  const acknowledged = new Set();
  page.on("response", (answer) => {
    if (answer.ok() && answer.url().endsWith("/api/actions")) acknowledged.add(answer.request().postDataJSON().id);
  });
  for (const [i, row] of rows.entries()) {
    await drag(page, [[row, middle[2] - 100], [row, middle[2] - 60 + i]]);
    // At any moment of a stroke's way to the disk.
    if (i % 8 === 3) setTimeout(() => void served.end("SIGKILL"), i);
    if (i % 8 !== 6) continue;
    await page.getByText("Your work is kept; trying again.").waitFor();
    await served.start();
    assert.equal(served.address, address);
    await page.locator("#banner").waitFor({ state: "hidden" });
  }
  await until(async () => (await pending(page)) === 0, "the acknowledgements");
  const strokes = served.actions.slice(before);
  assert.deepEqual(strokes.map(({ request }) => Math.round(request.points[0][0])), rows);
  const ids = new Set(strokes.map(({ id }) => id));
  assert.equal(ids.size, rows.length);
  assert.ok([...acknowledged].every((id) => ids.has(id)), "an acknowledged stroke is lost");
  const section = strokes.reduce((voxels, { request }) => drawn(voxels, request), new Uint8Array(shape[1] * shape[2]));
  const kept = await served.labels(0, 4, shape);
  assert.ok(section.every((voxel, i) => voxel !== 2 || kept[i] === 2), "voxels of a stroke are missing");
});

await check("a second window is told why it waits, and takes over", async () => {
  const second = await context.newPage();
  await second.goto(served.address);
  await second.getByText("open in another window").first().waitFor();
  await second.keyboard.press("Control+z");
  const before = served.actions.length;
  await page.close({ runBeforeUnload: true });
  await second.locator("#cover").waitFor({ state: "hidden" });
  page = second;
  await page.evaluate(() => window.annotate.ready);
  await goTo(page, 5, middle[1], middle[2]);
  await page.keyboard.press("b");
  await drag(page, [[middle[1], middle[2]], [middle[1] + 9, middle[2] + 9]]);
  await saved(before, 1);
});

await check("a second program is refused with its reason", async () => {
  const { status, stderr } = run("annotate", project, "--no-browser");
  assert.equal(status, 1);
  assert.match(stderr, /^error: .*is open in/m);
  assert.ok(served.isAlive);
});

if (process.env.TRAIN) await trainAndFinish();

await check("the log alone makes the same labels again", async () => {
  await served.end();
  const before = digests(path.join(project, "labels"));
  assert.ok(before.size > 4);
  fs.rmSync(path.join(project, "labels"), { recursive: true });
  const { status, stderr } = run("annotate", project, "--replay");
  assert.equal(status, 0, stderr);
  assert.deepEqual(digests(path.join(project, "labels")), before);
  await served.start();
});

await check("neither page nor program reported errors", () => {
  assert.deepEqual(troubles, []);
  assert.ok(!/panicked|RUST_BACKTRACE/.test(served.complaints), served.complaints);
});

/** SHA-256 of each file of a folder, but for those that a kill left half written beside the whole ones. */
function digests(root) {
  const files = fs.readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.name.endsWith(".part"));
  const names = files.map((entry) => path.join(entry.parentPath, entry.name)).sort();
  return new Map(names.map((name) => [path.relative(root, name), createHash("sha256").update(fs.readFileSync(name)).digest("hex")]));
}

async function trainAndFinish() {
  const job = async () => (await (await served.get("api/project")).json()).state.job;
  const ended = async (kind, minutes) => {
    for (let i = 0; i < 60 * minutes; i++) {
      const now = await job();
      if (now?.kind === kind && now.state !== "running") return now;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    assert.fail(`${kind} takes more than ${minutes} minutes`);
  };
  const version = async () => (await (await served.get("api/project")).json()).state.sources.find(({ name }) => name === "network")?.version;
  await check("a network is trained on three regions, and suggests", async () => {
    const before = await version();
    // Each class has foreground in one of them.
    for (const z of [1, 7]) {
      await goTo(page, z, middle[1], middle[2]);
      await page.keyboard.press("Shift+R");
    }
    await page.keyboard.press("t");
    await page.keyboard.press("Enter");
    await page.getByText("Training is running").waitFor();
    const done = await ended("train", 20);
    assert.equal(done.state, "done", done.message);
    await page.locator("#runs a", { hasText: "Run 1" }).waitFor();
    assert.match(await page.locator("#runs").innerText(), /0\.\d\d|–/);
    await page.getByTitle("Let run 1 make the suggestions").click();
    await until(async () => ![undefined, before].includes(await version()), "the network's version to change");
    const answer = suggested(page);
    await goTo(page, 8, middle[1], middle[2]);
    await answer;
  });
  await check("the whole stack is predicted, measured and exported", async () => {
    for (const [button, kind, file] of [["#predict", "predict", "result"], ["#measure", "measure", "result/objects/objects.csv"], ["#export", "export", `exports/${classes[0]}.tif`]]) {
      await page.locator(button).click();
      const done = await ended(kind, 20);
      assert.equal(done.state, "done", `${kind}: ${done.message}`);
      assert.ok(fs.existsSync(path.join(project, file)), `there is no ${file}`);
    }
  });
}

if (process.env.SHOTS) await takeProgramShots(browser, served, process.env.SHOTS);
await browser.close();
await served.end();
if (failures === 0) fs.rmSync(folder, { recursive: true });
else console.log(`what was done lies in ${folder}`);
console.log(failures === 0 ? "all checks passed" : `${failures} checks failed`);
process.exit(failures === 0 ? 0 : 1);
