/**
 * The names of keys: of an event, and as buttons and help sheets show them.
 */

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

/** A key as it is printed on the keyboard. */
export function keyText(key: string): string {
  return key
    .split(/(?<=.)\+/)
    .map((part) => SHOWN[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join(" ");
}

/** The command of a table that an event's key stands for, and the key's name in it. */
export function findCommand<Command extends { keys: string[] }>(commands: Command[], event: KeyboardEvent): { command: Command; key: string } | null {
  for (const key of keysOf(event)) {
    const command = commands.find(({ keys }) => keys.includes(key));
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
export function takesKeys(event: KeyboardEvent): boolean {
  const { target, key } = event;
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement && target.type === "range") return /^(Arrow|Page|Home|End)/.test(key);
  if (target instanceof HTMLInputElement) return target.type !== "checkbox" || key === " ";
  if (target instanceof HTMLSelectElement) return true;
  return target.closest("button, summary, a") !== null && (key === " " || key === "Enter");
}
