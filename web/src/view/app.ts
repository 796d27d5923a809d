/**
 * The state of the page: the stack, its layers and tables, which objects are chosen, and where one looks.
 */
import type { Notices } from "../annotate/notices.js";
import { ServerError } from "../annotate/request.js";
import type { LayerInfo, Stack } from "./contract.js";
import { Corrections } from "./corrections.js";
import { pointInside } from "./inside.js";
import type { LayerLook } from "./layers.js";
import { Objects } from "./objects.js";
import { readAddress, writeAddress } from "./place.js";
import { type Layout, Scene } from "./scene.js";
import { server } from "./server.js";
import { type Settings, loadSettings, lookOf, saveSettings } from "./settings.js";
import { Tools } from "./tools.js";

/** What is known of the table that is shown. */
export type TableState = { state: "none" } | { state: "measuring"; progress: number; isListed: boolean } | { state: "failed"; message: string } | { state: "ready"; message: string; labels: string };

const MEASURING_POLL_MS = 700;
/** Addresses are written when the view has come to rest. */
const REST_MS = 250;
/** From this width on there is room for three cuts and the space. */
const WIDE_PIXELS = 1800;

export class App {
  readonly settings: Settings;
  readonly scene: Scene;
  readonly tools: Tools;
  readonly corrections: Corrections;
  /** The layer whose objects are listed. */
  layer: LayerInfo | null;
  tableState: TableState = { state: "none" };
  chosen: number[] = [];
  private readonly tables = new Map<string, Objects>();
  /** What tells the labels of a layer from others of its name. */
  private readonly labels = new Map<string, string>();
  private restTimer = 0;
  private tableTimer = 0;
  private frame = 0;
  /** Grows with each flight, so that one overtaken by another does not end at the wrong place. */
  private flights = 0;

  /** `refresh` shows in the panel what changed; it is called at most once for each frame. */
  constructor(
    readonly stack: Stack,
    readonly notices: Notices,
    container: HTMLElement,
    private readonly refresh: () => void,
  ) {
    this.settings = loadSettings(stack);
    this.scene = new Scene(container, stack, new Map(Object.entries(this.settings.looks)));
    this.scene.setOutlines(this.settings.outlines);
    this.layer = this.objectLayers[0] ?? null;
    this.corrections = new Corrections(this);
    this.tools = new Tools(this);
    this.scene.onMoved(() => this.moved());
  }

  /** Goes where the address says, or shows all, and loads the table. */
  async start(): Promise<void> {
    const kept = readAddress(location.hash);
    this.layer = this.objectLayers.find(({ name }) => name === kept.layer) ?? this.layer;
    this.scene.layout = kept.layout ?? (window.innerWidth >= WIDE_PIXELS ? "4panel-alt" : "xy-3d");
    if (kept.place === null) requestAnimationFrame(() => this.scene.fit());
    else this.scene.place = kept.place;
    if (this.layer !== null) this.scene.choose(this.layer.name, (this.chosen = kept.objects));
    await this.corrections.start();
    void this.loadTable();
  }

  get objectLayers(): LayerInfo[] {
    return this.stack.layers.filter(({ kind, has_table }) => kind === "objects" && has_table);
  }

  get objects(): Objects {
    const name = this.layer?.name ?? "";
    const found = this.tables.get(name) ?? new Objects();
    this.tables.set(name, found);
    return found;
  }

  /** The object that tools work on: the one chosen last. */
  get object(): number | null {
    return this.chosen.at(-1) ?? null;
  }

  changed(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.refresh();
    });
  }

  set(change: Partial<Settings>): void {
    Object.assign(this.settings, change);
    if (change.outlines !== undefined) this.scene.setOutlines(change.outlines);
    saveSettings(this.stack, this.settings);
    this.changed();
  }

  setLook(layer: LayerInfo, change: Partial<LayerLook>): void {
    const look = { ...lookOf(this.settings, layer), ...change };
    this.scene.setLook(layer, look);
    this.set({ looks: { ...this.settings.looks, [layer.name]: look } });
  }

  setLayout(layout: Layout): void {
    this.scene.layout = layout;
    this.keepPlace();
    this.changed();
  }

  setLayer(layer: LayerInfo): void {
    if (this.layer !== null) this.scene.choose(this.layer.name, []);
    this.layer = layer;
    this.chosen = [];
    this.tableState = { state: "none" };
    this.tools.cancel();
    void this.corrections.look();
    void this.loadTable();
    this.keepPlace();
    this.moved();
  }

  /** Chooses an object, or adds it to those chosen or takes it from them; an object chosen alone is flown to. */
  choose(id: number, adding = false): void {
    if (this.layer === null || this.tools.takes(id)) return;
    const others = this.chosen.filter((other) => other !== id);
    const isRemoved = adding && others.length < this.chosen.length;
    this.select(adding ? (isRemoved ? others : [...others, id]) : [id]);
    if (!adding) void this.fly(id);
  }

  /** Chooses these objects and stays where one looks. */
  select(ids: number[]): void {
    this.chosen = ids;
    if (this.layer !== null) this.scene.choose(this.layer.name, ids);
    this.keepPlace();
    this.moved();
  }

  /** Moves into the middle of an object, at a zoom where it can be seen. */
  async fly(id: number): Promise<void> {
    if (this.layer === null) return;
    const flight = ++this.flights;
    const { objects } = this;
    const inside = await pointInside(this.layer.name, objects, id);
    if (inside === null || flight !== this.flights) return;
    this.scene.show(inside, objects.point(id, "start") ?? inside, objects.point(id, "end") ?? inside);
  }

  /** Asks for the table of the layer until it has been measured; where the program does not answer, again. */
  async loadTable(): Promise<void> {
    const { layer } = this;
    if (layer === null) return;
    clearTimeout(this.tableTimer);
    const again = (): void => {
      clearTimeout(this.tableTimer);
      this.tableTimer = setTimeout(() => void this.loadTable(), MEASURING_POLL_MS);
    };
    try {
      const table = await server.objects(layer.name);
      if (layer !== this.layer) return;
      if (table.columns.length > 0) this.objects.fill(table);
      if (table.state === "measuring") {
        this.tableState = { state: "measuring", progress: table.progress, isListed: table.columns.length > 0 };
        again();
      } else if (table.state === "failed") {
        this.tableState = { state: "failed", message: table.message ?? "The objects could not be measured." };
      } else {
        const labels = table.labels ?? "";
        // Other labels at the same addresses: what is drawn and remembered is that of the old ones.
        if ((this.labels.get(layer.name) ?? labels) !== labels) return location.reload();
        this.labels.set(layer.name, labels);
        this.tableState = { state: "ready", message: table.message ?? "", labels };
        this.setRevision(layer.name, table.revision);
      }
    } catch (error) {
      if (layer !== this.layer) return;
      if (error instanceof ServerError) this.tableState = { state: "failed", message: error.message };
      else again();
    }
    this.changed();
  }

  /** Shows a layer as it is after an edit. */
  setRevision(layer: string, revision: number): void {
    const found = this.stack.layers.find(({ name }) => name === layer);
    if (found === undefined || found.revision === revision) return;
    found.revision = revision;
    this.scene.setRevision(layer, revision);
  }

  private moved(): void {
    this.changed();
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => this.keepPlace(), REST_MS);
  }

  /** Writes the address: at once where something was picked, and after a move when it rests. */
  private keepPlace(): void {
    writeAddress({ place: this.scene.place, layout: this.scene.layout, layer: this.layer?.name ?? null, objects: this.chosen });
  }
}
