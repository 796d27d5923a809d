/**
 * Neuroglancer as the page uses it: layers, where one looks, which objects are chosen, and what lies under the pointer.
 *
 * Neuroglancer counts axes [x, y, z]; here alone they are turned.
 */
import "neuroglancer/unstable/util/polyfills.js";
import "neuroglancer";
import { makeMinimalViewer } from "neuroglancer/unstable/ui/minimal_viewer.js";
import { disableContextMenu, disableWheel } from "neuroglancer/unstable/ui/disable_default_actions.js";
import type { Viewer } from "neuroglancer/unstable/viewer.js";
import { makeBindings } from "./bindings.js";
import type { LayerInfo, Stack, Voxel } from "./contract.js";
import { type LayerLook, type ShownLayer, applyLook, specification } from "./layers.js";
import { MARKS_LAYER } from "./marks.js";
import { outlines, teachOutlines } from "./outlines.js";
import { sourceAddress } from "./server.js";

/** Where one looks: the middle, the zoom of sections (voxels for each pixel) and that of the space (voxels over its height). */
export interface Place {
  position: Voxel;
  scale: number;
  spaceScale: number;
}

export type Layout = "4panel-alt" | "xy-3d" | "xy" | "xz" | "yz" | "3d";

/** A panel that shows a cut through the volume. */
interface SectionPanel {
  element: HTMLElement;
  sliceView: { projectionParameters: { value: { width: number; height: number; invViewMatrix: Float32Array; viewMatrix: Float32Array } } };
}

/** Chosen objects fill this share of a panel. */
const FILLED = 0.35;
/** The whole volume fills this share; nothing is shown smaller than it by itself. */
const WHOLE = 0.95;
/** An object of few voxels is not blown up until they are larger than this many pixels. */
const LARGEST_VOXEL_PIXELS = 8;
/** Keys move by this part of a panel. */
const PAN = 0.12;
/** The space is seen from a little above and beside, as a quaternion: straight from the front, bodies look flat. */
const TILTED = [0.3, -0.25, -0.08, 0.917];
const NM = 1e-9;

export class Scene {
  readonly viewer: Viewer;
  /** Size of a voxel in that of the finest axis, which is Neuroglancer's unit of zoom; [z, y, x]. */
  private readonly stretch: Voxel;
  private hasSurfaces = false;

  constructor(
    readonly container: HTMLElement,
    private readonly stack: Stack,
    looks: Map<string, LayerLook>,
  ) {
    teachOutlines();
    disableContextMenu();
    disableWheel();
    const finest = Math.min(...stack.voxel_size_nm);
    this.stretch = stack.voxel_size_nm.map((size) => size / finest) as Voxel;
    this.viewer = makeMinimalViewer({ target: container, inputEventBindings: makeBindings(), showLayerDialog: false, resetStateWhenEmpty: false, showTopBar: false, showUIControls: false, showLayerPanel: false, showPanelBorders: false } as object);
    this.viewer.state.restoreState(this.firstState(looks));
    this.container.querySelectorAll<HTMLElement>("canvas").forEach((canvas) => canvas.setAttribute("aria-hidden", "true"));
  }

  private firstState(looks: Map<string, LayerLook>): object {
    const [z, y, x] = this.stack.voxel_size_nm;
    const layers = this.stack.layers.map((layer) => specification(layer, looks.get(layer.name)!));
    const dimensions = { x: [x * NM, "m"], y: [y * NM, "m"], z: [z * NM, "m"] };
    const marks = { ...MARKS_LAYER, source: { url: "local://annotations", transform: { outputDimensions: dimensions } } };
    return {
      dimensions,
      layers: [...layers, marks],
      showSlices: true,
      showAxisLines: false,
      showDefaultAnnotations: false,
      hideCrossSectionBackground3D: true,
      showScaleBar: this.stack.voxel_size_known,
      projectionOrientation: TILTED,
      projectionBackgroundColor: "#101214",
      crossSectionBackgroundColor: "#000000",
      layout: "xy",
    };
  }

  /** Calls back after the middle, the zoom or the layout changed. */
  onMoved(moved: () => void): void {
    const { navigationState, perspectiveNavigationState, layout } = this.viewer;
    for (const { changed } of [navigationState, perspectiveNavigationState, layout]) changed.add(moved);
  }

  /** Calls back after each picture: values under the pointer come with the chunks. */
  onDrawn(drawn: () => void): void {
    this.viewer.display.updateFinished.add(drawn);
  }

  shown(layer: string): ShownLayer | null {
    return (this.viewer.layerManager.getLayerByName(layer)?.layer ?? null) as ShownLayer | null;
  }

  setLook(layer: LayerInfo, look: LayerLook): void {
    this.viewer.layerManager.getLayerByName(layer.name)?.setVisible(look.visible);
    const shown = this.shown(layer.name);
    if (shown !== null) applyLook(shown, layer, look);
  }

  setOutlines(on: boolean): void {
    outlines.value = on;
    // Neuroglancer draws a section anew only where something of its layer changed.
    for (const { name } of this.stack.layers) this.shown(name)?.displayState?.selectedAlpha.changed.dispatch();
  }

  /** Shows a layer as it is after an edit. */
  setRevision(layer: string, revision: number): void {
    const [source] = this.shown(layer)?.dataSources ?? [];
    if (source !== undefined) source.spec = { ...source.spec, url: sourceAddress(layer, revision) };
  }

  /** Chosen objects are stronger than the others and appear in space. */
  choose(layer: string, objects: number[]): void {
    const visible = this.shown(layer)?.displayState?.segmentationGroupState.value.visibleSegments;
    if (visible === undefined) return;
    visible.clear();
    objects.forEach((object) => visible.add(BigInt(object)));
    const hasSurfaces = objects.length > 0;
    // Cuts show where one is in an empty space, and would hide surfaces; what a person set beside that stays.
    if (hasSurfaces !== this.hasSurfaces) this.viewer.showPerspectiveSliceViews.value = !hasSurfaces;
    this.hasSurfaces = hasSurfaces;
  }

  colourOf(layer: string, object: number): string {
    return this.shown(layer)?.displayState?.segmentationColorGroupState.value.segmentColorHash.computeCssColor(BigInt(object)) ?? "transparent";
  }

  recolour(layer: string): void {
    this.shown(layer)?.displayState?.segmentationColorGroupState.value.segmentColorHash.randomize();
  }

  get place(): Place {
    const { position, crossSectionScale, projectionScale } = this.viewer;
    return { position: turned(position.value), scale: crossSectionScale.value, spaceScale: projectionScale.value };
  }

  set place({ position, scale, spaceScale }: Place) {
    // Unlike a plain position, a restored one is kept where no layer has come yet to tell what the axes are.
    this.viewer.position.restoreState(turned(position));
    this.viewer.crossSectionScale.value = scale;
    this.viewer.projectionScale.value = spaceScale;
  }

  get layout(): Layout {
    return this.viewer.layout.toJSON() as Layout;
  }

  set layout(layout: Layout) {
    this.viewer.layout.restoreState(layout);
  }

  /** Moves along z, or zooms: what keys do. */
  step(sections: number): void {
    const { position, ...rest } = this.place;
    const z = Math.min(this.stack.shape[0] - 0.5, Math.max(0.5, position[0] + sections));
    this.place = { position: [z, position[1], position[2]], ...rest };
  }

  zoom(factor: number): void {
    const { position, scale, spaceScale } = this.place;
    this.place = { position, scale: scale * factor, spaceScale: spaceScale * factor };
  }

  /** Moves by a part of what is seen, to the right and down in the first section. */
  pan(right: number, down: number): void {
    const [panel] = this.sections();
    if (panel === undefined) return;
    const { width, height, invViewMatrix: m } = panel.sliceView.projectionParameters.value;
    const [u, v] = [right * width * PAN, down * height * PAN];
    const moved = [0, 1, 2].map((axis) => m[axis]! * u + m[4 + axis]! * v);
    const { position, ...rest } = this.place;
    this.place = { position: position.map((at, axis) => at + turned(moved)[axis]!) as Voxel, ...rest };
  }

  /** Shows or hides Neuroglancer's own bars, for what this page does not offer. */
  toggleControls(): void {
    const { showTopBar, showUIControls, showLayerPanel } = this.viewer.uiConfiguration;
    const shown = !showTopBar.value;
    for (const part of [showTopBar, showUIControls, showLayerPanel]) part.value = shown;
  }

  /** Shows the whole volume. */
  fit(): void {
    const { shape } = this.stack;
    this.show(shape.map((size) => size / 2) as Voxel, [0, 0, 0], shape, WHOLE);
  }

  /** Looks at a place at a zoom where the box fits in. */
  show(position: Voxel, start: Voxel, end: Voxel, filled = FILLED): void {
    const size = this.stretch.map((stretch, axis) => stretch * ((end[axis] ?? 0) - (start[axis] ?? 0)));
    const [depth = 0, height = 0, width = 0] = size;
    const { clientWidth, clientHeight } = this.sections()[0]?.element ?? this.container;
    const narrow = Math.max(1, clientHeight / clientWidth);
    const [, most = 0, mostAcross = 0] = this.stretch.map((stretch, axis) => stretch * (this.stack.shape[axis] ?? 0));
    const whole = Math.max(most / clientHeight, mostAcross / clientWidth) / WHOLE;
    const fitting = Math.min(whole, Math.max(height / clientHeight, width / clientWidth) / filled);
    this.place = {
      position: position.map((at) => Math.floor(at) + 0.5) as Voxel,
      scale: Math.max(fitting, 1 / LARGEST_VOXEL_PIXELS),
      spaceScale: (narrow * Math.hypot(depth, height, width)) / Math.min(1.1, 2.6 * filled),
    };
  }

  /** The place in the volume under the pointer, in a panel that shows a cut; null elsewhere. */
  voxelAt(event: MouseEvent, panel = this.sections().find(({ element }) => element === event.target)): Voxel | null {
    if (panel === undefined) return null;
    const { left, top } = panel.element.getBoundingClientRect();
    const { width, height, invViewMatrix: m } = panel.sliceView.projectionParameters.value;
    const [u, v] = [event.clientX - left - width / 2, event.clientY - top - height / 2];
    return turned([0, 1, 2].map((axis) => m[axis]! * u + m[4 + axis]! * v + m[12 + axis]!));
  }

  /** Where a voxel is in the window, in the first panel that shows a cut. */
  screenOf(voxel: Voxel): [cx: number, cy: number] {
    const [panel] = this.sections();
    if (panel === undefined) throw new Error("no section is shown");
    const { left, top } = panel.element.getBoundingClientRect();
    const { width, height, viewMatrix: m } = panel.sliceView.projectionParameters.value;
    const [x, y, z] = turned(voxel);
    const [u, v] = [0, 1].map((row) => m[row]! * x + m[4 + row]! * y + m[8 + row]! * z + m[12 + row]!);
    return [left + width / 2 + u!, top + height / 2 + v!];
  }

  /** The panel under the pointer where it shows sections as they were imaged. */
  sectionPanelAt(event: MouseEvent): SectionPanel | null {
    const panel = this.sections().find(({ element }) => element === event.target);
    const m = panel?.sliceView.projectionParameters.value.invViewMatrix;
    const isFlat = m !== undefined && Math.abs(m[2]!) + Math.abs(m[6]!) < 1e-6 * (Math.abs(m[0]!) + Math.abs(m[1]!));
    return isFlat ? panel! : null;
  }

  /** The object of a layer under the pointer: as the section shows it, or whose surface is there. */
  objectAt(layer: string, event: MouseEvent): number | null {
    const shown = this.shown(layer);
    const voxel = this.voxelAt(event);
    if (shown === null) return null;
    const { mouseState } = this.viewer;
    const picked = voxel === null ? mouseState : { pickedRenderLayer: null };
    const position = voxel === null ? mouseState.position : Float32Array.from(turned(voxel));
    const value = voxel === null && mouseState.pickedRenderLayer === null ? null : shown.getValueAt(position, picked);
    const object = value === null || value === undefined ? 0 : Number(value);
    return Number.isInteger(object) && object > 0 ? object : null;
  }

  /** What a layer shows at a place: a number, or null where nothing is loaded. */
  valueAt(layer: string, voxel: Voxel): number | null {
    const value = this.shown(layer)?.getValueAt(Float32Array.from(turned(voxel)), { pickedRenderLayer: null });
    return value === null || value === undefined || Number.isNaN(Number(value)) ? null : Number(value);
  }

  /** Whether all that is visible has been loaded and drawn. */
  get isReady(): boolean {
    return this.viewer.isReady();
  }

  private sections(): SectionPanel[] {
    const panels = [...this.viewer.display.panels] as unknown as SectionPanel[];
    return panels.filter((panel) => panel.sliceView !== undefined && panel.element.isConnected);
  }
}

/** [z, y, x] from [x, y, z], and back. */
function turned(position: ArrayLike<number>): Voxel {
  return [position[2] ?? 0, position[1] ?? 0, position[0] ?? 0];
}
