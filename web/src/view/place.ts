/**
 * Where one looks and what is chosen, in the page's address, so that a reload or a bookmark returns.
 */
import type { Voxel } from "./contract.js";
import type { Layout, Place } from "./scene.js";

export interface Kept {
  place: Place | null;
  layout: Layout | null;
  layer: string | null;
  objects: number[];
}

const LAYOUTS: Layout[] = ["4panel-alt", "xy-3d", "xy", "xz", "yz", "3d"];

export function readAddress(hash: string): Kept {
  const kept = new URLSearchParams(hash.replace(/^#/, ""));
  const numbers = (kept.get("at") ?? "").split(",").map(Number);
  const [z, y, x, scale, spaceScale] = numbers;
  const isPlace = numbers.length === 5 && numbers.every(Number.isFinite) && scale! > 0 && spaceScale! > 0;
  const layout = LAYOUTS.find((name) => name === kept.get("layout")) ?? null;
  const objects = (kept.get("objects") ?? "").split(",").map(Number).filter((id) => Number.isInteger(id) && id > 0);
  const position = [z, y, x] as Voxel;
  return { place: isPlace ? { position, scale: scale!, spaceScale: spaceScale! } : null, layout, layer: kept.get("layer"), objects };
}

export function writeAddress({ place, layout, layer, objects }: Kept): void {
  const kept = new URLSearchParams();
  if (place !== null) kept.set("at", [...place.position, place.scale, place.spaceScale].map((value) => Number(value.toPrecision(6))).join(","));
  if (layout !== null) kept.set("layout", layout);
  if (layer !== null) kept.set("layer", layer);
  if (objects.length > 0) kept.set("objects", objects.join(","));
  history.replaceState(null, "", `#${kept.toString().replaceAll("%2C", ",")}`);
}
