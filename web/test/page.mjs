/**
 * Tests of the page in a real browser against the mock server: one line for each check, and an exit status.
 * SHOTS=folder also takes pictures of the page, light and dark, on a small and a large screen. Needs `npm run build` first.
 */
import assert from "node:assert/strict";
import { LAPTOP, colourAt, drag, goTo, isOrange, launch, open, pending, screen, state, until } from "./hand.mjs";
import { Mock } from "./mock.mjs";
import { takeShots } from "./shots.mjs";
import * as volume from "./volume.mjs";

const browser = await launch();
let failures = 0;

async function check(name, body, options = {}) {
  const mock = new Mock();
  await mock.start();
  const context = await browser.newContext({ viewport: LAPTOP, ...options });
  const troubles = [];
  try {
    const page = await open(context, mock.address, troubles);
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

const saved = async (page, mock, count) => {
  await until(() => mock.actions.length >= count, `${count} actions`);
  await until(async () => (await pending(page)) === 0, "the acknowledgement");
};

await check("a stroke is drawn at once and sent as one action", async ({ page, mock }) => {
  await goTo(page, 3, 300, 400);
  await page.keyboard.press("b");
  await page.keyboard.press("s");
  await page.mouse.move(...(await screen(page, 290, 380)));
  await page.mouse.down();
  await page.mouse.move(...(await screen(page, 310, 430)), { steps: 6 });
  assert.equal(mock.actions.length, 0);
  await page.mouse.move(...(await screen(page, 310, 460)), { steps: 3 });
  assert.ok(isOrange(await colourAt(page, 300.5, 405.5)), "the stroke is not visible while it is drawn");
  await page.mouse.up();
  await saved(page, mock, 1);
  const [action] = mock.actions;
  assert.deepEqual([action.kind, action.class, action.value, action.z, action.radius], ["stroke", "mitochondria", 2, 3, 8]);
  const [first, last] = [action.points[0], action.points.at(-1)];
  assert.ok(Math.hypot(first[0] - 290, first[1] - 380) < 1 && Math.hypot(last[0] - 310, last[1] - 460) < 1, JSON.stringify(action.points));
  await goTo(page, 3, 300, 400);
  assert.ok(isOrange(await colourAt(page, 300.5, 405.5)), "the stroke is gone after the server's tile came");
});

await check("strokes and polygons paint the voxels of the contract", async ({ page }) => {
  const side = 64;
  const strokes = [
    { radius: 0.5, points: [[10.5, 10.5]] },
    { radius: 1, points: [[3, 3], [40, 7.25], [41, 60]] },
    { radius: 6.5, points: [[30.1, 20.7], [33.3, 50.2], [60, 70]] },
  ];
  const polygon = { points: [[5, 5], [50.5, 12.2], [20, 60], [58, 40], [2.5, 30.5]] };
  const painted = await page.evaluate(async ([lines, shape, size]) => {
    const { paintSegment, paintPolygon } = await import("./raster.js");
    const plane = () => ({ data: new Uint8Array(size * size), height: size, width: size, top: 0, left: 0, scale: 1 });
    const planes = lines.map(({ points, radius }) => {
      const raster = plane();
      points.forEach((point, i) => paintSegment(raster, points[Math.max(0, i - 1)], point, radius, 2));
      return [...raster.data];
    });
    const raster = plane();
    paintPolygon(raster, shape.points, 2);
    return [...planes, [...raster.data]];
  }, [strokes, polygon, side]);
  const expected = [...strokes, polygon].map((action) => {
    const plane = new Uint8Array(volume.SHAPE[1] * volume.SHAPE[2]);
    (action === polygon ? volume.paintPolygon : volume.paintStroke)(plane, { ...action, value: 2 });
    return Array.from({ length: side * side }, (_, i) => plane[Math.floor(i / side) * volume.SHAPE[2] + (i % side)]);
  });
  assert.deepEqual(painted, expected);
});

await check("background brush and eraser send their values", async ({ page, mock }) => {
  mock.regions = [{ name: "1", start: [3, 0, 0], shape: [1, 200, 200] }];
  await until(async () => (await page.locator("#regions li").count()) === 1, "the region");
  await goTo(page, 3, 190, 190);
  await page.keyboard.press("g");
  await drag(page, [[250, 250], [260, 260]]);
  await page.keyboard.press("e");
  await drag(page, [[250, 250], [260, 260]]);
  await drag(page, [[150, 150], [160, 160]]);
  await saved(page, mock, 3);
  assert.deepEqual(mock.actions.map(({ value }) => value), [1, 0, 1]);
});

await check("undo and redo by keys", async ({ page, mock }) => {
  await goTo(page, 3, 300, 400);
  await page.keyboard.press("s");
  await drag(page, [[300, 380], [300, 420]]);
  await page.keyboard.press("Control+z");
  await saved(page, mock, 2);
  await goTo(page, 3, 300, 400);
  assert.ok(!isOrange(await colourAt(page, 300.5, 400.5)), "the stroke is still there");
  await page.keyboard.press("Control+Shift+Z");
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+y");
  await saved(page, mock, 5);
  assert.deepEqual(mock.actions.map(({ kind }) => kind), ["stroke", "undo", "redo", "undo", "redo"]);
});

await check("sections change by wheel, keys, slider and number", async ({ page }) => {
  await goTo(page, 10, 300, 400);
  await page.mouse.move(400, 300);
  await page.mouse.wheel(0, 100);
  await until(async () => (await state(page)).index === 11, "the wheel");
  await page.mouse.wheel(0, -100);
  await until(async () => (await state(page)).index === 10, "the wheel back");
  await page.keyboard.press(".");
  await page.keyboard.press("PageDown");
  await page.keyboard.press("Shift+Period");
  assert.equal((await state(page)).index, 22);
  await page.keyboard.press(",");
  await page.keyboard.press("Shift+Comma");
  assert.equal((await state(page)).index, 11);
  await page.locator("#section").fill("30");
  assert.equal((await state(page)).index, 30);
  await page.locator("#section-number").fill("7");
  await page.locator("#section-number").press("Enter");
  assert.equal((await state(page)).index, 7);
});

await check("zoom and pan by wheel, keys, space and middle button", async ({ page, mock }) => {
  await goTo(page, 5, 300, 400);
  const held = await page.evaluate(() => window.annotate.viewToVoxel(500, 200));
  await page.mouse.move(500, 200);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -200);
  await page.keyboard.up("Control");
  await until(async () => (await state(page)).zoom > 2.5, "the zoom");
  const now = await page.evaluate(() => window.annotate.viewToVoxel(500, 200));
  assert.ok(Math.hypot(now[0] - held[0], now[1] - held[1]) < 0.01, "the voxel under the pointer moved");
  await page.keyboard.press("-");
  const before = await state(page);
  await page.keyboard.down("Space");
  await page.mouse.down();
  await page.mouse.move(560, 200);
  await page.mouse.up();
  await page.keyboard.up("Space");
  await page.mouse.down({ button: "middle" });
  await page.mouse.move(560, 240);
  await page.mouse.up({ button: "middle" });
  const after = await state(page);
  assert.ok(Math.abs(before.centre[2] - after.centre[2] - 60 / after.zoom) < 0.01, "space and drag");
  assert.ok(Math.abs(before.centre[1] - after.centre[1] - 40 / after.zoom) < 0.01, "the middle button");
  await page.keyboard.press("ArrowRight");
  await until(async () => (await state(page)).centre[2] > after.centre[2] + 10, "the arrow key");
  await page.keyboard.press("Home");
  assert.ok((await state(page)).zoom < 1.1);
  assert.equal(mock.actions.length, 0);
});

await check("a region is dragged; it is listed, flown to and removed", async ({ page, mock }) => {
  await goTo(page, 4, 300, 400);
  await page.keyboard.press("r");
  await drag(page, [[250.2, 320.2], [349.7, 479.7]]);
  await saved(page, mock, 1);
  assert.deepEqual(mock.actions[0], { kind: "region", start: [4, 250, 320], shape: [1, 100, 160] });
  await page.keyboard.press("Shift+R");
  await saved(page, mock, 2);
  assert.deepEqual(mock.actions[1], { kind: "region", start: [4, 44, 144], shape: [1, 512, 512] });
  await page.keyboard.press("PageDown");
  await page.locator("#regions .region").first().click();
  assert.equal((await state(page)).index, 4);
  await page.getByLabel("Remove region 1").click();
  await saved(page, mock, 3);
  assert.deepEqual(mock.actions[2], { kind: "remove_region", name: "1" });
});

await check("accept and reject by click, accept in a region", async ({ page, mock }) => {
  await goTo(page, 3, 300, 400);
  await page.locator("#classes input").first().fill("0.3");
  await page.keyboard.press("a");
  await page.mouse.click(...(await screen(page, 300.5, 400.5)));
  await page.keyboard.press("2");
  await page.keyboard.press("x");
  await page.mouse.click(...(await screen(page, 310.5, 400.5)));
  await page.keyboard.press("n");
  await page.locator("#proposal").waitFor();
  assert.equal((await state(page)).index, 5);
  await page.keyboard.press("Shift+A");
  await page.locator("#proposal button", { hasText: "Mark as reviewed" }).click();
  await until(async () => (await pending(page)) === 0, "the acknowledgements");
  const judged = mock.actions.filter(({ kind }) => kind !== "region");
  const within = { start: [5, 128, 256], shape: [1, 512, 512] };
  assert.deepEqual(judged.at(-1), { kind: "accept", source: "network", class: "synapses", threshold: 0.5, within });
  assert.deepEqual(mock.actions.at(-1), { kind: "region", ...within });
});

await check("polygon, fill and interpolation", async ({ page, mock }) => {
  await goTo(page, 3, 300, 400);
  await page.keyboard.press("p");
  for (const [y, x] of [[280, 380], [280, 420], [320, 420]]) await page.mouse.click(...(await screen(page, y, x)));
  await page.keyboard.press("Enter");
  await page.keyboard.press("f");
  await page.mouse.click(...(await screen(page, 300, 400)));
  await saved(page, mock, 2);
  const [polygon, fill] = mock.actions;
  assert.deepEqual([polygon.kind, polygon.points.length, polygon.value], ["polygon", 3, 2]);
  assert.deepEqual([fill.kind, fill.z, fill.tolerance], ["fill", 3, 12]);
  await goTo(page, 8, 300, 400);
  await page.keyboard.press("i");
  await page.getByText("Nothing to interpolate for mitochondria").waitFor();
  await page.keyboard.press("b");
  await drag(page, [[300, 390], [300, 400]]);
  await saved(page, mock, 3);
  await page.keyboard.press("i");
  await saved(page, mock, 4);
  assert.deepEqual(mock.actions[3], { kind: "interpolate", class: "mitochondria", from: 3, to: 8 });
});

await check("a server that goes away gets the strokes exactly once when it is back", async ({ page, mock }) => {
  await goTo(page, 3, 300, 400);
  await mock.stop();
  await drag(page, [[300, 380], [300, 420]]);
  await drag(page, [[320, 380], [320, 420]]);
  await page.getByText("Your work is kept; trying again.").waitFor();
  assert.equal(await pending(page), 2);
  await mock.start();
  await saved(page, mock, 2);
  await page.waitForTimeout(1500);
  assert.deepEqual(mock.actions.map(({ points }) => Math.round(points[0][0])), [300, 320]);
  await page.locator("#banner").waitFor({ state: "hidden" });
});

await check("strokes kept by the browser are sent after the page was closed", async ({ page, mock, context }) => {
  await goTo(page, 3, 300, 400);
  await mock.stop();
  await drag(page, [[300, 380], [300, 420]]);
  await page.close();
  await mock.start();
  const again = await open(context, mock.address);
  await saved(again, mock, 1);
  assert.equal(mock.actions[0].kind, "stroke");
});

await check("a second window waits and takes over", async ({ page, mock, context }) => {
  const second = await open(context, mock.address);
  await second.getByText("already open in another window").waitFor();
  await second.keyboard.press("Control+z");
  assert.equal(mock.actions.length, 0);
  await page.close({ runBeforeUnload: true });
  await second.locator("#cover").waitFor({ state: "hidden" });
  await goTo(second, 3, 300, 400);
  await drag(second, [[300, 380], [300, 420]]);
  await saved(second, mock, 1);
});

await check("a full disk keeps the stroke and says so", async ({ page, mock }) => {
  await goTo(page, 3, 300, 400);
  mock.full = true;
  await drag(page, [[300, 380], [300, 420]]);
  await page.getByText("The disk is full").waitFor();
  assert.equal(await pending(page), 1);
  mock.full = false;
  await saved(page, mock, 1);
  await page.locator("#banner").waitFor({ state: "hidden" });
});

await check("an action that makes no sense is dropped with its message", async ({ page, mock }) => {
  await goTo(page, 3, 300, 400);
  mock.refuses = "stroke";
  await drag(page, [[300, 380], [300, 420]]);
  await page.getByText("The mock refuses").waitFor();
  assert.equal(await pending(page), 0);
  await goTo(page, 3, 300, 400);
  assert.ok(!isOrange(await colourAt(page, 300.5, 400.5)), "the dropped stroke is still shown");
  await page.locator("#errors .close").click();
  assert.equal(await page.locator("#errors .note").count(), 0);
});

await check("the help sheet lists the keys", async ({ page }) => {
  await page.keyboard.press("?");
  const sheet = page.locator("#help");
  await sheet.waitFor();
  const listed = await sheet.locator("kbd").allTextContents();
  for (const key of ["B", "G", "E", "F", "P", "R", "A", "X", "I", "N", "T", "Ctrl Z", "Ctrl Shift Z", "[", "]", "1 … 9", "Home", "Page up", "Shift ,", "?"]) {
    assert.ok(listed.includes(key), `${key} is missing`);
  }
  await page.keyboard.press("?");
  assert.equal(await sheet.isVisible(), false);
});

await check("a pen's eraser erases, and two fingers pan without painting", async ({ page, mock, context }) => {
  await goTo(page, 3, 300, 400);
  const [x, y] = await screen(page, 300, 400);
  await page.evaluate(([clientX, clientY]) => {
    const canvas = document.getElementById("view");
    canvas.setPointerCapture = () => {};
    const send = (type, more) => canvas.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 9, pointerType: "pen", clientX, clientY, ...more }));
    send("pointerdown", { button: 5, buttons: 32 });
    send("pointermove", { clientX: clientX + 30, buttons: 32 });
    send("pointerup", { button: 5 });
  }, [x, y]);
  await saved(page, mock, 1);
  assert.equal(mock.actions[0].value, 0);
  const before = await state(page);
  const devtools = await context.newCDPSession(page);
  const touch = (type, points) => devtools.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([px, py], id) => ({ x: px, y: py, id })) });
  await touch("touchStart", [[400, 300]]);
  await touch("touchStart", [[400, 300], [500, 300]]);
  await touch("touchMove", [[380, 300], [540, 300]]);
  await touch("touchMove", [[350, 300], [550, 300]]);
  await touch("touchEnd", []);
  await page.waitForTimeout(100);
  const ratio = (await state(page)).zoom / before.zoom;
  assert.ok(Math.abs(ratio - 2) < 0.1, `two fingers zoomed by ${ratio}`);
  assert.equal(mock.actions.length, 1);
}, { hasTouch: true });

await check("training shows its job and its curve, and can be stopped", async ({ page, mock }) => {
  await page.keyboard.press("t");
  await page.keyboard.press("Enter");
  await page.getByText("Training is running").waitFor();
  await page.locator("#curve svg").hover();
  await page.getByText(/network 2, epoch \d+: loss/).waitFor();
  await page.locator("#stop").click();
  await page.getByText("Training was stopped.").waitFor();
  mock.runs = [{ name: "1", scores: [{ class: "mitochondria", dice: 0.91, interval: [0.85, 0.94], before: 0.88 }], in_use: false }];
  await page.locator("#runs button").first().click();
  await until(() => mock.runs[0].in_use, "the run's use");
});

await check("cuts are shown and not painted", async ({ page, mock }) => {
  await goTo(page, 3, 300, 400);
  await page.locator("[data-axis=xz]").click();
  await page.mouse.move(400, 300);
  await page.mouse.down();
  await page.mouse.move(440, 320, { steps: 3 });
  await page.mouse.up();
  assert.equal((await state(page)).axis, "xz");
  assert.equal(await pending(page), 0);
  assert.equal(mock.actions.length, 0);
});

if (process.env.SHOTS) await takeShots(browser, process.env.SHOTS);
await browser.close();
console.log(failures === 0 ? "all checks passed" : `${failures} checks failed`);
process.exit(failures === 0 ? 0 : 1);
