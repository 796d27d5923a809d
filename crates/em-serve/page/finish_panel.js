import { byId, make } from "./dom.js";
import { server } from "./server.js";
import { isRunning } from "./train_panel.js";
export function makeFinish(app) {
    const [name, ending] = [byId("export-class"), byId("export-ending")];
    name.append(...app.project.classes.map((value) => make("option", { value, textContent: value })));
    ending.append(...app.project.exports.map((value) => make("option", { value, textContent: `.${value}` })));
    byId("predict").addEventListener("click", () => void app.ask(server.predict));
    byId("measure").addEventListener("click", () => void app.ask(server.measure));
    byId("export").addEventListener("click", () => void app.ask(() => server.export(name.value, ending.value)));
    const buttons = ["predict", "measure", "export"].map((id) => byId(id));
    return () => {
        for (const button of buttons)
            button.disabled = isRunning(app.state.job);
        byId("result").hidden = !app.state.has_objects || isRunning(app.state.job);
    };
}
