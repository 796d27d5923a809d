/**
 * From key events to commands, and from keys to the text that buttons and the help sheet show.
 */
import type { App } from "./app.js";
import { COMMANDS, type Command } from "./commands.js";
import { byId } from "./dom.js";

const SHOWN: Record<string, string> = {
  Comma: ",",
  Period: ".",
  PageUp: "Page up",
  PageDown: "Page down",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
};

/** Groups of commands that a held key runs only once. */
const ONCE = ["Work", "Show"];

export function listenToKeys(app: App): void {
  document.addEventListener("keydown", (event) => {
    if (app.session.connection === "taken" || takesKeys(event)) return;
    const found = commandFor(event);
    if (found === null || (byId<HTMLDialogElement>("help").open && found.command.id !== "help")) return;
    event.preventDefault();
    // A key that is held on moves and resizes on, but works only once.
    if (event.repeat && ONCE.includes(found.command.group)) return;
    found.command.run(app, found.key);
  });
  document.addEventListener("keyup", (event) => {
    // Shift may be lifted before the key, so only the plain key counts.
    COMMANDS.find(({ release, keys }) => release !== undefined && keys.includes(event.code))?.release?.(app);
  });
  window.addEventListener("blur", () => COMMANDS.forEach(({ release }) => release?.(app)));
}

export function command(id: string): Command {
  const found = COMMANDS.find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`there is no command "${id}"`);
  return found;
}

/** A key as it is printed on the keyboard. */
export function keyText(key: string): string {
  return key
    .split(/(?<=.)\+/)
    .map((part) => SHOWN[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join(" ");
}

function commandFor(event: KeyboardEvent): { command: Command; key: string } | null {
  for (const key of keysOf(event)) {
    const command = COMMANDS.find(({ keys }) => keys.includes(key));
    if (command !== undefined) return { command, key };
  }
  return null;
}

/** The names under which a key may stand in the table: by what it types, and by its place on the keyboard. */
function keysOf(event: KeyboardEvent): string[] {
  // AltGr reads as Ctrl and Alt on some systems, and types a character such as [.
  const typed = event.getModifierState("AltGraph");
  if (event.altKey && !typed) return [];
  const control = (event.ctrlKey || event.metaKey) && !typed ? "Ctrl+" : "";
  const shift = event.shiftKey ? "Shift+" : "";
  const letter = /^\p{L}$/u.test(event.key);
  const name = letter ? event.key.toLowerCase() : event.key;
  const byCode = `${control}${shift}${event.code}`;
  return letter ? [`${control}${shift}${name}`] : [byCode, `${control}${name}`, `${control}${shift}${name}`];
}

/** Whether the focused element has its own use for the key. */
function takesKeys(event: KeyboardEvent): boolean {
  const { target, key } = event;
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement && target.type === "range") return /^(Arrow|Page|Home|End)/.test(key);
  if (target instanceof HTMLInputElement) return target.type !== "checkbox" || key === " ";
  if (target instanceof HTMLSelectElement) return true;
  return target.closest("button, summary, a") !== null && (key === " " || key === "Enter");
}
