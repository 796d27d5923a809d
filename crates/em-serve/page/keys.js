import { COMMANDS } from "./commands.js";
import { byId } from "./dom.js";
import { findCommand, takesKeys } from "./key_names.js";
/** Groups of commands that a held key runs only once. */
const ONCE = ["Work", "Show"];
export function listenToKeys(app) {
    document.addEventListener("keydown", (event) => {
        if (app.session.connection === "taken" || takesKeys(event))
            return;
        const found = findCommand(COMMANDS, event);
        if (found === null || (byId("help").open && found.command.id !== "help"))
            return;
        event.preventDefault();
        // A key that is held on moves and resizes on, but works only once.
        if (event.repeat && ONCE.includes(found.command.group))
            return;
        found.command.run(app, found.key);
    });
    document.addEventListener("keyup", (event) => {
        // Shift may be lifted before the key, so only the plain key counts.
        COMMANDS.find(({ release, keys }) => release !== undefined && keys.includes(event.code))?.release?.(app);
    });
    window.addEventListener("blur", () => COMMANDS.forEach(({ release }) => release?.(app)));
}
export function command(id) {
    const found = COMMANDS.find((candidate) => candidate.id === id);
    if (found === undefined)
        throw new Error(`there is no command "${id}"`);
    return found;
}
