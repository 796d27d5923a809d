/**
 * The table of objects: only the rows in sight are elements, so that a hundred thousand rows scroll as sixty do.
 */
import { make } from "../annotate/dom.js";
import type { Cell } from "./contract.js";
import type { Objects } from "./objects.js";

export interface TableEvents {
  /** A row was chosen; `adding`, beside those chosen before. */
  choose(id: number, adding: boolean): void;
  /** The table was sorted anew. */
  sorted(): void;
}

export interface TableLook {
  columns: string[];
  chosen: number[];
  /** Objects that edits on their way will change. */
  waiting: Set<number>;
  colourOf(id: number): string;
}

const ROW_PIXELS = 26;
/** Rows that are made above and below those in sight. */
const SPARE_ROWS = 6;
/** Rows from which it is read whether a column holds numbers. */
const JUDGED_ROWS = 50;
const WIDTHS: Record<string, string> = { id: "5.4em", class: "8em", doubt: "5.6em", kept: "4em", doubt_reason: "minmax(11.5em, 1fr)" };
const OTHER_WIDTH = "6.8em";
/** Headings that are shorter than the names of the columns in `objects.csv`. */
const HEADINGS: Record<string, string> = { doubt_reason: "why", volume_um3: "volume µm³", surface_um2: "surface µm²", touches_border: "at border", mean_probability: "probability", equivalent_diameter_nm: "diameter nm" };

export function heading(column: string): string {
  return HEADINGS[column] ?? column.replaceAll("_", " ");
}

export class Table {
  private readonly header = make("div", { className: "row-of-cells", role: "row" });
  private readonly body = make("div", { className: "body", role: "rowgroup" });
  private headerShown = "";

  constructor(
    private readonly grid: HTMLElement,
    private readonly objects: () => Objects,
    private readonly look: () => TableLook,
    private readonly events: TableEvents,
  ) {
    const headers = make("div", { className: "head", role: "rowgroup" }, this.header);
    grid.replaceChildren(headers, this.body);
    grid.addEventListener("scroll", () => this.drawRows(), { passive: true });
    grid.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
    new ResizeObserver(() => this.resized()).observe(grid);
  }

  /** Shows what changed. */
  refresh(): void {
    const { columns } = this.look();
    this.grid.style.setProperty("--cells", columns.map((column) => WIDTHS[column] ?? OTHER_WIDTH).join(" "));
    this.grid.ariaRowCount = String(this.objects().shown.length + 1);
    this.grid.ariaColCount = String(columns.length);
    this.body.style.height = `${this.objects().shown.length * ROW_PIXELS}px`;
    this.drawHeader();
    this.drawRows();
  }

  /** Scrolls so that an object's row is in sight. */
  reveal(id: number): void {
    const position = this.objects().positionOf(id);
    if (position < 0) return this.drawRows();
    const top = position * ROW_PIXELS;
    const height = this.grid.clientHeight - this.header.offsetHeight;
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (top + ROW_PIXELS > this.grid.scrollTop + height) this.grid.scrollTop = top + ROW_PIXELS - height;
    this.drawRows();
  }

  private resized(): void {
    const active = this.look().chosen.at(-1);
    if (active === undefined) this.drawRows();
    else this.reveal(active);
  }

  private drawHeader(): void {
    const { order } = this.objects();
    const { columns } = this.look();
    const shown = JSON.stringify([columns, order, columns.map((column) => this.isNumeric(column))]);
    if (shown === this.headerShown) return;
    this.headerShown = shown;
    const focused = (document.activeElement as HTMLElement | null)?.dataset["column"];
    this.header.replaceChildren(...columns.map((column) => this.headerCell(column)));
    if (focused !== undefined) this.header.querySelector<HTMLElement>(`[data-column="${focused}"]`)?.focus();
  }

  private headerCell(column: string): HTMLElement {
    const { order } = this.objects();
    const isSorted = order.column === column;
    const button = make("button", { textContent: heading(column), title: `Sort by ${heading(column)}` });
    button.dataset["column"] = column;
    if (isSorted) button.append(make("span", { className: "arrow", textContent: order.descending ? "▼" : "▲", ariaHidden: "true" }));
    button.addEventListener("click", () => {
      this.objects().sortBy(column);
      this.grid.scrollTop = 0;
      this.events.sorted();
    });
    const className = this.isNumeric(column) ? "number" : "";
    return make("div", { role: "columnheader", className, ariaSort: isSorted ? (order.descending ? "descending" : "ascending") : "none" }, button);
  }

  private isNumeric(column: string): boolean {
    const objects = this.objects();
    return objects.shown.slice(0, JUDGED_ROWS).some((id) => typeof objects.cell(id, column) === "number");
  }

  private drawRows(): void {
    const { shown } = this.objects();
    const look = this.look();
    const first = Math.max(0, Math.floor(this.grid.scrollTop / ROW_PIXELS) - SPARE_ROWS);
    const last = Math.min(shown.length, Math.ceil((this.grid.scrollTop + this.grid.clientHeight) / ROW_PIXELS) + SPARE_ROWS);
    this.body.replaceChildren(...shown.slice(first, last).map((id, i) => this.row(id, first + i, look)));
    const active = look.chosen.at(-1);
    const isDrawn = active !== undefined && this.body.querySelector(`#object-${active}`) !== null;
    if (isDrawn) this.grid.setAttribute("aria-activedescendant", `object-${active}`);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  private row(id: number, position: number, look: TableLook): HTMLElement {
    const cells = look.columns.map((column) => cellElement(column, this.objects().cell(id, column), () => look.colourOf(id)));
    const row = make("div", { className: "row-of-cells", id: `object-${id}`, role: "row", ariaSelected: String(look.chosen.includes(id)), ariaRowIndex: String(position + 2) }, ...cells);
    row.classList.toggle("waiting", look.waiting.has(id));
    row.dataset["id"] = String(id);
    row.style.top = `${position * ROW_PIXELS}px`;
    return row;
  }

  private click(event: MouseEvent): void {
    const id = (event.target as Element).closest<HTMLElement>("[data-id]")?.dataset["id"];
    if (id !== undefined) this.events.choose(Number(id), event.shiftKey || event.ctrlKey || event.metaKey);
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const { shown } = this.objects();
    const at = this.objects().positionOf(this.look().chosen.at(-1) ?? -1);
    const page = Math.max(1, Math.floor(this.grid.clientHeight / ROW_PIXELS) - 2);
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: shown.length - 1 }[event.key];
    if (to === undefined || shown.length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const id = shown[Math.min(shown.length - 1, Math.max(0, to))]!;
    this.events.choose(id, event.shiftKey);
    this.reveal(id);
  }
}

function cellElement(column: string, cell: Cell, colour: () => string): HTMLElement {
  const text = cellText(cell);
  const element = make("div", { role: "gridcell", textContent: text });
  if (typeof cell === "number" || cell === null) element.classList.add("number");
  if (column === "doubt_reason") element.title = text;
  if (column === "id") {
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = colour();
    element.prepend(swatch);
  }
  return element;
}

/** Four digits tell apart what is measured; counts are whole. */
export function cellText(cell: Cell): string {
  if (cell === null) return "–";
  if (typeof cell === "boolean") return cell ? "yes" : "";
  if (typeof cell === "string") return cell;
  if (Number.isInteger(cell)) return cell.toLocaleString("en").replaceAll(",", "\u202f");
  return Math.abs(cell) >= 1000 ? Math.round(cell).toLocaleString("en").replaceAll(",", "\u202f") : String(Number(cell.toPrecision(4)));
}
