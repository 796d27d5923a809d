/**
 * From key events to commands.
 */
import { byId } from "../annotate/dom.js";
import { findCommand, takesKeys } from "../annotate/key_names.js";
import type { App } from "./app.js";
import { COMMANDS } from "./commands.js";

/** Groups of commands that a held key runs only once. */
const ONCE = ["Correct", "Show"];

export function listenToKeys(app: App): void {
  // Neuroglancer's own controls, where they are shown, take what is typed into them.
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || takesKeys(event)) return;
    // Escape closes the list of columns first.
    if (event.key === "Escape" && document.querySelector(":popover-open") !== null) return;
    const found = findCommand(COMMANDS, event);
    if (found === null || (byId<HTMLDialogElement>("help").open && found.command.id !== "help")) return;
    if (found.command.id === "finish" && !app.tools.canFinish) return;
    event.preventDefault();
    if (event.repeat && ONCE.includes(found.command.group)) return;
    found.command.run(app);
  });
}
