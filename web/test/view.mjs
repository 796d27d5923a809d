/**
 * Tests of the page of view in a real browser against the mock server: one line for each check, and an exit status.
 * SHOTS=folder also takes pictures of the page, light and dark, on a small and a large screen; ONLY=text runs the checks whose
 * name contains it. Needs `npm run build` first.
 */
import assert from "node:assert/strict";
import { LAPTOP, SOFTWARE_GL, coloursAt, launch, open, until } from "./hand.mjs";
import { choose, colourOf, goTo, loaded, neighbours, row, saturation, saved, screen, state, tableReady, tint, violations, voxelOf } from "./view_hand.mjs";
import { ViewMock } from "./view_mock.mjs";
import { takeViewShots } from "./view_shots.mjs";
import { COLUMNS, SHAPE, at } from "./view_volume.mjs";

/** Chromium draws in software here, on whatever is left of the processor. */
const PATIENCE_MS = 60_000;

const browser = await launch(SOFTWARE_GL);
let failures = 0;

async function check(name, body, { prepare = () => {}, hash = "", ...options } = {}) {
  if (!name.includes(process.env.ONLY ?? "")) return;
  const mock = new ViewMock();
  prepare(mock);
  await mock.start();
  const context = await browser.newContext({ viewport: LAPTOP, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const troubles = [];
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(mock.address) && !/^(blob|data):/.test(url)) troubles.push(`a request to ${url}`);
  });
  try {
    const page = await open(context, mock.address + hash, troubles, "view");
    await body({ page, mock, context });
    assert.deepEqual(troubles, [], "the page reported errors");
    console.log(`ok    ${name}`);
  } catch (error) {
    failures++;
    console.log(`FAIL  ${name}: ${error.message}`);
  } finally {
    await context.close();
    await mock.stop();
  }
}

await check("the volume is shown with its objects in colour", async ({ page, mock }) => {
  await loaded(page);
  await goTo(page, [16, 128, 160], 0.5);
  const noise = await Promise.all([[16, 100, 140], [16, 110, 150], [16, 140, 170]].map((voxel) => screen(page, voxel)));
  assert.ok((await coloursAt(page, noise)).some((colour) => Math.max(...colour) > 80), "the raw data are black");
  const voxel = voxelOf(mock, 26);
  await goTo(page, voxel);
  assert.ok(saturation(await colourOf(page, voxel)) > 30, "the object has no colour");
});

await check("the table begins with what is most in doubt, sorts and filters", async ({ page, mock }) => {
  await tableReady(page);
  const doubts = (await state(page)).shown.map((id) => mock.volume.rows([id])[0][COLUMNS.indexOf("doubt")]);
  assert.deepEqual(doubts, [...doubts].sort((a, b) => b - a));
  const sizes = async () => (await state(page)).shown.map((id) => mock.volume.rows([id])[0][2]);
  await page.click('#table [data-column="voxels"]');
  assert.deepEqual(await sizes(), [...(await sizes())].sort((a, b) => b - a));
  await page.click('#table [data-column="voxels"]');
  assert.deepEqual(await sizes(), [...(await sizes())].sort((a, b) => a - b));
  assert.equal(await page.locator('#table [aria-sort="ascending"]').count(), 1);
  await page.fill("#filter", "voxels > 2000 doubt<0.5");
  await page.waitForFunction(() => window.view.state().shown.length < 60);
  assert.ok((await sizes()).every((size) => size > 2000) && (await sizes()).length > 0);
  await page.fill("#filter", "12, 15");
  await page.waitForFunction(() => window.view.state().shown.length === 2);
  await page.fill("#filter", "unsure");
  await page.waitForFunction(() => window.view.state().shown.length > 2);
  await page.fill("#filter", "weight > 3");
  await page.waitForFunction(() => document.getElementById("filter-complaint").textContent.includes("weight"));
});

await check("columns are chosen", async ({ page }) => {
  await tableReady(page);
  await page.click("#open-columns");
  await page.getByLabel("sphericity").check();
  await page.locator('#table [data-column="sphericity"]').waitFor();
  await page.keyboard.press("Escape");
  await page.reload();
  await page.evaluate(() => window.view.ready);
  await tableReady(page);
  await page.locator('#table [data-column="sphericity"]').waitFor();
});

await check("a click at a row flies into the object and shows its surface", async ({ page, mock }) => {
  const before = (await state(page)).position;
  await choose(page, 26);
  const { position, chosen } = await state(page);
  assert.notDeepEqual(position, before);
  assert.deepEqual(chosen, [26]);
  const voxel = position.map(Math.floor);
  assert.equal(mock.volume.labels[at(...voxel)], 26);
  assert.ok(saturation(await colourOf(page, voxel)) > 30, "the middle is not coloured");
  await until(() => mock.requests.some((request) => request.includes("/mesh/part-26")), "the mesh");
  const space = await page.locator("#view .neuroglancer-rendered-data-panel").last().boundingBox();
  await until(async () => saturation((await coloursAt(page, [[space.x + space.width / 2, space.y + space.height / 2]]))[0]) > 30, "a surface in the middle of the space");
  assert.ok((await page.textContent("#readout")).includes("object 26"));
});

await check("of a ring, a point of the ring is flown to", async ({ page, mock }) => {
  await choose(page, 5);
  const { position } = await state(page);
  assert.equal(mock.volume.labels[at(...position.map(Math.floor))], 5);
}, {
  prepare: ({ volume }) => {
    const [, , , , z, y, x] = volume.rows([5])[0];
    volume.relabel(5, (vz, vy, vx) => (Math.hypot(vy - y, vx - x) < 5 ? 0 : vz === Math.floor(z) ? 5 : 0));
  },
});

await check("shift adds objects, and a click in the view chooses", async ({ page, mock }) => {
  const { ids, points } = neighbours(mock);
  await tableReady(page);
  await goTo(page, points[0]);
  await page.mouse.click(...(await screen(page, points[0].map((each) => each + 0.5))));
  await page.waitForFunction(([id]) => window.view.state().chosen.join() === String(id), ids);
  await page.keyboard.down("Shift");
  await page.mouse.click(...(await screen(page, points[1].map((each) => each + 0.5))));
  await page.keyboard.up("Shift");
  await page.waitForFunction((both) => window.view.state().chosen.join() === both.join(), ids);
  await until(() => ids.every((id) => mock.requests.some((request) => request.includes(`/mesh/part-${id}`))), "both meshes");
});

await check("the threshold changes what of the probabilities is shown", async ({ page, mock }) => {
  const voxel = voxelOf(mock, 26);
  await page.getByLabel("mitochondria probabilities", { exact: true }).check();
  for (const name of ["mask", "mitochondria"]) await page.getByLabel(name, { exact: true }).uncheck();
  await goTo(page, voxel);
  const coloured = async () => {
    const places = await Promise.all(Array.from({ length: 60 }, (_, i) => screen(page, [voxel[0] + 0.5, voxel[1] + 0.5, voxel[2] - 30 + i])));
    return (await coloursAt(page, places)).filter((colour) => saturation(colour) > 30).length;
  };
  const threshold = page.getByLabel("threshold of mitochondria probabilities");
  await threshold.fill("0.1");
  await page.waitForTimeout(500);
  const low = await coloured();
  await threshold.fill("0.95");
  await page.waitForTimeout(500);
  const high = await coloured();
  assert.ok(low > high && high > 0, `${low} voxels from 0.1 on, ${high} from 0.95 on`);
});

await check("contrast, visibility and outlines change the picture", async ({ page, mock }) => {
  const voxel = voxelOf(mock, 26);
  await page.getByLabel("mask", { exact: true }).uncheck();
  await goTo(page, voxel);
  assert.ok(saturation(await colourOf(page, voxel)) > 30);
  await page.keyboard.press("o");
  await until(async () => saturation(await colourOf(page, voxel)) < 12, "the inside without colour");
  await page.keyboard.press("o");
  await until(async () => saturation(await colourOf(page, voxel)) > 30, "the inside with colour");
  await page.getByLabel("mitochondria", { exact: true }).uncheck();
  await until(async () => saturation(await colourOf(page, voxel)) < 12, "no objects");
  const outside = [1, voxel[1], voxel[2]];
  await goTo(page, outside);
  await page.getByLabel("black at of raw").fill("220");
  await until(async () => Math.max(...(await colourOf(page, outside))) < 20, "the raw data in black");
});

await check("delete is sent, shown and taken back", async ({ page, mock }) => {
  await page.getByLabel("mask", { exact: true }).uncheck();
  await choose(page, 26);
  const voxel = voxelOf(mock, 26);
  await page.keyboard.press("d");
  await saved(page, mock, 1);
  assert.deepEqual(mock.edits, [{ kind: "delete", object: 26 }]);
  assert.equal((await state(page)).revision, 2);
  assert.ok(!(await state(page)).shown.includes(26), "the row is still there");
  assert.equal((await state(page)).chosen.length, 1, "the page has not gone on to the next object");
  await goTo(page, voxel);
  await until(async () => saturation(await colourOf(page, voxel)) < 12, "the object without colour");
  await page.keyboard.press("Control+z");
  await saved(page, mock, 2);
  assert.deepEqual((await state(page)).chosen, [26]);
  await goTo(page, voxel);
  await until(async () => saturation(await colourOf(page, voxel)) > 30, "the object with its colour");
  await page.keyboard.press("Control+Shift+z");
  await saved(page, mock, 3);
  assert.deepEqual(mock.edits.at(-1), { kind: "redo" });
  assert.ok(!(await state(page)).shown.includes(26));
});

await check("two objects are merged by a click at the second", async ({ page, mock }) => {
  const { ids, points } = neighbours(mock);
  await choose(page, ids[0]);
  await goTo(page, points[0]);
  await page.click('[data-command="merge"]');
  await page.waitForFunction(([id]) => document.getElementById("tool-hint").textContent.includes(`object ${id}`), ids);
  await page.mouse.click(...(await screen(page, points[1].map((each) => each + 0.5))));
  await saved(page, mock, 1);
  assert.deepEqual(mock.edits, [{ kind: "merge", objects: ids }]);
  await page.waitForFunction(([first, second]) => !window.view.state().shown.includes(second) && window.view.state().chosen.join() === String(first), ids);
  await page.getByLabel("mask", { exact: true }).uncheck();
  await loaded(page);
  await until(async () => {
    const [a, b] = [tint(await colourOf(page, points[0])), tint(await colourOf(page, points[1]))];
    return a.every((value, channel) => Math.abs(value - b[channel]) < 12);
  }, "one colour for both");
});

await check("an object is split by points", async ({ page, mock }) => {
  await choose(page, 26);
  const [z, y, x] = voxelOf(mock, 26);
  await page.keyboard.press("s");
  assert.equal((await state(page)).tool, "split");
  const seeds = [[z, y, x - 5], [z, y, x + 5]];
  await page.mouse.click(...(await screen(page, [z + 0.5, y, x - 25])));
  await page.waitForFunction(() => document.getElementById("notes").textContent.includes("inside of object 26"));
  assert.ok(await page.locator("[data-command=finish]").isDisabled());
  for (const seed of seeds) await page.mouse.click(...(await screen(page, seed.map((each) => each + 0.5))));
  assert.deepEqual((await state(page)).points, seeds);
  await until(async () => {
    const [red, green, blue] = (await coloursAt(page, [await screen(page, seeds[0].map((each) => each + 0.5))]))[0];
    return red > 180 && green > 150 && blue < 140;
  }, "a yellow point");
  await page.keyboard.press("Enter");
  await saved(page, mock, 1);
  assert.deepEqual(mock.edits, [{ kind: "split", object: 26, points: seeds }]);
  await page.waitForFunction(() => window.view.state().chosen.length === 2);
  assert.equal((await state(page)).shown.length, 61);
});

await check("an object is cut along a painted line, and the picture stays", async ({ page, mock }) => {
  await choose(page, 26);
  const [z, y, x] = voxelOf(mock, 26);
  const before = (await state(page)).position;
  await page.keyboard.press("x");
  await page.mouse.move(...(await screen(page, [z + 0.5, y - 20, x])));
  await page.mouse.down();
  await page.mouse.move(...(await screen(page, [z + 0.5, y + 20, x])), { steps: 8 });
  await page.mouse.up();
  await saved(page, mock, 1);
  const [edit] = mock.edits;
  assert.deepEqual([edit.kind, edit.object, edit.z, edit.radius], ["cut", 26, z, 2]);
  assert.ok(edit.points.length > 4 && Math.abs(edit.points[0][0] - (y - 20)) < 1 && Math.abs(edit.points.at(-1)[0] - (y + 20)) < 1, JSON.stringify(edit.points));
  assert.deepEqual((await state(page)).position, before);
  assert.equal((await state(page)).shown.length, 61);
});

await check("keep goes on to the next in doubt, which skips what was judged", async ({ page, mock }) => {
  await tableReady(page);
  const order = (await state(page)).shown;
  await page.keyboard.press("n");
  await page.waitForFunction((id) => window.view.state().chosen[0] === id, order[0]);
  await page.keyboard.press("k");
  await saved(page, mock, 1);
  assert.deepEqual(mock.edits, [{ kind: "keep", object: order[0] }]);
  assert.deepEqual((await state(page)).chosen, [order[1]]);
  await page.keyboard.press("n");
  assert.deepEqual((await state(page)).chosen, [order[2]]);
  await choose(page, order[0]);
  await page.waitForFunction(() => document.getElementById("object-doubt").textContent.includes("Kept"));
});

await check("an edit that makes no sense is told with its hint", async ({ page, mock }) => {
  await choose(page, 26);
  await page.keyboard.press("f");
  await page.locator("#errors .note").waitFor();
  const text = await page.textContent("#errors");
  assert.ok(text.includes("Object 26 has no hole") && text.includes("Nothing was changed"), text);
  assert.equal((await state(page)).waiting, 0);
  assert.equal(mock.edits.length, 0);
});

await check("the page can be used while the program works", async ({ page, mock }) => {
  await choose(page, 26);
  await page.keyboard.press("d");
  await page.waitForFunction(() => document.getElementById("edit-state").textContent.includes("on the way"));
  await page.keyboard.press("k");
  assert.equal((await state(page)).waiting, 2);
  await page.keyboard.press("Home");
  mock.slowMs = 0;
  await page.waitForFunction(() => window.view.state().waiting === 0);
  assert.deepEqual(mock.edits.map(({ kind }) => kind), ["delete", "keep"]);
}, { prepare: (mock) => Object.assign(mock, { slowMs: 8_000 }) });

await check("corrections are written, and an object becomes a reviewed region", async ({ page, mock }) => {
  await choose(page, 26);
  await page.keyboard.press("r");
  await until(() => mock.regions.length === 1, "the region");
  await page.keyboard.press("Control+s");
  await page.waitForFunction(() => document.getElementById("notes").textContent.includes("mitochondria.corrected.tif"));
  assert.deepEqual([mock.saved, mock.regions], [1, [26]]);
});

await check("without corrections there is a table by number and no tool", async ({ page }) => {
  await tableReady(page);
  await page.locator("#table .body [data-id]").first().click();
  await page.locator("#object-facts").waitFor();
  assert.ok(await page.locator("#tools").isHidden());
}, { prepare: (mock) => Object.assign(mock, { corrects: false }) });

await check("everything is reached by keys", async ({ page }) => {
  await tableReady(page);
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "filter");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "table");
  const order = (await state(page)).shown;
  for (const [key, place] of [["ArrowDown", 0], ["ArrowDown", 1], ["End", order.length - 1], ["ArrowUp", order.length - 2]]) {
    await page.keyboard.press(key);
    assert.deepEqual((await state(page)).chosen, [order[place]], key);
    assert.ok(await row(page, order[place]).isVisible(), `the row of ${key} is not in sight`);
  }
  const reached = new Set();
  await page.evaluate(() => document.activeElement.blur());
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement.dataset?.command ?? document.activeElement.id));
  }
  for (const name of ["help", "filter", "table", "open-columns", "keep", "delete", "merge", "split", "cut", "next", "save", "section"]) assert.ok(reached.has(name), `Tab does not reach ${name}`);
  const { position } = await state(page);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press(",");
  await page.waitForFunction((z) => window.view.state().position[0] === z, position[0] - 1);
});

await check("a reload returns to the same place and objects", async ({ page }) => {
  await choose(page, 26);
  await page.keyboard.press("v");
  const { layout } = await state(page);
  const kept = (name) => page.evaluate((name) => new URLSearchParams(location.hash.slice(1)).get(name), name);
  assert.deepEqual([await kept("layout"), await kept("objects")], [layout, "26"]);
  await page.waitForFunction(() => {
    const at = (new URLSearchParams(location.hash.slice(1)).get("at") ?? "").split(",");
    const { position, scale } = window.view.state();
    return [...position, scale].every((value, index) => Math.abs(value - at[index]) < 1e-3);
  });
  const before = await state(page);
  await page.reload();
  await page.evaluate(() => window.view.ready);
  const after = await state(page);
  assert.deepEqual([after.chosen, after.layout], [before.chosen, before.layout]);
  assert.ok(before.position.every((value, axis) => Math.abs(value - after.position[axis]) < 0.01));
  assert.ok(Math.abs(after.scale / before.scale - 1) < 1e-3);
});

await check("a second window looks, and corrects when the first is closed", async ({ page, mock, context }) => {
  const second = await context.newPage();
  await second.goto(mock.address);
  await second.evaluate(() => window.view.ready);
  await second.waitForFunction(() => !document.getElementById("banner").hidden);
  await choose(second, 26);
  assert.ok(await second.locator('[data-command="delete"]').isDisabled());
  await page.close();
  await second.waitForFunction(() => window.view.state().connection === "open");
  await second.keyboard.press("d");
  await saved(second, mock, 1);
});

await check("edits wait while the program is gone", async ({ page, mock }) => {
  await choose(page, 26);
  await mock.stop();
  await page.keyboard.press("d");
  await page.waitForFunction(() => !document.getElementById("banner").hidden);
  assert.equal((await state(page)).waiting, 1);
  await mock.start();
  await saved(page, mock, 1);
});

await check("a hundred thousand objects are listed, sorted and found", async ({ page }) => {
  await tableReady(page);
  assert.ok((await page.locator("#table [data-id]").count()) < 60, "rows out of sight are made");
  const began = Date.now();
  await page.click('#table [data-column="voxels"]');
  await page.fill("#filter", "voxels > 99990");
  await page.waitForFunction(() => window.view.state().shown.length === 9);
  assert.ok(Date.now() - began < 5_000, `${Date.now() - began} ms`);
}, { prepare: (mock) => Object.assign(mock, { rows: manyRows(mock) }) });

await check("a table that is still measured is waited for", async ({ page }) => {
  await page.waitForFunction(() => !document.getElementById("table-progress").hidden && document.getElementById("table").hidden);
  await page.waitForFunction(() => window.view.state().table === "measuring" && !document.getElementById("table").hidden);
  assert.ok(await page.locator('[data-command="delete"]').isDisabled(), "what is still measured can be corrected");
  await tableReady(page);
}, { prepare: (mock) => Object.assign(mock, { measuring: 3 }) });

for (const colorScheme of ["light", "dark"]) {
  await check(`nothing that axe knows keeps anybody out (${colorScheme})`, async ({ page }) => {
    await choose(page, 26);
    await page.fill("#filter", "weight > 3");
    await page.keyboard.press("Escape");
    await page.keyboard.press("s");
    await page.waitForTimeout(400);
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press("?");
    assert.deepEqual(await violations(page), []);
  }, { colorScheme });
}

function manyRows(mock) {
  const [first] = mock.volume.rows([1]);
  return Array.from({ length: 100_000 }, (_, i) => first.map((cell, column) => (column === 1 ? i + 1 : column === 2 ? i : cell)));
}

if (process.env.SHOTS) await takeViewShots(browser, process.env.SHOTS);
await browser.close();
console.log(failures === 0 ? `all is well (${SHAPE.join(" x ")} voxels)` : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
