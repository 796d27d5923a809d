/**
 * What a person sets about the page itself. Kept by the browser for each stack.
 */
import type { LayerInfo, Stack } from "./contract.js";
import { type LayerLook, firstLook } from "./layers.js";

export interface Settings {
  panelOpen: boolean;
  outlines: boolean;
  /** Columns of the table; null for those that the page chooses. */
  columns: string[] | null;
  /** Half the width of a painted cut in voxels. */
  cutRadius: number;
  looks: Record<string, LayerLook>;
}

export function loadSettings(stack: Stack): Settings {
  const first: Settings = { panelOpen: true, outlines: false, columns: null, cutRadius: 2, looks: {} };
  const kept = { ...first, ...read(key(stack)) };
  const looks = stack.layers.map((layer, i): [string, LayerLook] => [layer.name, { ...firstLook(stack.layers, i), ...kept.looks[layer.name] }]);
  return { ...kept, looks: Object.fromEntries(looks) };
}

export function saveSettings(stack: Stack, settings: Settings): void {
  try {
    localStorage.setItem(key(stack), JSON.stringify(settings));
  } catch {
    // The browser's store is full or closed: the page works without it.
  }
}

export function lookOf(settings: Settings, layer: LayerInfo): LayerLook {
  const look = settings.looks[layer.name];
  if (look === undefined) throw new Error(`there is no layer "${layer.name}"`);
  return look;
}

/** Layers may change from one start to the next, so they are part of what the settings belong to. */
function key({ name, shape, layers }: Stack): string {
  return `view ${name} ${shape.join("x")} ${layers.map((layer) => layer.name).join(",")}`;
}

function read(from: string): Partial<Settings> {
  try {
    return JSON.parse(localStorage.getItem(from) ?? "{}") as Partial<Settings>;
  } catch {
    return {};
  }
}
