/**
 * A hand on the page of view: goes to places, chooses objects, looks at colours, finds objects that are fit for a test.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { coloursAt, until } from "./hand.mjs";
import { COLUMNS, at } from "./view_volume.mjs";

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const state = (page) => page.evaluate(() => window.view.state());
export const screen = (page, voxel) => page.evaluate((place) => window.view.voxelToView(place), voxel);
export const row = (page, id) => page.locator(`#object-${id}`);
export const loaded = (page) => page.waitForFunction(() => window.view.state().loaded);
/** What a colour is beside the grey below it. */
export const tint = ([red, green, blue]) => [red - green, green - blue];
export const saturation = ([red, green, blue]) => Math.max(red, green, blue) - Math.min(red, green, blue);

/** Shows a place with four pixels for each voxel, drawn to the end. */
export async function goTo(page, voxel, scale = 0.25) {
  await page.evaluate(([place, zoom]) => window.view.goTo(place, zoom), [voxel, scale]);
  await page.waitForTimeout(100);
  await loaded(page);
  await page.waitForTimeout(100);
}

/** Waits until the table is there and drawn: the page shows in its next frame what it knows, and a hidden table takes no focus. */
export async function tableReady(page) {
  await page.waitForFunction(() => window.view.state().table === "ready" && !document.getElementById("table").hidden);
}

/** Chooses an object by its row and waits until the page has flown there. */
export async function choose(page, id) {
  await tableReady(page);
  await page.fill("#filter", String(id));
  await row(page, id).click();
  await page.waitForTimeout(400);
  await page.fill("#filter", "");
  // Keys are the page's again.
  await page.locator("#filter").blur();
  await loaded(page);
}

export async function saved(page, mock, count) {
  await until(() => mock.edits.length >= count, `${count} edits`);
  await page.waitForFunction(() => window.view.state().waiting === 0);
}

export const voxelOf = (mock, id) => {
  const [found] = mock.volume.rows([id]);
  const point = ["centroid_z", "centroid_y", "centroid_x"].map((name) => Math.floor(found[COLUMNS.indexOf(name)]));
  assert.equal(mock.volume.labels[at(...point)], id, "the centroid is not inside");
  return point;
};

export const colourOf = async (page, voxel) => (await coloursAt(page, [await screen(page, voxel.map((each) => each + 0.5))]))[0];

/** A pair of objects whose middles are in sight of each other in one section. */
export function neighbours(mock) {
  const rows = mock.volume.rows();
  const centre = (found) => [4, 5, 6].map((column) => found[column]);
  for (const a of rows) {
    for (const b of rows) {
      const [left, right] = [centre(a), centre(b)];
      const z = Math.floor((left[0] + right[0]) / 2);
      const inside = [left, right].map(([, y, x]) => [z, Math.floor(y), Math.floor(x)]);
      const shows = inside.every((voxel, i) => mock.volume.labels[at(...voxel)] === [a, b][i][1]);
      if (a[1] < b[1] && shows && Math.hypot(left[1] - right[1], left[2] - right[2]) < 45) return { ids: [a[1], b[1]], points: inside };
    }
  }
  throw new Error("no objects are near each other");
}

/** What axe finds outside of Neuroglancer's own elements. */
export async function violations(page) {
  await page.evaluate(`${AXE}; undefined`);
  const { violations: found } = await page.evaluate(() => window.axe.run({ exclude: ["#view > *"] }));
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
}
