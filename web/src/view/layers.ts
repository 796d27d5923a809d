/**
 * How each kind of layer looks in Neuroglancer: its specification and the shader, and the settings that a person changes.
 */
import type { LayerInfo } from "./contract.js";
import { sourceAddress } from "./server.js";

export interface LayerLook {
  visible: boolean;
  opacity: number;
  /** Values shown as black and white, of images. */
  range: [low: number, high: number];
  /** Probability from which a voxel is shown, of probabilities. */
  threshold: number;
  /** Colour of masks and probabilities, as #rrggbb. */
  colour: string;
}

/** Hues that stay apart for most people with colour blindness (Okabe and Ito 2008). */
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00"];

const IMAGE_SHADER = `#uicontrol invlerp grey
void main() { emitGrayscale(grey()); }
`;

/** A mask may be of any type, so that what is inside is asked of `invlerp`, which knows them all. */
const MASK_SHADER = `#uicontrol invlerp inside
#uicontrol vec3 tint color(default="#e69f00")
void main() {
  if (inside() > 0.0) emitRGB(tint);
  else emitTransparent();
}
`;

/** What is above the threshold is filled; the nearer a probability is to one, the brighter. */
const PROBABILITY_SHADER = `#uicontrol invlerp probability
#uicontrol float threshold slider(min=0, max=1, step=0.01, default=0.5)
#uicontrol vec3 tint color(default="#e69f00")
void main() {
  float p = probability();
  if (p < threshold || p <= 0.0) emitTransparent();
  else emitRGBA(vec4(tint, 0.5 + 0.5 * p));
}
`;

/** Objects beside the chosen ones are this much fainter. */
export const FAINT = 0.35;

/** Probabilities tint all that objects and masks show, so they wait where there is something else to see. */
export function firstLook(layers: LayerInfo[], index: number): LayerLook {
  const layer = layers[index]!;
  const hasOther = layers.some(({ kind }) => kind === "objects" || kind === "mask");
  return {
    visible: layer.kind !== "probabilities" || !hasOther,
    opacity: layer.kind === "image" ? 1 : 0.5,
    range: layer.range,
    threshold: layer.threshold ?? 0.5,
    colour: COLOURS[index % COLOURS.length] ?? "#e69f00",
  };
}

/** Returns a layer as Neuroglancer's state describes it. */
export function specification(layer: LayerInfo, look: LayerLook): object {
  const common = { name: layer.name, source: sourceAddress(layer.name, layer.revision), visible: look.visible };
  if (layer.kind === "objects") return { ...common, type: "segmentation", ...objectLook(look) };
  const { shader, shaderControls } = shaderOf(layer, look);
  return { ...common, type: "image", opacity: look.opacity, blend: "default", shader, shaderControls };
}

function objectLook({ opacity }: LayerLook): object {
  return { selectedAlpha: opacity, notSelectedAlpha: FAINT * opacity, objectAlpha: 1, hoverHighlight: false };
}

function shaderOf(layer: LayerInfo, look: LayerLook): { shader: string; shaderControls: object } {
  const { range, threshold, colour: tint } = look;
  switch (layer.kind) {
    case "probabilities":
      return { shader: PROBABILITY_SHADER, shaderControls: { probability: { range: layer.range }, threshold, tint } };
    case "mask":
      return { shader: MASK_SHADER, shaderControls: { inside: { range: [0, 1] }, tint } };
    default:
      return { shader: IMAGE_SHADER, shaderControls: { grey: { range } } };
  }
}

/** The parts of Neuroglancer's layers that are changed while they are shown. */
export interface ShownLayer {
  opacity?: { value: number };
  displayState?: {
    selectedAlpha: { value: number; changed: { dispatch(): void } };
    notSelectedAlpha: { value: number };
    segmentationColorGroupState: { value: { segmentColorHash: { computeCssColor(id: bigint): string; randomize(): void } } };
    segmentationGroupState: { value: { visibleSegments: Iterable<bigint> & { add(id: bigint): void; clear(): void } } };
  };
  shaderControlState?: { restoreState(controls: object): void };
  dataSources: { spec: { url: string } }[];
  getValueAt(position: Float32Array, picked: object): unknown;
}

/** Brings a layer that is shown to what a person set. */
export function applyLook(shown: ShownLayer, layer: LayerInfo, look: LayerLook): void {
  if (shown.displayState !== undefined) {
    shown.displayState.selectedAlpha.value = look.opacity;
    shown.displayState.notSelectedAlpha.value = FAINT * look.opacity;
    return;
  }
  if (shown.opacity !== undefined) shown.opacity.value = look.opacity;
  shown.shaderControlState?.restoreState(shaderOf(layer, look).shaderControls);
}
