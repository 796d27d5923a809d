/**
 * The sheet of all shortcuts, made from a page's table of commands.
 */
import { byId, make } from "./dom.js";
import { keyText } from "./key_names.js";

export interface SheetCommand {
  group: string;
  title: string;
  keys: string[];
}

/** Opens the sheet, or closes it; `gestures` are what is done without keys. */
export function toggleSheet(commands: SheetCommand[], gestures: [gesture: string, title: string][]): void {
  const sheet = byId<HTMLDialogElement>("help");
  if (sheet.open) return sheet.close();
  const groups = [...new Set(commands.map(({ group }) => group))];
  byId("help-groups").replaceChildren(
    ...groups.map((group) => section(group, commands.filter((command) => command.group === group).map(line))),
    section("Mouse, pen and fingers", gestures.map(([gesture, title]) => row([gesture], title))),
  );
  sheet.showModal();
}

function section(title: string, rows: HTMLElement[]): HTMLElement {
  return make("section", {}, make("h3", { textContent: title }), make("dl", {}, ...rows));
}

function line({ keys, title }: SheetCommand): HTMLElement {
  const shown = keys.map(keyText);
  return row(keys.length > 2 ? [`${shown[0]} … ${shown[shown.length - 1]}`] : shown, title);
}

function row(keys: string[], title: string): HTMLElement {
  const caps = keys.map((key) => make("kbd", { textContent: key }));
  return make("div", {}, make("dt", {}, ...caps), make("dd", { textContent: title }));
}
