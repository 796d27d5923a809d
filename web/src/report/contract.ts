/** What em-pipeline writes into a page as JSON: `crates/em-pipeline/src/report/charts.rs` and `sections.rs`. */

export interface Axis {
  title: string;
  /** Whether there is nothing between whole numbers. */
  whole: boolean;
  range: [number, number] | null;
}

export interface Series {
  name: string;
  points: [number, number | null][];
}

export interface Lines {
  kind: "lines";
  title: string;
  note: string;
  x: Axis;
  y: Axis;
  series: Series[];
  /** Places along x that are marked, with what they are. */
  marks: [number, string][];
  /** Whether the line of y = x is drawn. */
  diagonal: boolean;
}

export interface Bars {
  kind: "bars";
  title: string;
  note: string;
  axis: string;
  /** One more than there are bins; logarithms to base 10 where `by_powers` says so. */
  edges: number[];
  by_powers: boolean;
  series: [string, number[]][];
}

export type Chart = Lines | Bars;

export interface Layers {
  /** Runs, as `runs.ts` reads them. */
  label: string;
  prediction: string;
  ignored: string | null;
  iou: number | null;
}

export interface Section {
  number: number;
  name: string;
  /** First voxel within the volume, `[y, x]`. */
  start: [number, number];
  /** Pixels of the picture, `[y, x]`. */
  size: [number, number];
  /** Voxels along the edge of a pixel. */
  factor: number;
  /** The address of a JPEG. */
  picture: string;
  layers: Layers[];
}

export interface Sections {
  /** Edges of a voxel in nm, `[y, x]`. */
  pixel_nm: [number, number] | null;
  classes: string[];
  total: number;
  sections: Section[];
}

export interface Place {
  class: number;
  mistake: "wrong" | "missed";
  /** The section, among those of the page. */
  embedded: number;
  /** The box, `[y, x]` in voxels of the section. */
  start: [number, number];
  size: [number, number];
}

export interface PageData {
  charts: Record<string, Chart[]>;
  browser?: Sections | null;
  places?: Place[];
}
