/**
 * The objects of a layer: their rows, in the order and choice that the table shows.
 */
import type { Cell, EditReply, ObjectTable, Voxel } from "./contract.js";
import { FilterError, type Test, parseFilter } from "./filter.js";

export interface Order {
  column: string;
  descending: boolean;
}

export class Objects {
  columns: string[] = [];
  /** Numbers of the objects that the filter lets through, in order. */
  shown: number[] = [];
  /** Why the filter makes no sense; null where it does. */
  complaint: string | null = null;
  order: Order = { column: "id", descending: false };
  private rows = new Map<number, Cell[]>();
  private positions = new Map<number, number>();
  private filter = "";
  private idColumn = 0;

  /** Takes the server's table; doubt comes first where the server tells it. */
  fill({ columns, rows }: ObjectTable): void {
    const isNew = this.columns.join() !== columns.join();
    this.columns = columns;
    this.idColumn = columns.indexOf("id");
    this.rows = new Map(rows.map((row) => [Number(row[this.idColumn]), row]));
    if (isNew) this.order = columns.includes("doubt") ? { column: "doubt", descending: true } : { column: "id", descending: false };
    this.arrange();
  }

  /** Takes what an edit changed. */
  apply({ removed, rows }: EditReply): void {
    removed.forEach((id) => this.rows.delete(id));
    rows.forEach((row) => this.rows.set(Number(row[this.idColumn]), row));
    this.arrange();
  }

  setFilter(text: string): void {
    this.filter = text;
    this.arrange();
  }

  /** Sorts by a column; by the same column again, the other way round. */
  sortBy(column: string): void {
    const isSame = this.order.column === column;
    // What is large is looked for, but numbers of objects and words go up.
    const descending = column !== "id" && typeof this.firstCell(column) !== "string";
    this.order = { column, descending: isSame ? !this.order.descending : descending };
    this.arrange();
  }

  get count(): number {
    return this.rows.size;
  }

  has(id: number): boolean {
    return this.rows.has(id);
  }

  cell(id: number, column: string): Cell {
    return this.rows.get(id)?.[this.columns.indexOf(column)] ?? null;
  }

  number(id: number, column: string): number | null {
    const cell = this.cell(id, column);
    return typeof cell === "number" ? cell : null;
  }

  /** The place of an object in the table, or -1. */
  positionOf(id: number): number {
    return this.positions.get(id) ?? -1;
  }

  /** A point given by three columns such as centroid_z, centroid_y, centroid_x. */
  point(id: number, name: string): Voxel | null {
    const [z, y, x] = ["z", "y", "x"].map((axis) => this.number(id, `${name}_${axis}`));
    return z != null && y != null && x != null ? [z, y, x] : null;
  }

  /** The object that comes after another in the order of doubt, without those that were judged; after the last, the first. */
  nextDoubtful(after: number | null, isJudged: (id: number) => boolean): number | null {
    const open = [...this.rows.keys()].filter((id) => id !== after && this.number(id, "doubt") !== null && this.cell(id, "kept") !== true && !isJudged(id));
    const rank = (id: number): [number, number] => [-(this.number(id, "doubt") ?? 0), id];
    const isBefore = (a: number, b: number): boolean => rank(a)[0] < rank(b)[0] || (rank(a)[0] === rank(b)[0] && a < b);
    const first = (ids: number[]): number | null => ids.reduce<number | null>((best, id) => (best === null || isBefore(id, best) ? id : best), null);
    return first(after === null ? open : open.filter((id) => isBefore(after, id))) ?? first(open);
  }

  private arrange(): void {
    const test = this.test();
    const column = Math.max(0, this.columns.indexOf(this.order.column));
    const sign = this.order.descending ? -1 : 1;
    const kept = [...this.rows].filter(([, row]) => test(row));
    kept.sort(([a, left], [b, right]) => compare(left[column], right[column], sign) || a - b);
    this.shown = kept.map(([id]) => id);
    this.positions = new Map(this.shown.map((id, i) => [id, i]));
  }

  /** The filter; where it makes no sense, everything. */
  private test(): Test {
    this.complaint = null;
    try {
      return parseFilter(this.filter, this.columns);
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      this.complaint = error.message;
      return () => true;
    }
  }

  private firstCell(column: string): Cell {
    const [first] = this.rows.keys();
    return first === undefined ? null : this.cell(first, column);
  }
}

/** Cells in order; what is not known comes last, whichever way the column is sorted. */
function compare(left: Cell | undefined, right: Cell | undefined, sign: number): number {
  const [noLeft, noRight] = [left === null || left === undefined || left === "", right === null || right === undefined || right === ""];
  if (noLeft || noRight) return Number(noLeft) - Number(noRight);
  if (typeof left === "string" && typeof right === "string") return sign * left.localeCompare(right);
  return sign * (Number(left) - Number(right));
}
