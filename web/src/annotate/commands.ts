/**
 * All commands with their keys: the one table from which keys work, buttons get their titles and the help sheet is made.
 */
import type { App } from "./app.js";
import type { Axis } from "./contract.js";
import { toggleHelp } from "./help.js";
import { acceptInRegion, acceptInView, interpolate, markProposalReviewed, proposeNext, redo, regionHere, resizeBrush, skipProposal, undo } from "./operations.js";
import { showTrain } from "./train_panel.js";
import type { ToolName } from "./tools.js";

export interface Command {
  id: string;
  group: string;
  title: string;
  /** As `keysOf` names them; the first is shown on the button. */
  keys: string[];
  run(app: App, key: string): void;
  release?(app: App): void;
}

const PAN_PIXELS = 90;
const ZOOM_STEP = 1.4;
const FAR = 10;

export const COMMANDS: Command[] = [
  tool("brush", "b", "Brush: paint the current class"),
  tool("background", "g", "Background brush: paint what is not the class"),
  tool("eraser", "e", "Eraser: unknown again, or background inside of a reviewed region"),
  tool("fill", "f", "Fill the connected pixels of similar grey"),
  tool("polygon", "p", "Polygon: click its corners; Enter or a double click closes it"),
  tool("region", "r", "Region: drag a box in which all is labelled"),
  tool("accept", "a", "Accept the suggested object under the pointer"),
  tool("reject", "x", "Reject the suggested object under the pointer"),
  tool("hand", "h", "Hand: move the picture"),
  { id: "finish", group: "Tools", title: "Close the polygon", keys: ["Enter"], run: (app) => app.activeTool.finish?.() },
  { id: "cancel", group: "Tools", title: "Cancel what was begun", keys: ["Escape"], run: (app) => app.activeTool.cancel() },
  { id: "smaller", group: "Tools", title: "Smaller brush", keys: ["["], run: (app) => resizeBrush(app, -1) },
  { id: "larger", group: "Tools", title: "Larger brush", keys: ["]"], run: (app) => resizeBrush(app, 1) },
  { id: "class", group: "Tools", title: "Choose a class", keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9"], run: (app, key) => app.setClass(Number(key) - 1) },

  { id: "undo", group: "Work", title: "Undo", keys: ["Ctrl+z"], run: undo },
  { id: "redo", group: "Work", title: "Redo", keys: ["Ctrl+Shift+z", "Ctrl+y"], run: redo },
  { id: "next", group: "Work", title: "Next: go where labels help most", keys: ["n"], run: (app) => void proposeNext(app) },
  { id: "reviewed", group: "Work", title: "Mark the proposed box as reviewed", keys: ["m"], run: markProposalReviewed },
  { id: "skip", group: "Work", title: "Skip the proposed box", keys: ["k"], run: skipProposal },
  { id: "region-here", group: "Work", title: "Mark 512 x 512 around the middle as reviewed", keys: ["Shift+r"], run: regionHere },
  { id: "accept-region", group: "Work", title: "Accept all suggestions of the class in the region", keys: ["Shift+a"], run: acceptInRegion },
  { id: "accept-view", group: "Work", title: "Accept all suggestions of the class in view", keys: ["Shift+v"], run: acceptInView },
  { id: "interpolate", group: "Work", title: "Interpolate between the painted sections around this one", keys: ["i"], run: (app) => void interpolate(app) },
  { id: "train", group: "Work", title: "Open training", keys: ["t"], run: showTrain },

  { id: "previous", group: "Move", title: "Previous section", keys: ["Comma", "PageUp"], run: (app) => app.step(-1) },
  { id: "following", group: "Move", title: "Next section", keys: ["Period", "PageDown"], run: (app) => app.step(1) },
  { id: "far-back", group: "Move", title: "10 sections back", keys: ["Shift+Comma", "Shift+PageUp"], run: (app) => app.step(-FAR) },
  { id: "far-on", group: "Move", title: "10 sections on", keys: ["Shift+Period", "Shift+PageDown"], run: (app) => app.step(FAR) },
  { id: "zoom-in", group: "Move", title: "Zoom in", keys: ["+", "="], run: (app) => zoom(app, ZOOM_STEP) },
  { id: "zoom-out", group: "Move", title: "Zoom out", keys: ["-"], run: (app) => zoom(app, 1 / ZOOM_STEP) },
  { id: "fit", group: "Move", title: "Show the whole section", keys: ["Home"], run: fit },
  { id: "left", group: "Move", title: "Move left", keys: ["ArrowLeft"], run: (app) => app.motion.glide(PAN_PIXELS, 0) },
  { id: "right", group: "Move", title: "Move right", keys: ["ArrowRight"], run: (app) => app.motion.glide(-PAN_PIXELS, 0) },
  { id: "up", group: "Move", title: "Move up", keys: ["ArrowUp"], run: (app) => app.motion.glide(0, PAN_PIXELS) },
  { id: "down", group: "Move", title: "Move down", keys: ["ArrowDown"], run: (app) => app.motion.glide(0, -PAN_PIXELS) },
  { id: "hold", group: "Move", title: "Held: drag to move the picture", keys: ["Space"], run: (app) => hold(app, true), release: (app) => hold(app, false) },
  { id: "axis", group: "Move", title: "Show the xy, xz or yz cut", keys: ["c"], run: nextAxis },

  { id: "suggestions", group: "Show", title: "Suggestions on or off", keys: ["s"], run: (app) => app.set({ showSuggestions: !app.settings.showSuggestions }) },
  { id: "labels", group: "Show", title: "Labels on or off", keys: ["l"], run: (app) => app.set({ showLabels: !app.settings.showLabels }) },
  { id: "outlines", group: "Show", title: "Labels filled or as outlines", keys: ["o"], run: (app) => app.set({ outlines: !app.settings.outlines }) },
  { id: "paper", group: "Show", title: "Painted background on or off", keys: ["d"], run: (app) => app.set({ showBackground: !app.settings.showBackground }) },
  { id: "panel", group: "Show", title: "Side panel on or off", keys: ["q"], run: (app) => app.set({ panelOpen: !app.settings.panelOpen }) },
  { id: "help", group: "Show", title: "This sheet", keys: ["?"], run: toggleHelp },
];

const AXES: Axis[] = ["xy", "xz", "yz"];

function tool(name: ToolName, key: string, title: string): Command {
  return { id: name, group: "Tools", title, keys: [key], run: (app) => app.setTool(name) };
}

function zoom(app: App, factor: number): void {
  const { view, pointer } = app;
  view.zoomAbout(factor, ...(pointer.position ?? [view.width / 2, view.height / 2]));
  app.changed();
}

function fit(app: App): void {
  app.motion.stop();
  app.view.fit();
  app.changed();
}

function hold(app: App, held: boolean): void {
  app.held = held;
  app.changed();
}

function nextAxis(app: App): void {
  const position = AXES.indexOf(app.view.axis);
  app.setAxis(AXES[(position + 1) % AXES.length] ?? "xy");
}
