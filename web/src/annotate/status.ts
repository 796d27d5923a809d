/**
 * The bar under the picture: axis, section slider with marks at regions, zoom, position and grey value.
 */
import type { App } from "./app.js";
import type { Axis, Voxel } from "./contract.js";
import { byId, rebuild, setText, svg } from "./dom.js";
import { server } from "./server.js";

const VALUE_DELAY_MS = 120;
const SECTION_NAMES: Record<Axis, string> = { xy: "z", xz: "y", yz: "x" };

export function makeStatus(app: App): () => void {
  const parts = [makeAxes(app), makeSections(app), makePosition(app)];
  return () => {
    parts.forEach((refresh) => refresh());
    byId("loading").hidden = !app.viewer.incomplete;
    setText(byId("zoom"), zoomText(app.view.zoom));
  };
}

function makeAxes(app: App): () => void {
  const buttons = [...document.querySelectorAll<HTMLButtonElement>("#axes button")];
  byId("axes").hidden = !app.project.cuts;
  for (const button of buttons) button.addEventListener("click", () => app.setAxis(button.dataset["axis"] as Axis));
  return () => {
    for (const button of buttons) button.ariaPressed = String(button.dataset["axis"] === app.view.axis);
  };
}

function makeSections(app: App): () => void {
  const slider = byId<HTMLInputElement>("section");
  const number = byId<HTMLInputElement>("section-number");
  slider.addEventListener("input", () => app.showSection(slider.valueAsNumber));
  number.addEventListener("change", () => {
    if (Number.isFinite(number.valueAsNumber)) app.showSection(Math.round(number.valueAsNumber));
  });
  return () => {
    const { index, sections, axis } = app.view;
    slider.max = number.max = String(sections - 1);
    slider.valueAsNumber = index;
    if (document.activeElement !== number) number.valueAsNumber = index;
    setText(byId("section-name"), SECTION_NAMES[axis]);
    setText(byId("section-count"), `/ ${sections - 1}`);
    rebuild(byId("marks"), [axis, sections, marked(app)], () => [marks(marked(app), sections)]);
  };
}

/** Sections that have a region, in the x-y view. */
function marked(app: App): number[] {
  if (app.view.axis !== "xy") return [];
  const found = app.state.regions.flatMap(({ start, shape }) => Array.from({ length: shape[0] }, (_, i) => start[0] + i));
  return [...new Set(found)].sort((a, b) => a - b);
}

function marks(indices: number[], sections: number): SVGElement {
  const at = (index: number): number => (100 * index) / Math.max(1, sections - 1);
  const lines = indices.map((index) => svg("line", { x1: at(index), x2: at(index), y1: 0, y2: 6 }));
  return svg("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" }, ...lines);
}

function makePosition(app: App): () => void {
  let asked = "";
  let timer = 0;
  return () => {
    const hover = app.pointer.hover;
    const voxel = hover && app.view.voxelAt(...hover);
    const key = String(voxel);
    if (key === asked) return;
    asked = key;
    clearTimeout(timer);
    byId("readout").hidden = voxel === null;
    if (voxel !== null) setText(byId("position"), positionText(app, voxel));
    setText(byId("value"), "");
    if (voxel !== null) timer = setTimeout(() => void showValue(voxel, () => asked === key), VALUE_DELAY_MS);
  };
}

/** Shows the grey value, unless the pointer has moved on. */
async function showValue(voxel: Voxel, current: () => boolean): Promise<void> {
  const answer = await server.value(voxel).catch(() => null);
  if (answer !== null && answer.value !== null && current()) setText(byId("value"), `value ${answer.value}`);
}

function positionText(app: App, voxel: Voxel): string {
  const voxels = `z ${voxel[0]}  y ${voxel[1]}  x ${voxel[2]}`;
  const size = app.project.voxel_size_nm;
  if (size === null) return voxels;
  const micrometres = voxel.map((position, axis) => (((position + 0.5) * (size[axis] as number)) / 1000).toFixed(2));
  return `${voxels}   ${micrometres.join(", ")} µm`;
}

function zoomText(zoom: number): string {
  return zoom < 0.1 ? `${(zoom * 100).toFixed(1)} %` : `${Math.round(zoom * 100)} %`;
}
