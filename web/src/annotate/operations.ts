/**
 * What a command does beyond one action: proposals, accepting in a box, interpolation between sections.
 */
import type { App } from "./app.js";
import { type Box, FOREGROUND, type Voxel, contains } from "./contract.js";
import { server } from "./server.js";
import { MAX_RADIUS, MIN_RADIUS } from "./settings.js";
import { clamp } from "./view.js";

/** Side of the region that one press makes; as large as those that the program proposes. */
const REGION_SIDE = 512;
/** Sections on each side in which painted ones are looked for. */
const INTERPOLATION_REACH = 40;
const RADIUS_STEP = 1.25;

export async function proposeNext(app: App): Promise<void> {
  await app.once("Looking for the place where labels help most…", async () => {
    app.proposal = await server.next();
    app.flyTo(app.proposal);
  });
}

export function undo(app: App): void {
  if (app.state.can_undo || app.queue.length > 0) app.act({ kind: "undo" });
  else app.notices.say("There is nothing to undo.");
}

export function redo(app: App): void {
  if (app.state.can_redo || app.queue.length > 0) app.act({ kind: "redo" });
  else app.notices.say("There is nothing to redo.");
}

export function markProposalReviewed(app: App): void {
  if (app.proposal === null) return app.notices.say("There is no proposed box. Press N for one.");
  const { start, shape } = app.proposal;
  app.proposal = null;
  app.act({ kind: "region", start, shape });
}

export function skipProposal(app: App): void {
  app.proposal = null;
  app.changed();
}

/** Marks a box around the middle of the window as reviewed. */
export function regionHere(app: App): void {
  const { view, project } = app;
  const corner = (axis: 1 | 2): number => {
    const side = Math.min(REGION_SIDE, project.shape[axis]);
    return clamp(Math.round(view.centre[axis] - side / 2), 0, project.shape[axis] - side);
  };
  const [y, x] = [corner(1), corner(2)];
  const box = app.sectionBox([y, x], [y + REGION_SIDE, x + REGION_SIDE]);
  if (view.axis === "xy" && box !== null) app.act({ kind: "region", ...box });
}

export function removeRegion(app: App, name: string): void {
  app.act({ kind: "remove_region", name });
  app.notices.say(`Region ${name} is no longer marked as reviewed. Ctrl+Z brings it back.`);
}

export function acceptInRegion(app: App): void {
  const box = boxInQuestion(app);
  if (box === null) app.notices.say("There is no region in the middle of the window. Choose one in the list first.");
  else acceptWithin(app, box);
}

export function acceptInView(app: App): void {
  const { top, left, bottom, right } = app.view.visible();
  const box = app.view.axis === "xy" ? app.sectionBox([top, left], [bottom, right]) : null;
  if (box !== null) acceptWithin(app, box);
}

function acceptWithin(app: App, { start, shape }: Box): void {
  const suggested = app.suggested();
  if (suggested !== null) app.act({ kind: "accept", ...suggested, within: { start, shape } });
}

/** The proposal or region under the middle of the window, else the region selected in the list, if this section shows it. */
function boxInQuestion(app: App): Box | null {
  const middle = app.view.centre.map(Math.floor) as Voxel;
  if (app.proposal !== null && contains(app.proposal, middle)) return app.proposal;
  const selected = app.state.regions.find(({ name, start }) => name === app.selectedRegion && start[0] === app.view.index);
  return app.regionAt(middle) ?? selected ?? null;
}

export function resizeBrush(app: App, direction: 1 | -1): void {
  app.set({ radius: clamp(app.settings.radius * RADIUS_STEP ** direction, MIN_RADIUS, MAX_RADIUS) });
}

/** Fills the sections between the two painted ones nearest to this one. */
export async function interpolate(app: App): Promise<void> {
  const { view, className } = app;
  const here = view.index;
  if (view.axis !== "xy") return app.notices.say("Interpolation works in the x-y view.");
  if (app.queue.length > 0) return app.notices.say("Your last strokes are still being saved. Please try again in a moment.");
  await app.once(`Looking for painted sections of ${className}…`, async () => {
    const current = await isPainted(app, here);
    const below = await nearestPainted(app, here, -1);
    const above = current && below !== null ? null : await nearestPainted(app, here, 1);
    const from = below ?? (current ? here : null);
    const to = current && below !== null ? here : above;
    if (from === null || to === null) {
      const how = `paint it in two sections, each at most ${INTERPOLATION_REACH} away, and press I between them`;
      app.notices.say(`Nothing to interpolate for ${className}: ${how}.`);
    } else if (to - from < 2) {
      app.notices.say(`Sections ${from} and ${to} are neighbours: there is nothing between them.`);
    } else {
      app.act({ kind: "interpolate", class: className, from, to });
      app.notices.say(`Interpolating ${className} from section ${from} to ${to}.`);
    }
  });
}

async function nearestPainted(app: App, from: number, direction: 1 | -1): Promise<number | null> {
  for (let distance = 1; distance <= INTERPOLATION_REACH; distance++) {
    const z = from + direction * distance;
    if (await isPainted(app, z)) return z;
  }
  return null;
}

/** Whether a section has foreground; asks for its coarsest labels, which are about one tile, where it has any paint. */
async function isPainted(app: App, z: number): Promise<boolean> {
  const { project, state, classIndex, className } = app;
  if (!(state.painted[className]?.includes(z) ?? false)) return false;
  const level = project.levels - 1;
  const size = project.tile * 2 ** level;
  for (let row = 0; row * size < project.shape[1]; row++) {
    for (let column = 0; column * size < project.shape[2]; column++) {
      const address = { axis: "xy", level, index: z, row, column } as const;
      const { data, height, width } = await server.labels(address, state.revision, AbortSignal.timeout(10_000));
      const plane = data.subarray(classIndex * height * width, (classIndex + 1) * height * width);
      if (plane.includes(FOREGROUND)) return true;
    }
  }
  return false;
}
