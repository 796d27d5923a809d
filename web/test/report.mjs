/**
 * Works with the pages of em-cli as they lie on a disk: the report of a run, a measurement, a comparison.
 *
 * Chromium opens them from `file:`; nothing else may be asked for, nothing may go wrong in the console, and axe-core may
 * find nothing, in light and dark. EM_CLI names the program, which makes small pages of a phantom; PAGES names a folder
 * of report.html, measure.html and compare.html instead. SHOTS=folder takes pictures and prints.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { chromium } from "playwright-core";

import { run } from "./served.mjs";

const folder = process.env.PAGES ?? made();
const shots = process.env.SHOTS ? resolve(process.env.SHOTS) : null;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PAGES = ["report", "measure", "compare"];
/** Bytes that a page may have. */
const LARGEST = 15_000_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
const problems = [];

/** Trains two small networks on a phantom, measures its masks, compares the networks; the pages of all that. */
function made() {
  const folder = mkdtempSync(join(tmpdir(), "em-report-"));
  const at = (...names) => join(folder, ...names);
  const em = (...options) => {
    const { status, stderr } = run(...options);
    assert.equal(status, 0, `em-cli ${options.join(" ")}: ${stderr}`);
  };
  em("phantom", at("data"), "--size", "128", "--train-sections", "6", "--gap", "1", "--val-sections", "8");
  const small = ["model.filters=[4,8,16]", "tiling.tile_size=64", "tiling.tiles_per_epoch=80", "train.batch_size=4", "train.learning_rate=0.01"];
  const settings = [`data.folder=${JSON.stringify(at("data"))}`, 'data.classes=["mitochondria","synapses"]', ...small];
  const set = (...more) => [...settings, ...more].flatMap((setting) => ["--set", setting]);
  const config = fileURLToPath(new URL("../../configs/demo.toml", import.meta.url));
  for (const [name, epochs] of [["first", 3], ["second", 2]]) {
    em("train", "--config", config, "--device", "cpu", ...set(`output.folder=${JSON.stringify(at(name))}`, `train.epochs=${epochs}`));
  }
  em("measure", `mitochondria=${at("data", "train_mitochondria.tif")}`, `synapses=${at("data", "train_synapses.tif")}`, "-o", at("measured"));
  em("compare", at("first"), at("second"), "--page", at("compare.html"));
  copyFileSync(at("first", "report.html"), at("report.html"));
  copyFileSync(at("measured", "report.html"), at("measure.html"));
  return folder;
}

/** Opens a page of the folder, and keeps what it asks for and complains about. */
async function open(name, settings = {}) {
  const page = await browser.newPage({ viewport: { width: 1366, height: 768 }, ...settings });
  const address = pathToFileURL(resolve(folder, `${name}.html`)).href;
  page.on("console", (message) => {
    // It is this test that reads the stage.
    const isOwn = message.text().includes("willReadFrequently");
    if (["error", "warning"].includes(message.type()) && !isOwn) problems.push(`${name}: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`${name}: ${error}`));
  page.on("request", (request) => {
    const url = request.url();
    if (url !== address && !url.startsWith("data:")) problems.push(`${name} asks for ${url}`);
  });
  await page.goto(address);
  return page;
}

/** Waits until a section is painted. */
const shown = (page, number) => page.waitForSelector(`#stage[data-shown="${number}"]`);

/** The colour on the stage above a voxel of the section, where all of it is seen. */
const colourAt = (page, voxel) =>
  page.evaluate(([y, x]) => {
    const stage = document.getElementById("stage");
    const data = JSON.parse(document.getElementById("data").textContent).browser;
    const { size, factor } = data.sections[Number(document.getElementById("section").value)];
    const scale = Math.min(stage.width / size[1], stage.height / size[0]);
    const [px, py] = [((x + 0.5) / factor - size[1] / 2) * scale + stage.width / 2, ((y + 0.5) / factor - size[0] / 2) * scale + stage.height / 2];
    return [...stage.getContext("2d").getImageData(Math.round(px), Math.round(py), 1, 1).data].slice(0, 3);
  }, voxel);

/** A voxel in the middle of a stretch of one kind, by masks that are read here again from the runs in the page. */
const voxelOf = (page, number, layer, kind) =>
  page.evaluate(
    ([number, layer, kind]) => {
      const { sections } = JSON.parse(document.getElementById("data").textContent).browser;
      const section = sections[number];
      const [height, width] = section.size;
      const read = (runs) => {
        const bytes = [...atob(runs)].map((character) => character.charCodeAt(0));
        const mask = [];
        for (let at = 0, inside = false; at < bytes.length; inside = !inside) {
          let length = 0;
          for (let shift = 1; ; shift *= 128) {
            length += (bytes[at] & 127) * shift;
            if (bytes[at++] < 128) break;
          }
          for (; length > 0; length--) mask.push(inside);
        }
        return mask;
      };
      const [label, prediction] = [read(section.layers[layer].label), read(section.layers[layer].prediction)];
      const wanted = { found: [true, true], wrong: [false, true], missed: [true, false], background: [false, false] }[kind];
      const is = (at) => label[at] === wanted[0] && prediction[at] === wanted[1];
      for (let y = 4; y < height - 4; y++) {
        for (let x = 4; x < width - 4; x++) {
          const around = [-2, -1, 0, 1, 2].every((dy) => [-2, -1, 0, 1, 2].every((dx) => is((y + dy) * width + x + dx)));
          if (around) return [y * section.factor, x * section.factor];
        }
      }
      return null;
    },
    [number, layer, kind],
  );

const set = (page, id, value) =>
  page.locator(`#${id}`).evaluate((control, value) => {
    if (control.type === "checkbox") control.checked = value;
    else control.value = value;
    control.dispatchEvent(new Event("input", { bubbles: true }));
  }, value);

/** Lets what was asked for be painted. */
const settled = (page) => page.waitForTimeout(250);

async function browseSections() {
  const page = await open("report");
  await shown(page, 0);
  const last = Number(await page.locator("#section").getAttribute("max"));
  assert.ok(last > 2, "the run has several sections");

  // The slider and the keys go through sections.
  await set(page, "section", "2");
  await shown(page, 2);
  const told = await page.locator("#where").textContent();
  assert.match(told, /z = \d+.*(IoU \d\.\d{4}|no IoU)/);
  await page.locator("#stage").focus();
  for (const [key, number] of [["ArrowRight", 3], ["ArrowLeft", 2], [".", 3], [",", 2]]) {
    await page.keyboard.press(key);
    await shown(page, number);
  }
  assert.equal(await page.locator("#section").inputValue(), "2");

  // Colours lie where label and prediction are, and nowhere else.
  const classes = await page.locator("#class option").count();
  const compared = new Set();
  for (let view = 0; view < classes * (last + 1) && compared.size < 4; view++) {
    const [number, layer] = [(2 + Math.floor(view / classes)) % (last + 1), view % classes];
    await set(page, "section", String(number));
    await shown(page, number);
    await set(page, "class", String(layer));
    for (const [kind, opacity] of [["found", "both"], ["wrong", "prediction-opacity"], ["missed", "label-opacity"], ["background", null]]) {
      await set(page, "label-opacity", "0");
      await set(page, "prediction-opacity", "0");
      await settled(page);
      const voxel = await voxelOf(page, number, layer, kind);
      if (!voxel) continue;
      const bare = await colourAt(page, voxel);
      assert.ok(Math.max(...bare) - Math.min(...bare) < 3, `tissue is grey, found ${bare}`);
      for (const id of opacity === "both" ? ["label-opacity", "prediction-opacity"] : opacity ? [opacity] : ["label-opacity"]) {
        await set(page, id, "100");
      }
      await settled(page);
      const expected = { found: [0, 158, 115], wrong: [213, 94, 0], missed: [86, 180, 233], background: bare }[kind];
      const colour = await colourAt(page, voxel);
      assert.ok(colour.every((value, channel) => Math.abs(value - expected[channel]) < 8), `${kind} is ${colour}, expected ${expected}`);
      compared.add(kind);
    }
  }
  assert.deepEqual([...compared].sort(), ["background", "found", "missed", "wrong"], "kinds of voxels that were compared");
  await set(page, "section", "2");
  await shown(page, 2);
  await set(page, "class", "0");
  await page.locator("#reset").click();
  await settled(page);

  // Contrast moves greys apart, brightness moves them up.
  const dark = await voxelOf(page, 2, 0, "background");
  const before = await colourAt(page, dark);
  await set(page, "brightness", "60");
  await settled(page);
  assert.ok((await colourAt(page, dark))[0] > before[0] + 20, "brightness");
  await set(page, "brightness", "0");
  await set(page, "contrast", "80");
  await settled(page);
  const after = await colourAt(page, dark);
  assert.ok(Math.abs(after[0] - 127.5) > Math.abs(before[0] - 127.5) + 5, `contrast: ${before} to ${after}`);
  await page.locator("#reset").click();
  await settled(page);

  // Zoom, pan and back: the picture changes and is the same again.
  const picture = () => page.locator("#stage").evaluate((stage) => stage.toDataURL());
  const whole = await picture();
  await page.locator("#stage").focus();
  await page.keyboard.press("+");
  const zoomed = await picture();
  assert.notEqual(zoomed, whole, "+ zooms");
  const box = await page.locator("#stage").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 60, box.y + box.height / 2 + 20, { steps: 3 });
  await page.mouse.up();
  const moved = await picture();
  assert.notEqual(moved, zoomed, "a drag moves the section");
  await page.mouse.wheel(0, -400);
  await settled(page);
  assert.notEqual(await picture(), moved, "the wheel zooms");
  assert.match(await page.locator("#pointed").textContent(), /y \d+, x \d+: grey \d+, \w+/);
  await page.keyboard.press("0");
  await settled(page);
  assert.equal(await picture(), whole, "0 shows all again");

  // A click on a place shows it, framed.
  const places = page.locator("button.place");
  assert.ok((await places.count()) > 0, "there are worst places");
  const place = await places.first().evaluate((button) => {
    const { places } = JSON.parse(document.getElementById("data").textContent);
    return places[Number(button.dataset.number)];
  });
  await set(page, "section", String(place.embedded === 0 ? 1 : 0));
  await places.first().click();
  await shown(page, place.embedded);
  assert.equal(await page.locator("#class").inputValue(), String(place.class));
  await settled(page);
  const framed = await page.locator("#stage").boundingBox();
  assert.ok(framed.y > -1 && framed.y < 768, "the browser is on the screen");
  await page.mouse.move(framed.x + framed.width / 2, framed.y + framed.height / 2);
  await settled(page);
  const pointed = (await page.locator("#pointed").textContent()).match(/y (\d+), x (\d+)/).slice(1).map(Number);
  const { start } = JSON.parse(await page.locator("#data").textContent()).browser.sections[place.embedded];
  for (const axis of [0, 1]) {
    const middle = start[axis] + place.start[axis] + place.size[axis] / 2;
    assert.ok(Math.abs(pointed[axis] - middle) <= 2, `the place is in the middle: ${pointed}, expected ${middle}`);
  }
  if (shots) await page.screenshot({ path: join(shots, "place.png") });
  await page.close();
}

async function readCharts() {
  const page = await open("report");
  for (const [place, expected] of [["thresholds", /threshold 0\.\d+.*IoU.*precision.*recall/], ["curves", /epoch \d+.*training.*validation/], ["objects", /to.*labelled.*predicted/]]) {
    const chart = page.locator(`.plot[data-place="${place}"]`).first();
    await chart.scrollIntoViewIfNeeded();
    const box = await chart.locator("svg").boundingBox();
    await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2);
    const text = (await chart.locator(".tip").innerText()).replace(/\s+/g, " ");
    assert.match(text, expected);
    if (shots && place === "thresholds") await page.screenshot({ path: join(shots, "tip.png") });
    await page.mouse.move(1, 1);
    assert.ok(await chart.locator(".tip").isHidden());
    // Without a pointer, too.
    await chart.locator("svg").focus();
    await page.keyboard.press("ArrowRight");
    assert.ok(await chart.locator(".tip").isVisible());
    await page.keyboard.press("Escape");
  }
  assert.match(await page.locator('.plot[data-place="curves"] .marked').first().textContent(), /kept: epoch \d/);
  assert.match(await page.locator('.plot[data-place="thresholds"] .marked').first().textContent(), /chosen: 0/);
  // Epochs are whole, and each is named once.
  const ticks = await page.locator('.plot[data-place="curves"]').first().locator("line.tick + text").allTextContents();
  assert.equal(new Set(ticks).size, ticks.length);
  assert.ok(ticks.every((tick) => /^\d+$/.test(tick)), ticks.join(" "));
  await page.close();
}

async function sortTables() {
  const page = await open("measure");
  assert.ok((await page.locator(".montage img").count()) >= 2, "objects are shown");
  const column = () => page.locator("#objects tbody tr:not([hidden]) td:nth-child(3)").allTextContents();
  const head = page.locator("#objects thead th:nth-child(3) button");
  await head.click();
  const rising = (await column()).map(Number);
  assert.deepEqual(rising, [...rising].sort((a, b) => a - b));
  await head.click();
  assert.deepEqual((await column()).map(Number), [...rising].sort((a, b) => b - a));
  const name = (await page.locator("#objects tbody tr td:first-child").first().textContent()).trim();
  await page.locator("#filter").fill("no such thing");
  assert.equal((await column()).length, 0);
  await page.locator("#filter").fill(name);
  assert.ok((await column()).length > 0);
  await page.close();
}

/** What axe-core finds, in words. */
async function violations(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join("; ")}`);
}

async function everyoneCanRead() {
  for (const name of PAGES) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open(name, { colorScheme });
      await settled(page);
      assert.deepEqual(await violations(page), [], `${name}, ${colorScheme}`);
      await page.close();
    }
    for (const width of [360, 2560]) {
      const page = await open(name, { viewport: { width, height: 800 } });
      await settled(page);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(over <= 0, `${name} is ${over} pixels wider than ${width}`);
      await page.close();
    }
    const plain = await open(name, { javaScriptEnabled: false });
    assert.ok(await plain.locator("table").first().isVisible(), `${name} has tables without JavaScript`);
    await plain.close();
    assert.ok(statSync(resolve(folder, `${name}.html`)).size < LARGEST, `${name} is too large`);
  }
}

async function photograph() {
  for (const name of PAGES) {
    for (const [label, settings] of [
      ["laptop-light", {}],
      ["laptop-dark", { colorScheme: "dark" }],
      ["large-light", { viewport: { width: 2560, height: 1440 } }],
      ["large-dark", { viewport: { width: 2560, height: 1440 }, colorScheme: "dark" }],
      ["phone", { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 }],
    ]) {
      const page = await open(name, settings);
      await settled(page);
      await page.screenshot({ path: join(shots, `${name}-${label}.png`), fullPage: true });
      await page.close();
    }
    const page = await open(name);
    await settled(page);
    await page.waitForTimeout(1500);
    await page.pdf({ path: join(shots, `${name}.pdf`), format: "A4", printBackground: true });
    await page.close();
  }
}

try {
  if (shots) {
    mkdirSync(shots, { recursive: true });
    await photograph();
  }
  await browseSections();
  await readCharts();
  await sortTables();
  await everyoneCanRead();
  assert.deepEqual(problems, []);
  console.log("the pages of em-cli work from disk");
} finally {
  await browser.close();
  if (!process.env.PAGES) rmSync(folder, { recursive: true });
}
