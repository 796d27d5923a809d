/**
 * What page and server say to each other, as types.
 * Axes are [z, y, x] in voxels; points in a section are [y, x] with voxel centres at .5.
 */

export type Point = [y: number, x: number];
export type Voxel = [z: number, y: number, x: number];

export interface Box {
  start: Voxel;
  shape: Voxel;
}

export interface Region extends Box {
  name: string;
}

export interface Source {
  name: string;
  title: string;
  version: string;
  classes: string[];
  thresholds: Record<string, number>;
}

export interface CurvePoint {
  epoch: number;
  loss: number;
  network: string;
}

export interface Job {
  kind: "train" | "predict" | "measure" | "export";
  state: "running" | "done" | "failed" | "stopped";
  progress: number | null;
  line: string;
  message: string | null;
  curve: CurvePoint[];
  link: string | null;
}

export interface Score {
  class: string;
  /** None where neither label nor mask has a voxel. */
  dice: number | null;
  interval: [number, number] | null;
  /** Of the network that suggested when this one was trained, where it had learned from none of the regions. */
  before: number | null;
}

export interface Run {
  name: string;
  scores: Score[];
  in_use: boolean;
}

export interface State {
  revision: number;
  can_undo: boolean;
  can_redo: boolean;
  regions: Region[];
  /** Of each class, the sections with paint. */
  painted: Record<string, number[]>;
  sources: Source[];
  /** A network is being read, and may become a source in a moment. */
  loading: boolean;
  job: Job | null;
  runs: Run[];
  /** The prediction is measured, and its objects can be looked at. */
  has_objects: boolean;
  messages: string[];
}

export interface Project {
  name: string;
  stack: string;
  folder: string;
  shape: Voxel;
  voxel_size_nm: Voxel | null;
  voxel_type: string;
  tile: number;
  levels: number;
  cuts: boolean;
  classes: string[];
  /** The endings that labels are exported with. */
  exports: string[];
  state: State;
}

/** What a voxel of a class is: unknown, told to be background, told to be foreground. */
export const UNKNOWN = 0;
export const BACKGROUND = 1;
export const FOREGROUND = 2;
export type Paint = typeof UNKNOWN | typeof BACKGROUND | typeof FOREGROUND;

export interface Stroke {
  kind: "stroke";
  class: string;
  value: Paint;
  z: number;
  radius: number;
  points: Point[];
}

export interface Polygon {
  kind: "polygon";
  class: string;
  value: Paint;
  z: number;
  points: Point[];
}

/** A part of a source's suggestion that a person judges. */
export interface Suggested {
  source: string;
  class: string;
  threshold: number;
}

export type Action =
  | Stroke
  | Polygon
  | { kind: "fill"; class: string; value: Paint; z: number; point: Point; tolerance: number }
  | { kind: "interpolate"; class: string; from: number; to: number }
  | ({ kind: "region" } & Box)
  | { kind: "remove_region"; name: string }
  | ({ kind: "accept"; within: Box } & Suggested)
  | ({ kind: "accept" | "reject"; object: Voxel } & Suggested)
  | { kind: "undo" }
  | { kind: "redo" };

export interface ActionReply {
  state: State;
  changed: Box | null;
}

export interface Proposal extends Box {
  why: string;
}

/** Cuts through the volume; named by the axes that lie along columns and rows of the picture. */
export type Axis = "xy" | "xz" | "yz";

export interface TileAddress {
  axis: Axis;
  level: number;
  index: number;
  row: number;
  column: number;
}

export function contains(box: Box, [z, y, x]: Voxel): boolean {
  const [dz, dy, dx] = [z - box.start[0], y - box.start[1], x - box.start[2]];
  return dz >= 0 && dz < box.shape[0] && dy >= 0 && dy < box.shape[1] && dx >= 0 && dx < box.shape[2];
}
