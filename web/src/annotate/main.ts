/**
 * The page as a whole: loads the project, binds canvas, panel and keys, and starts the heartbeat.
 */
import { App } from "./app.js";
import type { Project, Voxel } from "./contract.js";
import { byId } from "./dom.js";
import { listenToKeys } from "./keys.js";
import { Notices } from "./notices.js";
import { makePanel } from "./panel.js";
import { server } from "./server.js";

const RETRY_MS = 1_000;

/** For tests only: where voxels lie in the window (CSS pixels of the page), and what the page is doing. */
interface TestAccess {
  /** Resolves when the page can be used. */
  ready: Promise<void>;
  viewToVoxel(cx: number, cy: number): [y: number, x: number];
  voxelToView(y: number, x: number): [cx: number, cy: number];
  goTo(z: number, y: number, x: number, zoom?: number): void;
  state(): object;
  /** Actions that the server has not acknowledged. */
  pending(): number;
}

declare global {
  interface Window {
    annotate: TestAccess;
  }
}

async function loadProject(notices: Notices): Promise<Project> {
  for (;;) {
    try {
      return await server.project();
    } catch {
      notices.banner("connection", "The program does not answer. Trying again.");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function start(): Promise<App> {
  const notices = new Notices();
  const project = await loadProject(notices);
  notices.banner("connection", null);
  let refresh = (): void => {};
  const app = new App(project, notices, byId<HTMLCanvasElement>("view"), () => refresh());
  refresh = makePanel(app);
  listenToKeys(app);
  project.state.messages.forEach((message) => notices.say(message));
  window.addEventListener("pagehide", () => app.saveSettings());
  await app.session.start();
  byId("starting").hidden = true;
  app.changed();
  return app;
}

function testAccess(starting: Promise<App>): TestAccess {
  let started: App | null = null;
  const ready = starting.then((app) => {
    started = app;
  });
  const app = (): App => {
    if (started === null) throw new Error("await annotate.ready first");
    return started;
  };
  const corner = (): DOMRect => app().viewer.canvas.getBoundingClientRect();
  return {
    ready,
    viewToVoxel: (cx, cy) => app().view.toPlane(cx - corner().left, cy - corner().top),
    voxelToView(y, x) {
      const [px, py] = app().view.toScreen(y, x);
      return [px + corner().left, py + corner().top];
    },
    goTo: (z, y, x, zoom = app().view.zoom) => app().motion.goTo([z + 0.5, y, x] as Voxel, zoom),
    state: () => describe(app()),
    pending: () => app().queue.length,
  };
}

function describe(app: App): object {
  const { view, tool, className, state, session, settings, proposal, viewer } = app;
  const { axis, index, zoom, centre } = view;
  const { revision } = state;
  const [{ connection }, { loading }] = [session, viewer];
  return { axis, index, zoom, centre, tool, class: className, revision, connection, settings, proposal, loading };
}

window.annotate = testAccess(start());
