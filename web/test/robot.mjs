/**
 * A measurement, not a test: a robot that annotates through the page as a person would, and trains. For each of three
 * proposed regions it accepts what is suggested, mends it by at most 20 strokes, marks the box as reviewed and trains.
 *
 * EM_CLI names the program; STACK a raw stack with labels STACK_CLASS.tif beside it, VAL another such stack to score on;
 * VOXEL_SIZE as the program takes it; CLASSES (mitochondria,synapses); REGIONS (3); WORK a folder for what is made;
 * PYTHON a Python with tifffile, which reads the labels.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { bestStroke } from "./corrections.mjs";
import { LAPTOP, launch, open, pending, screen, state, until } from "./hand.mjs";
import { Served, run } from "./served.mjs";

const { STACK, VAL, VOXEL_SIZE, PYTHON = "python3" } = process.env;
const CLASSES = (process.env.CLASSES ?? "mitochondria,synapses").split(",");
const REGIONS = Number(process.env.REGIONS ?? 3);
const MOST_STROKES = 20;
const [STROKE_S, CLICK_S] = [3, 10];

const work = process.env.WORK ?? fs.mkdtempSync(path.join(os.tmpdir(), "em-robot-"));
fs.mkdirSync(work, { recursive: true });
const served = new Served(STACK, path.join(work, "project"), ["--voxel-size", VOXEL_SIZE, "--classes", CLASSES.join(",")]);
const truths = CLASSES.map((name) => truthOf(STACK.replace(/\.tif$/, `_${name}.tif`)));

/** Reads a label: a byte of 0 or 1 for each voxel. */
function truthOf(file) {
  const script = "import sys, tifffile; sys.stdout.buffer.write((tifffile.imread(sys.argv[1]) > 0).astype('u1').tobytes())";
  return new Uint8Array(execFileSync(PYTHON, ["-c", script, file], { maxBuffer: 2 ** 31 }));
}

const project = async () => (await served.get("api/project")).json();

/** Dice coefficients of a network, a run or one that is built in, on the stack to score on, by class. */
function scores(model, name) {
  const output = path.join(work, `${name}.tif`);
  const predicted = run("predict", "--model", model, VAL, "--voxel-size", VOXEL_SIZE, "-o", output, "--overwrite");
  assert.equal(predicted.status, 0, predicted.stderr);
  return CLASSES.map((of) => {
    const mask = [path.join(work, `${name}_${of}.tif`), output].find((file) => fs.existsSync(file));
    if (mask === undefined) return null;
    const scored = run("evaluate", "--prediction", mask, "--label", VAL.replace(/\.tif$/, `_${of}.tif`), "--json");
    const dice = /"dice":\s*([\d.]+)/.exec(scored.stdout)?.[1];
    return dice === undefined ? null : Number(dice);
  });
}

await served.start();
const browser = await launch();
const context = await browser.newContext({ viewport: LAPTOP });
const page = await open(context, served.address);
page.setDefaultTimeout(120_000);
const { shape, state: begun } = await project();
console.log(`${STACK} ${shape.join(" x ")}, suggested by ${begun.sources[0]?.title ?? "nothing"}`);
const rows = [];

async function acknowledged() {
  for (let i = 0; (await pending(page)) > 0; i++) {
    assert.ok(i < 1200, "an action is not acknowledged within a minute");
    await page.waitForTimeout(50);
  }
}

/** Sets the brush as a person drags its slider. */
async function takeBrush(plane, value, radius) {
  await page.keyboard.press(String(plane + 1));
  await page.keyboard.press(value === 2 ? "b" : "g");
  await page.locator("#radius").fill((Math.round(Math.log2(radius) / 0.05) * 0.05).toFixed(2));
  await page.locator("#view").focus();
}

async function paint(points) {
  await page.mouse.move(...(await screen(page, ...points[0])));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...(await screen(page, ...point)));
  await page.mouse.up();
  await acknowledged();
}

async function annotate() {
  let [clicks, strokes] = [0, 0];
  const searched = performance.now();
  await page.keyboard.press("n");
  await page.locator("#proposal").waitFor();
  const { proposal } = await state(page);
  const next = (performance.now() - searched) / 1000;
  const [z, y, x] = proposal.start;
  const box = [y, x, proposal.shape[1], proposal.shape[2]];
  await page.waitForTimeout(1000);
  for (const plane of CLASSES.keys()) {
    await page.keyboard.press(String(plane + 1));
    await page.keyboard.press("Shift+A");
    await acknowledged();
    clicks++;
  }
  const area = shape[1] * shape[2];
  const truth = truths.map((all) => all.subarray(z * area, (z + 1) * area));
  const wrong = async () => {
    const labels = [];
    for (const plane of CLASSES.keys()) labels.push(await served.labels(plane, z, shape));
    return labels;
  };
  const before = dices(await wrong(), truth, box);
  while (strokes < MOST_STROKES) {
    const labels = await wrong();
    const found = labels.map((of, plane) => ({ plane, ...bestStroke(of, truth[plane], shape.slice(1), box) })).filter(({ gain }) => gain);
    if (found.length === 0) break;
    const { plane, value, radius, points } = found.reduce((one, other) => (other.gain > one.gain ? other : one));
    await takeBrush(plane, value, radius);
    await paint(points);
    strokes++;
  }
  const after = dices(await wrong(), truth, box);
  await page.keyboard.press("m");
  await acknowledged();
  clicks++;
  return { z, clicks, strokes, next, before, after };
}

/** How right the labels are within a box, by class. */
function dices(labels, truth, [top, left, tall, wide]) {
  return labels.map((of, plane) => {
    let [both, sum] = [0, 0];
    for (let y = top; y < top + tall; y++) {
      for (let x = left; x < left + wide; x++) {
        const i = y * shape[2] + x;
        both += Number(of[i] === 2 && truth[plane][i] === 1);
        sum += Number(of[i] === 2) + truth[plane][i];
      }
    }
    return sum === 0 ? null : (2 * both) / sum;
  });
}

async function train(number) {
  await page.keyboard.press("t");
  await page.keyboard.press("Enter");
  await page.getByText("Training is running").waitFor();
  for (;;) {
    await page.waitForTimeout(1000);
    const { job } = (await project()).state;
    if (job.state === "failed") return job.message;
    if (job.state !== "running") break;
  }
  const version = async () => (await project()).state.sources.find(({ name }) => name === "network")?.version;
  const before = await version();
  await page.getByTitle(`Let run ${number} make the suggestions`).click();
  await until(async () => ![undefined, before].includes(await version()), "the new network");
  return null;
}

const text = (values) => values.map((value) => value?.toFixed(3) ?? "-").join(" / ");
console.log(`before: Dice ${text(CLASSES.map((name, plane) => scores(name, `start-${name}`)[plane]))} (${CLASSES.join(" / ")})`);
let [person, machine, number] = [0, 0, 0];
for (let i = 1; i <= REGIONS; i++) {
  const { z, clicks, strokes, next, before, after } = await annotate();
  const start = performance.now();
  const problem = await train(number + 1);
  if (problem === null) number++;
  machine += (performance.now() - start) / 60_000 + next / 60;
  person += (strokes * STROKE_S + clicks * CLICK_S) / 60;
  const dice = number > 0 ? scores(path.join(work, "project", "runs", String(number)), `run${number}`) : [];
  const memory = (served.memory().most / 1024).toFixed(0);
  rows.push([i, z, text(before), text(after), strokes, person.toFixed(1), machine.toFixed(1), memory, problem ?? text(dice)]);
  console.log(`region ${i} section ${z}: in the box ${text(before)} -> ${text(after)}; ${strokes} strokes, ${person.toFixed(1)} min person, ${machine.toFixed(1)} min machine, next ${next.toFixed(1)} s, ${memory} MB; val ${problem ?? text(dice)}`);
}
console.log(["region", "section", "box accepted", "box mended", "strokes", "person min", "machine min", "MB", "Dice on val"].join(" | "));
for (const row of rows) console.log(row.join(" | "));
await browser.close();
await served.end();
