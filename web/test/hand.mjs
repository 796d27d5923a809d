/**
 * A hand on the page in a real browser: opens it, moves the pointer over voxels, looks at what is shown.
 */
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

/** The window of a small laptop. */
export const LAPTOP = { width: 1366, height: 768 };

/** What lets Chromium draw in three dimensions without a graphics card. */
export const SOFTWARE_GL = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"];

export const launch = (more = []) => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", ...more] });

/** Opens a page; `name` is that under which it lends itself to tests. */
export async function open(context, address, troubles = [], name = "annotate") {
  const page = await context.newPage();
  page.on("pageerror", (error) => troubles.push(error.message));
  page.on("console", (message) => {
    // The browser itself reports each refused request, which tests provoke on purpose.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) troubles.push(message.text());
  });
  await page.goto(address);
  await page.evaluate((access) => window[access].ready, name);
  return page;
}

export const state = (page) => page.evaluate(() => window.annotate.state());
export const pending = (page) => page.evaluate(() => window.annotate.pending());

/** Shows a place at a zoom where one voxel is two pixels, and waits for its tiles. */
export async function goTo(page, z, y, x) {
  await page.evaluate((place) => window.annotate.goTo(...place, 2), [z, y, x]);
  await page.waitForTimeout(50);
  await page.waitForFunction(() => !window.annotate.state().loading);
}

export async function screen(page, y, x) {
  return page.evaluate(([down, right]) => window.annotate.voxelToView(down, right), [y, x]);
}

/** Drags the pointer over the voxels [y, x]. */
export async function drag(page, points) {
  await page.mouse.move(...(await screen(page, ...points[0])));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...(await screen(page, ...point)), { steps: 4 });
  await page.mouse.up();
}

export async function until(condition, what) {
  for (let i = 0; i < 100; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`waited in vain for ${what}`);
}

/** The colour that the canvas shows at a voxel. */
export async function colourAt(page, y, x) {
  return page.evaluate(([down, right]) => {
    const canvas = document.getElementById("view");
    const { left, top } = canvas.getBoundingClientRect();
    const [cx, cy] = window.annotate.voxelToView(down, right);
    return new Promise((resolve) => requestAnimationFrame(() => {
      const data = canvas.getContext("2d").getImageData((cx - left) * devicePixelRatio, (cy - top) * devicePixelRatio, 1, 1).data;
      resolve([data[0], data[1], data[2]]);
    }));
  }, [y, x]);
}

export const isOrange = ([red, , blue]) => red - blue > 40;

/** The colours that the window shows at points [cx, cy], whatever draws them. */
export async function coloursAt(page, points) {
  const picture = (await page.screenshot()).toString("base64");
  return page.evaluate(async ([text, places]) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes]));
    const pen = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    pen.drawImage(bitmap, 0, 0);
    return places.map(([cx, cy]) => [...pen.getImageData(Math.round(cx), Math.round(cy), 1, 1).data.slice(0, 3)]);
  }, [picture, points]);
}
