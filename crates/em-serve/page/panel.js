import { classColour } from "./colours.js";
import { lengthText } from "./decor.js";
import { bindSlider, byId, make, percent, rebuild, setText } from "./dom.js";
import { makeFinish } from "./finish_panel.js";
import { keyText } from "./key_names.js";
import { command } from "./keys.js";
import { makeRegions } from "./regions_panel.js";
import { makeStatus } from "./status.js";
import { MAX_RADIUS, MIN_RADIUS } from "./settings.js";
import { makeTrain } from "./train_panel.js";
/** Binds the panel to the app; the returned function shows what changed. */
export function makePanel(app) {
    bindCommands(app);
    returnFocus(app);
    const parts = [
        makeHeader(app),
        makeToolRow(app),
        makeClasses(app),
        makeSuggestions(app),
        makeLook(app),
        makeRegions(app),
        makeTrain(app),
        makeFinish(app),
        makeStatus(app),
    ];
    return () => parts.forEach((refresh) => refresh());
}
/** Buttons with `data-command` run that command and get its title and key. */
function bindCommands(app) {
    for (const button of document.querySelectorAll("button[data-command]")) {
        const { title, keys, run } = command(button.dataset["command"] ?? "");
        const key = keys[0] ?? "";
        button.title = `${title} (${keyText(key)})`;
        if (button.classList.contains("icon"))
            button.ariaLabel = title;
        button.addEventListener("click", () => run(app, key));
    }
}
/** After a click or a drag with the pointer, keys belong to the canvas again: space must not press the last button. */
function returnFocus(app) {
    const toCanvas = () => app.viewer.canvas.focus({ preventScroll: true });
    document.addEventListener("click", (event) => {
        const button = event.target.closest("button, summary");
        if (button !== null && event.detail > 0 && !byId("help").open)
            toCanvas();
    });
    document.addEventListener("pointerup", (event) => {
        if (event.target instanceof HTMLInputElement && event.target.type === "range")
            toCanvas();
    });
}
function makeHeader(app) {
    const { name, shape, stack } = app.project;
    setText(byId("project"), name);
    byId("project").title = `${stack}\n${shape.join(" × ")} voxels (z, y, x)`;
    document.title = `${name} – annotate`;
    const words = { connecting: "connecting", open: "saved", gone: "not answering", taken: "open elsewhere" };
    return () => {
        const { connection } = app.session;
        const waiting = app.queue.length;
        const saving = connection === "open" && waiting > 0;
        byId("connection").dataset["state"] = saving ? "saving" : connection;
        const text = saving ? `saving ${waiting}` : words[connection];
        setText(byId("connection-text"), connection === "gone" && waiting > 0 ? `${text}, ${waiting} kept` : text);
        document.body.classList.toggle("narrow", !app.settings.panelOpen);
    };
}
function makeToolRow(app) {
    const buttons = [...document.querySelectorAll("#tools button")];
    for (const button of buttons)
        button.append(make("kbd", { textContent: keyText(command(button.dataset["command"] ?? "").keys[0] ?? "") }));
    // Sizes are even steps of their logarithm: small brushes need the finer choice.
    const radius = bindSlider("radius", () => Math.log2(app.settings.radius), (value) => app.set({ radius: Math.min(MAX_RADIUS, Math.max(MIN_RADIUS, 2 ** value)) }), (value) => radiusText(app, 2 ** value));
    const tolerance = bindSlider("tolerance", () => app.settings.tolerance, (value) => app.set({ tolerance: value }), (value) => `±${value} grey`);
    const strokes = ["brush", "background", "eraser"];
    return () => {
        for (const button of buttons)
            button.ariaPressed = String(button.dataset["command"] === app.tool);
        byId("undo").disabled = !app.state.can_undo && app.queue.length === 0;
        byId("redo").disabled = !app.state.can_redo && app.queue.length === 0;
        byId("radius-row").hidden = !strokes.includes(app.tool);
        byId("tolerance-row").hidden = app.tool !== "fill";
        app.viewer.canvas.dataset["pans"] = String(app.held || app.tool === "hand" || app.view.axis !== "xy");
        radius();
        tolerance();
        const hints = {
            polygon: "Click the corners. Enter, a double click or the first corner closes; Esc cancels.",
            region: "Drag a box in which everything is labelled. What is unpainted inside becomes background.",
            accept: "Click a suggested object that is right.",
            reject: "Click a suggested object that is wrong.",
            hand: "Drag to move the picture.",
        };
        setText(byId("tool-hint"), app.view.axis === "xy" ? (hints[app.tool] ?? "") : "Cuts are for looking. Switch to x-y to paint.");
    };
}
function radiusText(app, radius) {
    const diameter = 2 * radius;
    const nm = app.project.voxel_size_nm?.[2];
    const voxels = `${diameter < 10 ? diameter.toFixed(1) : Math.round(diameter)} px`;
    return nm === undefined ? voxels : `${voxels}, ${lengthText(diameter * nm)}`;
}
function makeClasses(app) {
    const list = byId("classes");
    rebuild(list, app.project.classes, () => app.project.classes.map((name, index) => classRow(app, name, index)));
    const rows = [...list.children];
    return () => rows.forEach((row, index) => showClass(app, row, index));
}
function classRow(app, name, index) {
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = classColour(index);
    const key = index < 9 ? make("kbd", { textContent: String(index + 1) }) : "";
    const choose = make("button", { className: "class", title: `Paint ${name} (${index + 1})` }, swatch, make("span", { className: "name", textContent: name }), make("span", { className: "count" }), key);
    choose.addEventListener("click", () => app.setClass(index));
    const slider = make("input", { type: "range", min: "0.02", max: "0.98", step: "0.01", title: `Threshold of the suggestions for ${name}`, ariaLabel: `Threshold of the suggestions for ${name}` });
    slider.addEventListener("input", () => app.setThreshold(name, slider.valueAsNumber));
    const threshold = make("label", { className: "slider" }, make("span", { textContent: "threshold" }), slider, make("output"));
    return make("li", {}, choose, threshold);
}
function showClass(app, row, index) {
    const name = app.project.classes[index] ?? "";
    const [choose, threshold] = [row.querySelector("button"), row.querySelector("label")];
    const [count, slider, output] = [row.querySelector(".count"), row.querySelector("input"), row.querySelector("output")];
    if (!choose || !threshold || !count || !slider || !output)
        return;
    choose.ariaPressed = String(index === app.classIndex);
    const sections = app.state.painted[name]?.length ?? 0;
    setText(count, sections === 0 ? "not painted" : `${sections} section${sections === 1 ? "" : "s"}`);
    threshold.hidden = !(app.source?.classes.includes(name) ?? false);
    const value = app.threshold(name);
    if (slider.valueAsNumber !== value)
        slider.valueAsNumber = value;
    setText(output, value.toFixed(2));
}
function makeSuggestions(app) {
    const select = byId("source");
    const shown = byId("show-suggestions");
    select.addEventListener("change", () => app.set({ source: select.value }));
    shown.addEventListener("change", () => app.set({ showSuggestions: shown.checked }));
    shown.title = command("suggestions").title + " (S)";
    const opacity = bindSlider("suggestion-opacity", () => app.settings.suggestionOpacity, (value) => app.set({ suggestionOpacity: value }), percent);
    return () => {
        const { sources, loading } = app.state;
        rebuild(select, sources.map(({ name, title }) => [name, title]), () => sources.map(({ name, title }) => make("option", { value: name, textContent: title })));
        if (app.source !== null)
            select.value = app.source.name;
        shown.checked = app.settings.showSuggestions;
        byId("with-source").hidden = sources.length === 0;
        byId("without-source").hidden = sources.length > 0 || loading;
        opacity();
    };
}
function makeLook(app) {
    const { settings } = app;
    const parts = [
        bindSlider("low", () => settings.low, (low) => app.set({ low, high: Math.max(settings.high, low + 1) }), String),
        bindSlider("high", () => settings.high, (high) => app.set({ high, low: Math.min(settings.low, high - 1) }), String),
        bindSlider("label-opacity", () => settings.labelOpacity, (value) => app.set({ labelOpacity: value }), percent),
        bindCheck("show-labels", "labels", () => settings.showLabels, (showLabels) => app.set({ showLabels })),
        bindCheck("outlines", "outlines", () => settings.outlines, (outlines) => app.set({ outlines })),
        bindCheck("show-background", "paper", () => settings.showBackground, (showBackground) => app.set({ showBackground })),
    ];
    byId("reset-contrast").addEventListener("click", () => app.set({ low: 0, high: 255 }));
    return () => parts.forEach((refresh) => refresh());
}
function bindCheck(id, commandId, read, write) {
    const box = byId(id);
    const { title, keys } = command(commandId);
    if (box.parentElement)
        box.parentElement.title = `${title} (${keyText(keys[0] ?? "")})`;
    box.addEventListener("change", () => write(box.checked));
    return () => {
        box.checked = read();
    };
}
