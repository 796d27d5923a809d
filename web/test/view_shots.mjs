/**
 * Pictures of the page of view in its states, to be looked at.
 */
import fs from "node:fs";
import path from "node:path";
import { open } from "./hand.mjs";
import { ViewMock } from "./view_mock.mjs";

const SCREENS = { small: { width: 1366, height: 768 }, large: { width: 2560, height: 1440 } };

export async function takeViewShots(browser, folder) {
  fs.mkdirSync(folder, { recursive: true });
  for (const [size, viewport] of Object.entries(SCREENS)) {
    for (const colorScheme of ["light", "dark"]) {
      await takeScreen(browser, { viewport, colorScheme }, (name) => path.join(folder, `view-${size}-${colorScheme}-${name}.png`));
    }
  }
}

async function takeScreen(browser, options, place) {
  const mock = new ViewMock();
  await mock.start();
  const context = await browser.newContext(options);
  const page = await open(context, mock.address, [], "view");
  const shot = async (name) => {
    await page.waitForFunction(() => window.view.state().loaded, null, { timeout: 120_000 });
    await page.waitForTimeout(700);
    await page.screenshot({ path: place(name), timeout: 120_000 });
  };
  await shot("begin");
  await page.locator("#table .body [data-id]").nth(3).click();
  await page.waitForTimeout(700);
  await page.keyboard.press("s");
  const { position } = await page.evaluate(() => window.view.state());
  for (const step of [-4, 4]) await page.mouse.click(...(await page.evaluate((voxel) => window.view.voxelToView(voxel), [position[0], position[1], position[2] + step])));
  await shot("split");
  await page.keyboard.press("Escape");
  await page.keyboard.press("f");
  await page.fill("#filter", "voxels > many");
  await page.keyboard.press("Escape");
  await page.keyboard.press("o");
  await shot("error");
  await page.keyboard.press("?");
  await shot("help");
  await context.close();
  await mock.stop();
}
