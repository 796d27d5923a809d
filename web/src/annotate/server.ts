/**
 * The questions that annotate asks its server.
 */
import type { Action, ActionReply, Project, Proposal, State, TileAddress } from "./contract.js";
import { client, getJson, post, request } from "./request.js";

/** A heartbeat that takes longer than this counts as a server that does not answer. */
const HEARTBEAT_TIMEOUT_MS = 5_000;
/** Accepting a large region may compute suggestions first, so actions are given long. */
const ACTION_TIMEOUT_MS = 60_000;

export const server = {
  project: () => getJson<Project>("api/project"),
  session: () => post<State>("api/session", {}, HEARTBEAT_TIMEOUT_MS),
  act: (id: string, action: Action) => post<ActionReply>("api/actions", { id, action }, ACTION_TIMEOUT_MS),
  next: () => post<Proposal>("api/next", {}),
  train: () => post<State>("api/train", {}),
  use: (run: string | null) => post<State>("api/use", { run }),
  predict: () => post<State>("api/predict", {}),
  measure: () => post<State>("api/measure", {}),
  export: (name: string, ending: string) => post<State>("api/export", { class: name, ending }),
  stop: () => post<State>("api/stop", {}),
  value: ([z, y, x]: readonly number[]) => getJson<{ value: number | null }>(`api/value/${z}/${y}/${x}`),

  /** Tells that this window closes; works while the page is being left. */
  end(): void {
    const body = new Blob([JSON.stringify({ client })], { type: "application/json" });
    navigator.sendBeacon("api/session/end", body);
  },

  async picture(tile: TileAddress, signal: AbortSignal): Promise<Blob> {
    const path = `api/raw/${tile.axis}/${tile.level}/${tile.index}/${tile.row}/${tile.column}`;
    return (await request(path, { signal })).blob();
  },
  labels: (tile: TileAddress, revision: number, signal: AbortSignal) =>
    planes(`api/labels/${section(tile)}?revision=${revision}`, signal),
  suggestions: (source: string, version: string, tile: TileAddress, signal: AbortSignal) =>
    planes(`api/suggestions/${encodeURIComponent(source)}/${section(tile)}?version=${encodeURIComponent(version)}`, signal),
};

/** One plane of bytes for each class. */
export interface Planes {
  data: Uint8Array;
  classes: number;
  height: number;
  width: number;
}

function section(tile: TileAddress): string {
  return `${tile.level}/${tile.index}/${tile.row}/${tile.column}`;
}

async function planes(path: string, signal: AbortSignal): Promise<Planes> {
  const response = await request(path, { signal });
  const [classes = 0, height = 0, width = 0] = (response.headers.get("X-Shape") ?? "").split(",").map(Number);
  const data = new Uint8Array(await response.arrayBuffer());
  if (data.length !== classes * height * width) {
    throw new Error(`${path} has ${data.length} bytes, expected ${classes}x${height}x${width}`);
  }
  return { data, classes, height, width };
}
