/**
 * What the page of `em-cli view` and its server say to each other. Axes are [z, y, x], positions are voxels.
 */

export type Voxel = [z: number, y: number, x: number];

export interface Stack {
  name: string;
  shape: Voxel;
  voxel_size_nm: Voxel;
  voxel_size_known: boolean;
  layers: LayerInfo[];
  /** Corrected objects can become reviewed regions of an annotation project. */
  is_project: boolean;
}

export interface LayerInfo {
  name: string;
  kind: "image" | "objects" | "mask" | "probabilities";
  type: string;
  /** Values to be shown as black and white; of probabilities, those that mean 0 and 1. */
  range: [low: number, high: number];
  revision: number;
  has_table: boolean;
  can_correct: boolean;
  threshold: number | null;
}

export type Cell = number | string | boolean | null;

/** The table of a layer's objects, as `objects.csv` has it, and how far measuring them is; it may be there before doubts are. */
export interface ObjectTable {
  state: "ready" | "measuring" | "failed";
  progress: number;
  message: string | null;
  columns: string[];
  rows: Cell[][];
  revision: number;
  /** Tells these labels from others of the same name; null while they are measured. */
  labels: string | null;
}

export type Edit =
  | { kind: "delete" | "keep" | "fill"; object: number }
  | { kind: "merge"; objects: [number, number] }
  | { kind: "split"; object: number; points: Voxel[] }
  | { kind: "cut"; object: number; z: number; radius: number; points: [y: number, x: number][] }
  | { kind: "undo" | "redo" };

export interface EditReply {
  revision: number;
  can_undo: boolean;
  can_redo: boolean;
  removed: number[];
  /** New and changed objects, whole rows. */
  rows: Cell[][];
  message: string | null;
}

export interface EditLog {
  edits: { number: number; time: string; text: string; counts: boolean }[];
  can_undo: boolean;
  can_redo: boolean;
}
