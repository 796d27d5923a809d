/**
 * Tools that need the pointer: the second object of a merge, the seeds of a split, the line of a cut. Without a tool, a click chooses.
 */
import type { App } from "./app.js";
import type { Voxel } from "./contract.js";
import { drawLine, drawPoints } from "./marks.js";

export type ToolName = "merge" | "split" | "cut";

/** A press that moves less is a click. */
const CLICK_PIXELS = 4;
/** Points of a painted line are at least so far apart. */
const LINE_STEP_PIXELS = 3;
const FEWEST_SEEDS = 2;

export class Tools {
  active: ToolName | null = null;
  points: Voxel[] = [];
  private pressed: { x: number; y: number } | null = null;
  private line: { panel: ReturnType<App["scene"]["sectionPanelAt"]>; z: number; last: { x: number; y: number } } | null = null;

  constructor(private readonly app: App) {
    const { container } = app.scene;
    container.addEventListener("pointerdown", (event) => this.press(event), { capture: true });
    container.addEventListener("mousedown", (event) => this.holdPicture(event), { capture: true });
    window.addEventListener("pointermove", (event) => this.move(event));
    window.addEventListener("pointerup", (event) => this.lift(event));
    window.addEventListener("pointercancel", () => this.drop());
  }

  start(tool: ToolName): void {
    const { object, corrections, notices } = this.app;
    if (!corrections.isPossible) return;
    if (object === null) return notices.say("Choose an object first: click on it, or on its row.");
    this.cancel();
    if (this.active === null) this.app.select([object]);
    this.active = tool;
    this.app.changed();
  }

  cancel(): void {
    this.active = null;
    this.points = [];
    this.drop();
    drawPoints(this.app.scene, []);
    this.app.changed();
  }

  /** What to do now, for the person. */
  get hint(): string {
    const name = `object ${this.app.object}`;
    switch (this.active) {
      case "merge":
        return `Click the object that is one with ${name}, in the view or in the table.`;
      case "split":
        return this.points.length < FEWEST_SEEDS
          ? `Click a point inside of each part of ${name}: ${this.points.length} of at least ${FEWEST_SEEDS}.`
          : `${this.points.length} points. Enter splits; click to add more; Backspace takes the last away.`;
      case "cut":
        return `Draw a line across ${name} in an x-y section, from outside to outside.`;
      default:
        return "";
    }
  }

  get canFinish(): boolean {
    return this.active === "split" && this.points.length >= FEWEST_SEEDS;
  }

  finish(): void {
    const { object, corrections } = this.app;
    if (!this.canFinish || object === null) return;
    corrections.edit({ kind: "split", object, points: this.points });
    this.cancel();
  }

  removeLast(): void {
    this.points = this.points.slice(0, -1);
    drawPoints(this.app.scene, this.points);
    this.app.changed();
  }

  /** A tool that waits for an object takes it; then it is not chosen. */
  takes(id: number): boolean {
    const { object, corrections } = this.app;
    if (this.active !== "merge" || object === null || id === object) return false;
    corrections.edit({ kind: "merge", objects: [object, id] });
    this.cancel();
    return true;
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.pressed = { x: event.clientX, y: event.clientY };
    if (this.active !== "cut") return;
    const panel = this.app.scene.sectionPanelAt(event);
    const voxel = this.app.scene.voxelAt(event);
    if (panel === null || voxel === null) return this.app.notices.say("Draw the line in an x-y section.");
    this.line = { panel, z: Math.floor(voxel[0]), last: this.pressed };
    this.points = [voxel];
  }

  /** While a line is drawn, the picture must not follow the pointer. */
  private holdPicture(event: MouseEvent): void {
    if (event.button === 0 && this.active === "cut" && this.line !== null) event.stopImmediatePropagation();
  }

  private move(event: PointerEvent): void {
    if (this.line?.panel == null) return;
    const { last, panel } = this.line;
    if (Math.hypot(event.clientX - last.x, event.clientY - last.y) < LINE_STEP_PIXELS) return;
    const voxel = this.app.scene.voxelAt(event, panel);
    if (voxel === null) return;
    this.line.last = { x: event.clientX, y: event.clientY };
    this.points = [...this.points, voxel];
    drawLine(this.app.scene, this.points);
  }

  private lift(event: PointerEvent): void {
    const { pressed } = this;
    this.pressed = null;
    if (this.line !== null) return this.cut();
    if (pressed === null || Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > CLICK_PIXELS) return;
    this.click(event);
  }

  private drop(): void {
    this.pressed = null;
    this.line = null;
  }

  private cut(): void {
    const { object, corrections, settings } = this.app;
    const { z } = this.line!;
    const points = this.points.map(([, y, x]): [number, number] => [y, x]);
    if (points.length < 2 || object === null) return this.drop();
    corrections.edit({ kind: "cut", object, z, radius: settings.cutRadius, points });
    this.cancel();
  }

  private click(event: PointerEvent): void {
    const { layer, scene } = this.app;
    if (layer === null) return;
    const id = scene.objectAt(layer.name, event);
    if (this.active === "split") this.seed(event, id);
    else if (id !== null && this.active !== "cut") this.clickObject(id, event.shiftKey);
  }

  /** Whoever clicks at an object sees it already, so the picture stays. */
  private clickObject(id: number, adding: boolean): void {
    const { app } = this;
    if (this.takes(id)) return;
    if (adding) return app.choose(id, true);
    app.select([id]);
  }

  private seed(event: PointerEvent, id: number | null): void {
    const { object, scene, notices } = this.app;
    const voxel = scene.voxelAt(event);
    if (voxel === null) return notices.say("Place the points in a section, not in the space.");
    if (id !== object) return notices.say(`Place the points inside of object ${object}.`);
    this.points = [...this.points, voxel.map(Math.floor) as Voxel];
    drawPoints(scene, this.points.map((point) => point.map((at) => at + 0.5) as Voxel));
    this.app.changed();
  }
}
