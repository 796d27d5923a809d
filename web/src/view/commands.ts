/**
 * All commands with their keys: the one table from which keys work, buttons get their titles and the help sheet is made.
 */
import { byId } from "../annotate/dom.js";
import { toggleSheet } from "../annotate/sheet.js";
import type { App } from "./app.js";
import type { Edit } from "./contract.js";
import type { Layout } from "./scene.js";
import { lookOf } from "./settings.js";
import type { ToolName } from "./tools.js";

export interface Command {
  id: string;
  group: string;
  title: string;
  /** As `keysOf` names them; the first is shown on the button. */
  keys: string[];
  run(app: App): void;
}

const ZOOM_STEP = 1.4;
const FAR = 10;
const LAYOUTS: Layout[] = ["4panel-alt", "xy-3d", "xy", "xz", "yz", "3d"];

export const COMMANDS: Command[] = [
  { id: "find", group: "Objects", title: "Find objects: go to the filter", keys: ["/"], run: () => byId<HTMLInputElement>("filter").select() },
  { id: "table", group: "Objects", title: "Go to the table; arrow keys go through its rows", keys: ["t"], run: () => byId("table").focus() },
  { id: "centre", group: "Objects", title: "Fly to the chosen object", keys: ["c"], run: (app) => void (app.object !== null && app.fly(app.object)) },
  { id: "none", group: "Objects", title: "End the tool; choose nothing", keys: ["Escape"], run: escape },

  { id: "next", group: "Correct", title: "Next object in doubt", keys: ["n"], run: (app) => app.corrections.next() },
  { id: "keep", group: "Correct", title: "Keep: the object is right; go on to the next", keys: ["k"], run: (app) => app.corrections.judge("keep") },
  { id: "delete", group: "Correct", title: "Delete: the object is none; go on to the next", keys: ["Delete", "d"], run: (app) => app.corrections.judge("delete") },
  tool("merge", "m", "Merge with a second object"),
  tool("split", "s", "Split by points inside of the parts"),
  tool("cut", "x", "Cut along a painted line"),
  { id: "fill", group: "Correct", title: "Fill the holes of the object", keys: ["f"], run: fill },
  { id: "finish", group: "Correct", title: "Split at the points", keys: ["Enter"], run: (app) => app.tools.finish() },
  { id: "back", group: "Correct", title: "Take the last point away", keys: ["Backspace"], run: (app) => app.tools.removeLast() },
  { id: "undo", group: "Correct", title: "Undo", keys: ["Ctrl+z"], run: (app) => send(app, { kind: "undo" }) },
  { id: "redo", group: "Correct", title: "Redo", keys: ["Ctrl+Shift+z", "Ctrl+y"], run: (app) => send(app, { kind: "redo" }) },
  { id: "save", group: "Correct", title: "Write the corrected objects and their table", keys: ["Ctrl+s"], run: (app) => void app.corrections.save() },
  { id: "region", group: "Correct", title: "Make the object's box a reviewed region for the next training", keys: ["r"], run: (app) => void app.corrections.region() },

  { id: "previous", group: "Move", title: "Previous section", keys: ["Comma", "PageUp"], run: (app) => app.scene.step(-1) },
  { id: "following", group: "Move", title: "Next section", keys: ["Period", "PageDown"], run: (app) => app.scene.step(1) },
  { id: "far-back", group: "Move", title: "10 sections back", keys: ["Shift+Comma", "Shift+PageUp"], run: (app) => app.scene.step(-FAR) },
  { id: "far-on", group: "Move", title: "10 sections on", keys: ["Shift+Period", "Shift+PageDown"], run: (app) => app.scene.step(FAR) },
  { id: "zoom-in", group: "Move", title: "Zoom in", keys: ["+", "="], run: (app) => app.scene.zoom(1 / ZOOM_STEP) },
  { id: "zoom-out", group: "Move", title: "Zoom out", keys: ["-"], run: (app) => app.scene.zoom(ZOOM_STEP) },
  { id: "fit", group: "Move", title: "Show the whole volume", keys: ["Home"], run: (app) => app.scene.fit() },
  { id: "left", group: "Move", title: "Move left", keys: ["ArrowLeft"], run: (app) => app.scene.pan(-1, 0) },
  { id: "right", group: "Move", title: "Move right", keys: ["ArrowRight"], run: (app) => app.scene.pan(1, 0) },
  { id: "up", group: "Move", title: "Move up", keys: ["ArrowUp"], run: (app) => app.scene.pan(0, -1) },
  { id: "down", group: "Move", title: "Move down", keys: ["ArrowDown"], run: (app) => app.scene.pan(0, 1) },

  { id: "layout", group: "Show", title: "Next arrangement of the views", keys: ["v"], run: nextLayout },
  { id: "outlines", group: "Show", title: "Objects filled or as outlines", keys: ["o"], run: (app) => app.set({ outlines: !app.settings.outlines }) },
  { id: "hide", group: "Show", title: "Objects on or off", keys: ["h"], run: toggleObjects },
  { id: "colours", group: "Show", title: "Other colours for the objects", keys: ["l"], run: recolour },
  { id: "panel", group: "Show", title: "Side panel on or off", keys: ["q"], run: (app) => app.set({ panelOpen: !app.settings.panelOpen }) },
  { id: "more", group: "Show", title: "Neuroglancer's own controls on or off", keys: ["g"], run: (app) => app.scene.toggleControls() },
  { id: "help", group: "Show", title: "This sheet", keys: ["?"], run: () => toggleSheet(COMMANDS, GESTURES) },
];

/** What is done without keys. */
const GESTURES: [string, string][] = [
  ["Click", "Choose the object under the pointer"],
  ["Shift + click", "Choose it too, or no longer"],
  ["Drag", "Move a section; turn the space"],
  ["Shift + drag", "Move the space"],
  ["Wheel", "Next or previous section"],
  ["Ctrl + wheel", "Zoom about the pointer"],
  ["Right click", "Bring the place under the pointer to the middle"],
  ["Two fingers", "Move and zoom"],
];

export function command(id: string): Command {
  const found = COMMANDS.find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`there is no command "${id}"`);
  return found;
}

function tool(name: ToolName, key: string, title: string): Command {
  return { id: name, group: "Correct", title, keys: [key], run: (app) => (app.tools.active === name ? app.tools.cancel() : app.tools.start(name)) };
}

function send(app: App, edit: Edit): void {
  app.tools.cancel();
  app.corrections.edit(edit);
}

function fill(app: App): void {
  if (app.object !== null) send(app, { kind: "fill", object: app.object });
}

function escape(app: App): void {
  if (app.tools.active !== null) app.tools.cancel();
  else app.select([]);
}

function nextLayout(app: App): void {
  const position = LAYOUTS.indexOf(app.scene.layout);
  app.setLayout(LAYOUTS[(position + 1) % LAYOUTS.length] ?? "xy");
}

function toggleObjects(app: App): void {
  if (app.layer !== null) app.setLook(app.layer, { visible: !lookOf(app.settings, app.layer).visible });
}

function recolour(app: App): void {
  if (app.layer === null) return;
  app.scene.recolour(app.layer.name);
  app.changed();
}
