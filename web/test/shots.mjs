/**
 * Pictures of the page in its states, to be looked at.
 */
import fs from "node:fs";
import path from "node:path";
import { open } from "./hand.mjs";
import { Mock, job } from "./mock.mjs";

const SCREENS = { small: { width: 1366, height: 768 }, large: { width: 2560, height: 1440 } };

export async function takeShots(browser, folder) {
  fs.mkdirSync(folder, { recursive: true });
  for (const [size, viewport] of Object.entries(SCREENS)) {
    for (const colorScheme of ["light", "dark"]) {
      await takeScreen(browser, { viewport, colorScheme }, (name) => path.join(folder, `${size}-${colorScheme}-${name}.png`));
    }
  }
}

async function takeScreen(browser, options, place) {
  const mock = new Mock();
  await mock.start();
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(mock.address);
  await page.evaluate(() => window.annotate.ready);
  const shot = async (name) => {
    await page.waitForTimeout(700);
    await page.screenshot({ path: place(name) });
  };
  await shot("empty");
  await work(page);
  await shot("work");
  await page.keyboard.press("o");
  await page.evaluate(() => window.annotate.goTo(5, 384, 512, 6));
  await shot("close");
  fillResults(mock);
  await page.waitForTimeout(1200);
  await page.keyboard.press("t");
  await shot("train");
  await page.locator("#blocks").evaluate((blocks) => blocks.scrollTo(0, blocks.scrollHeight));
  await shot("bottom");
  await page.keyboard.press("?");
  await shot("help");
  await page.keyboard.press("?");
  await page.keyboard.press("c");
  await page.keyboard.press("Home");
  await shot("cut");
  await page.keyboard.press("q");
  await mock.stop();
  await page.waitForTimeout(1500);
  await shot("gone");
  await mock.start();
  await page.waitForTimeout(1500);
  const second = await context.newPage();
  await second.goto(mock.address);
  await second.waitForTimeout(900);
  await second.screenshot({ path: place("taken") });
  await context.close();
  await mock.stop();
}

/** Proposal, accepted objects, a stroke of each kind. */
async function work(page) {
  await page.keyboard.press("n");
  await page.locator("#proposal").waitFor();
  await page.keyboard.press("Shift+A");
  await page.keyboard.press("Shift+R");
  await page.keyboard.press("n");
  await page.keyboard.press("g");
  await page.mouse.move(300, 250);
  await page.mouse.down();
  await page.mouse.move(420, 330, { steps: 5 });
  await page.mouse.up();
  await page.keyboard.press("2");
  await page.keyboard.press("b");
  await page.mouse.move(500, 420);
  await page.mouse.down();
  await page.mouse.move(640, 380, { steps: 5 });
  await page.mouse.up();
}

/** Pictures of the real program: whole section, proposal, close by, corrected, trained; the project has been worked on. */
export async function takeProgramShots(browser, served, folder) {
  fs.mkdirSync(folder, { recursive: true });
  for (const [size, viewport] of Object.entries(SCREENS)) {
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport, colorScheme });
      const page = await open(context, served.address);
      const shot = async (name) => {
        await page.waitForFunction(() => !window.annotate.state().loading && window.annotate.pending() === 0, undefined, { timeout: 120_000 });
        await page.waitForTimeout(500);
        await page.screenshot({ path: path.join(folder, `${size}-${colorScheme}-program-${name}.png`) });
      };
      await shot("whole");
      await page.keyboard.press("n");
      await page.locator("#proposal").waitFor({ timeout: 120_000 });
      await shot("proposal");
      await page.keyboard.press("Shift+A");
      await shot("accepted");
      await page.keyboard.press("Shift+R");
      for (let i = 0; i < 5; i++) await page.keyboard.press("+");
      await shot("close");
      await page.keyboard.press("o");
      await page.keyboard.press("t");
      await shot("train");
      await page.keyboard.press("c");
      await page.keyboard.press("Home");
      await shot("cut");
      await page.close({ runBeforeUnload: true });
      await context.close();
    }
  }
}

function fillResults(mock) {
  mock.job = job("train");
  mock.messages = ["Synapses have paint in one section only: training will be better with three."];
  mock.runs = [
    {
      name: "1",
      in_use: false,
      scores: [
        { class: "mitochondria", dice: 0.91, interval: [0.85, 0.94], before: 0.88 },
        { class: "synapses", dice: 0.62, interval: null, before: null },
      ],
    },
    { name: "2", in_use: true, scores: [{ class: "mitochondria", dice: 0.93, interval: [0.9, 0.95], before: 0.88 }] },
  ];
}
