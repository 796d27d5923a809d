/**
 * The page as a whole: asks what is to be seen, starts Neuroglancer, binds panel and keys.
 */
import { byId } from "../annotate/dom.js";
import { Notices } from "../annotate/notices.js";
import { App } from "./app.js";
import type { Stack, Voxel } from "./contract.js";
import { listenToKeys } from "./keys.js";
import { makePanel } from "./panel.js";
import { server } from "./server.js";
import "./view.css";

const RETRY_MS = 1_000;

/** For tests only: where voxels lie in the window, and what the page is doing. */
interface TestAccess {
  /** Resolves when the page can be used. */
  ready: Promise<void>;
  voxelToView(voxel: Voxel): [cx: number, cy: number];
  goTo(voxel: Voxel, scale: number): void;
  state(): object;
}

declare global {
  interface Window {
    view: TestAccess;
  }
}

async function loadStack(notices: Notices): Promise<Stack> {
  for (;;) {
    try {
      return await server.stack();
    } catch {
      notices.banner("connection", "The program does not answer. Trying again.");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function start(): Promise<App> {
  const notices = new Notices();
  const stack = await loadStack(notices);
  notices.banner("connection", null);
  let refresh = (): void => {};
  const app = new App(stack, notices, byId("view"), () => refresh());
  refresh = makePanel(app);
  listenToKeys(app);
  byId("starting").hidden = true;
  await app.start();
  app.changed();
  return app;
}

function testAccess(starting: Promise<App>): TestAccess {
  let started: App | null = null;
  const app = (): App => {
    if (started === null) throw new Error("await view.ready first");
    return started;
  };
  return {
    ready: starting.then((done) => {
      started = done;
    }),
    voxelToView: (voxel) => app().scene.screenOf(voxel),
    goTo(voxel, scale) {
      app().scene.place = { ...app().scene.place, position: voxel.map((at) => at + 0.5) as Voxel, scale };
    },
    state: () => describe(app()),
  };
}

function describe({ scene, stack, chosen, layer, objects, corrections, tools, tableState }: App): object {
  const revision = layer?.revision ?? null;
  const { shown, order, complaint } = objects;
  const { waiting, connection, log } = corrections;
  return { ...scene.place, layout: scene.layout, loaded: scene.isReady, shape: stack.shape, chosen, revision, shown, order, complaint, waiting, connection, log, tool: tools.active, points: tools.points, table: tableState.state };
}

window.view = testAccess(start());
