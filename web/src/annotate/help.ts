/**
 * The sheet of all shortcuts, made from the table of commands.
 */
import { COMMANDS, type Command } from "./commands.js";
import { byId, make } from "./dom.js";
import { keyText } from "./keys.js";

/** What is done without keys. */
const GESTURES: [string, string][] = [
  ["Wheel", "Next or previous section"],
  ["Ctrl + wheel", "Zoom about the pointer"],
  ["Shift + wheel", "Move the picture"],
  ["Middle button", "Drag to move the picture"],
  ["Two fingers", "Move and zoom"],
  ["Pen's eraser", "Eraser, whatever the tool"],
];

export function toggleHelp(): void {
  const sheet = byId<HTMLDialogElement>("help");
  if (sheet.open) return sheet.close();
  fillSheet();
  sheet.showModal();
}

function fillSheet(): void {
  const groups = [...new Set(COMMANDS.map(({ group }) => group))];
  byId("help-groups").replaceChildren(
    ...groups.map((group) => section(group, COMMANDS.filter((command) => command.group === group).map(line))),
    section("Mouse, pen and fingers", GESTURES.map(([gesture, title]) => row([gesture], title))),
  );
}

function section(title: string, rows: HTMLElement[]): HTMLElement {
  return make("section", {}, make("h3", { textContent: title }), make("dl", {}, ...rows));
}

function line({ keys, title }: Command): HTMLElement {
  const shown = keys.map(keyText);
  return row(keys.length > 2 ? [`${shown[0]} … ${shown[shown.length - 1]}`] : shown, title);
}

function row(keys: string[], title: string): HTMLElement {
  const caps = keys.map((key) => make("kbd", { textContent: key }));
  return make("div", {}, make("dt", {}, ...caps), make("dd", { textContent: title }));
}
