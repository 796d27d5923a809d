/**
 * The block for what follows labelling: predict the volume, measure its objects, export.
 */
import type { App } from "./app.js";
import { byId, make } from "./dom.js";
import { server } from "./server.js";
import { isRunning } from "./train_panel.js";

export function makeFinish(app: App): () => void {
  const [name, ending] = [byId<HTMLSelectElement>("export-class"), byId<HTMLSelectElement>("export-ending")];
  name.append(...app.project.classes.map((value) => make("option", { value, textContent: value })));
  ending.append(...app.project.exports.map((value) => make("option", { value, textContent: `.${value}` })));
  byId("predict").addEventListener("click", () => void app.ask(server.predict));
  byId("measure").addEventListener("click", () => void app.ask(server.measure));
  byId("export").addEventListener("click", () => void app.ask(() => server.export(name.value, ending.value)));
  const buttons = ["predict", "measure", "export"].map((id) => byId<HTMLButtonElement>(id));
  return () => {
    for (const button of buttons) button.disabled = isRunning(app.state.job);
    byId("result").hidden = !app.state.has_objects || isRunning(app.state.job);
  };
}
