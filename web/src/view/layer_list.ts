/**
 * The list of layers: what is visible, how strong, with which contrast, from which probability on, in which colour.
 */
import { byId, make, percent, setText } from "../annotate/dom.js";
import type { App } from "./app.js";
import { command } from "./commands.js";
import type { LayerInfo } from "./contract.js";
import type { LayerLook } from "./layers.js";
import type { Refresh } from "./panel.js";
import { lookOf } from "./settings.js";

const KINDS: Record<LayerInfo["kind"], string> = { image: "image", objects: "objects", mask: "mask", probabilities: "probabilities" };
const RANGE_STEPS = 255;

export function makeLayers(app: App): Refresh {
  const rows = app.stack.layers.map((layer) => makeRow(app, layer));
  byId("layers").replaceChildren(...rows.map(({ element }) => element));
  return () => rows.forEach(({ refresh }) => refresh());
}

interface Part {
  element: HTMLElement;
  refresh: Refresh;
}

function makeRow(app: App, layer: LayerInfo): Part {
  const name = nameRow(app, layer);
  const sliders = slidersOf(app, layer);
  const element = make("li", {}, name.element, make("div", { className: "layer-sliders" }, ...sliders.map((slider) => slider.element)));
  return { element, refresh: () => [name, ...sliders].forEach((part) => part.refresh()) };
}

function nameRow(app: App, layer: LayerInfo): Part {
  const box = make("input", { type: "checkbox" });
  box.addEventListener("change", () => app.setLook(layer, { visible: box.checked }));
  const text = make("span", { textContent: layer.name, title: layer.name });
  const extras = layer.kind === "objects" ? objectButtons(app, layer) : [];
  const colour = layer.kind === "mask" || layer.kind === "probabilities" ? colourField(app, layer) : null;
  const badge = make("span", { className: "badge", textContent: KINDS[layer.kind] });
  const element = make("div", { className: "layer-name" }, make("label", {}, box, text), ...extras, ...(colour === null ? [] : [colour]), badge);
  return {
    element,
    refresh: () => {
      box.checked = lookOf(app.settings, layer).visible;
      if (colour !== null) colour.value = lookOf(app.settings, layer).colour;
      extras[0]?.setAttribute("aria-pressed", String(app.settings.outlines));
    },
  };
}

function objectButtons(app: App, layer: LayerInfo): HTMLButtonElement[] {
  const outlines = make("button", { textContent: "Outlines", title: `${command("outlines").title} (O)` });
  outlines.addEventListener("click", () => command("outlines").run(app));
  const colours = make("button", { textContent: "Colours", title: `${command("colours").title} (L)` });
  colours.addEventListener("click", () => {
    app.scene.recolour(layer.name);
    app.changed();
  });
  return [outlines, colours];
}

function colourField(app: App, layer: LayerInfo): HTMLInputElement {
  const field = make("input", { type: "color", ariaLabel: `Colour of ${layer.name}`, title: "Colour" });
  field.addEventListener("input", () => app.setLook(layer, { colour: field.value }));
  return field;
}

function slidersOf(app: App, layer: LayerInfo): Part[] {
  const opacity = slider(app, layer, { name: "opacity", from: 0, to: 1, step: 0.01, read: (look) => look.opacity, write: (value) => ({ opacity: value }), text: percent });
  const [low, high] = layer.range;
  const step = Number.isInteger(high - low) && high - low >= RANGE_STEPS ? Math.max(1, Math.round((high - low) / RANGE_STEPS)) : (high - low) / RANGE_STEPS;
  const range = { from: low, to: high, step, text: grey };
  switch (layer.kind) {
    case "image":
      return [
        slider(app, layer, { ...range, name: "black at", read: (look) => look.range[0], write: (value, look) => ({ range: [Math.min(value, look.range[1] - step), look.range[1]] }) }),
        slider(app, layer, { ...range, name: "white at", read: (look) => look.range[1], write: (value, look) => ({ range: [look.range[0], Math.max(value, look.range[0] + step)] }) }),
      ];
    case "probabilities":
      return [opacity, slider(app, layer, { name: "from", label: "threshold", from: 0, to: 1, step: 0.01, read: (look) => look.threshold, write: (threshold) => ({ threshold }), text: percent })];
    default:
      return [opacity];
  }
}

interface SliderConfig {
  name: string;
  /** What the slider is called where `name` is short. */
  label?: string;
  from: number;
  to: number;
  step: number;
  read(look: LayerLook): number;
  write(value: number, look: LayerLook): Partial<LayerLook>;
  text(value: number): string;
}

function slider(app: App, layer: LayerInfo, config: SliderConfig): Part {
  const { from, to, step } = config;
  const input = make("input", { type: "range", min: String(from), max: String(to), step: String(step), ariaLabel: `${config.label ?? config.name} of ${layer.name}` });
  const output = make("output");
  input.addEventListener("input", () => app.setLook(layer, config.write(input.valueAsNumber, lookOf(app.settings, layer))));
  return {
    element: make("label", { className: "slider" }, make("span", { textContent: config.name }), input, output),
    refresh: () => {
      const value = config.read(lookOf(app.settings, layer));
      if (input.valueAsNumber !== value) input.valueAsNumber = value;
      setText(output, config.text(value));
    },
  };
}

function grey(value: number): string {
  return Math.abs(value) >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toPrecision(3);
}
