/**
 * The bar under the views: their arrangement, the section, the zoom; and what is under the pointer.
 */
import { byId, make, setText } from "../annotate/dom.js";
import type { App } from "./app.js";
import { cellText } from "./table.js";
import type { Voxel } from "./contract.js";
import type { Refresh } from "./panel.js";
import type { Layout } from "./scene.js";

const LAYOUTS: [Layout, name: string, title: string][] = [
  ["4panel-alt", "4", "Three cuts and the space"],
  ["xy-3d", "x-y + 3D", "Sections beside the space"],
  ["xy", "x-y", "Sections as they were imaged"],
  ["xz", "x-z", "Cuts along x and z"],
  ["yz", "y-z", "Cuts along y and z"],
  ["3d", "3D", "The space alone"],
];

export function makeBar(app: App): Refresh {
  const buttons = LAYOUTS.map(([layout, name, title]) => {
    const button = make("button", { textContent: name, title: `${title} (V)` });
    button.addEventListener("click", () => app.setLayout(layout));
    return button;
  });
  byId("layouts").replaceChildren(...buttons);
  const section = makeSection(app);
  const readout = makeReadout(app);
  return () => {
    LAYOUTS.forEach(([layout], i) => buttons[i]?.setAttribute("aria-pressed", String(app.scene.layout === layout)));
    setText(byId("zoom"), `${Math.round(100 / app.scene.place.scale)} %`);
    section();
    readout();
  };
}

function makeSection(app: App): Refresh {
  const slider = byId<HTMLInputElement>("section");
  const field = byId<HTMLInputElement>("section-number");
  const last = app.stack.shape[0] - 1;
  slider.max = field.max = String(last);
  setText(byId("section-count"), `of ${last}`);
  const go = (z: number): void => {
    if (Number.isInteger(z)) app.scene.step(z - Math.floor(app.scene.place.position[0]));
  };
  slider.addEventListener("input", () => go(slider.valueAsNumber));
  field.addEventListener("change", () => go(field.valueAsNumber));
  return () => {
    const z = Math.floor(app.scene.place.position[0]);
    if (slider.valueAsNumber !== z) slider.valueAsNumber = z;
    if (document.activeElement !== field && field.valueAsNumber !== z) field.valueAsNumber = z;
  };
}

/** Shows the place under the pointer and what layers have there; beside the views, the middle. */
function makeReadout(app: App): Refresh {
  let pointer: PointerEvent | null = null;
  const show = (): void => {
    // The picture moves under a pointer that rests.
    const pointed = pointer === null ? null : app.scene.voxelAt(pointer);
    const voxel = (pointed ?? app.scene.place.position).map(Math.floor) as Voxel;
    const values = app.stack.layers.map(({ name, kind }) => valueText(app, name, kind, voxel)).filter((text) => text !== "");
    setText(byId("readout"), [`z ${voxel[0]}  y ${voxel[1]}  x ${voxel[2]}`, ...values].join("   "));
  };
  const { container } = app.scene;
  container.addEventListener("pointermove", (event) => {
    pointer = event;
    show();
  });
  container.addEventListener("pointerleave", () => {
    pointer = null;
    show();
  });
  app.scene.onDrawn(show);
  return show;
}

function valueText(app: App, name: string, kind: string, voxel: Voxel): string {
  const value = app.scene.valueAt(name, voxel);
  if (value === null) return "";
  if (kind === "objects") return value === 0 ? "" : `object ${value}`;
  return kind === "image" ? `grey ${cellText(value)}` : "";
}
