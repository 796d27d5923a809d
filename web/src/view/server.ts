/**
 * The questions that view asks its server.
 */
import { client, getJson, post } from "../annotate/request.js";
import type { Edit, EditLog, EditReply, ObjectTable, Stack, Voxel } from "./contract.js";

/** A heartbeat that takes longer than this counts as a server that does not answer. */
const HEARTBEAT_TIMEOUT_MS = 5_000;
/** Parting or filling an object of a large volume reads all of its box. */
const EDIT_TIMEOUT_MS = 120_000;

const of = (layer: string): string => encodeURIComponent(layer);

export const server = {
  stack: () => getJson<Stack>("api/view"),
  objects: (layer: string) => getJson<ObjectTable>(`api/objects/${of(layer)}`),
  /** The value of a voxel in each layer. */
  values: ([z, y, x]: Voxel) => getJson<{ values: Record<string, number | null> }>(`api/value/${z}/${y}/${x}`),
  session: () => post<unknown>("api/session", {}, HEARTBEAT_TIMEOUT_MS),
  edit: (layer: string, id: string, edit: Edit, labels: string) => post<EditReply>(`api/edits/${of(layer)}`, { id, edit, labels }, EDIT_TIMEOUT_MS),
  edits: (layer: string) => getJson<EditLog>(`api/edits/${of(layer)}`),
  save: (layer: string) => post<{ paths: string[]; message: string | null }>(`api/edits/${of(layer)}/save`, {}),
  region: (layer: string, object: number) => post<{ message: string }>(`api/edits/${of(layer)}/region`, { object }),

  /** Tells that this window closes; works while the page is being left. */
  end(): void {
    const body = new Blob([JSON.stringify({ client })], { type: "application/json" });
    navigator.sendBeacon("api/session/end", body);
  },
};

/** Where Neuroglancer finds a layer; each revision has an address of its own, so that no old chunk is shown after an edit. */
export function sourceAddress(layer: string, revision: number): string {
  return `precomputed://${new URL(`data/${of(layer)}/${revision}`, document.baseURI).href}`;
}
