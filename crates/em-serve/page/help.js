/**
 * What the sheet of shortcuts shows of this page.
 */
import { COMMANDS } from "./commands.js";
import { toggleSheet } from "./sheet.js";
/** What is done without keys. */
const GESTURES = [
    ["Wheel", "Next or previous section"],
    ["Ctrl + wheel", "Zoom about the pointer"],
    ["Shift + wheel", "Move the picture"],
    ["Middle button", "Drag to move the picture"],
    ["Two fingers", "Move and zoom"],
    ["Pen's eraser", "Eraser, whatever the tool"],
];
export function toggleHelp() {
    toggleSheet(COMMANDS, GESTURES);
}
