/**
 * The tools: what pressing, moving and lifting the pointer on a section does. Points are [y, x] in voxels.
 */
import type { App } from "./app.js";
import { type Action, BACKGROUND, type Box, FOREGROUND, type Paint, type Point, type Stroke, UNKNOWN, type Voxel } from "./contract.js";
import { drawBox, strokeOnAny } from "./decor.js";

export interface Tool {
  down(at: Point): void;
  move(points: Point[]): void;
  up(): void;
  /** Forgets what was begun. */
  cancel(): void;
  /** Ends what takes several clicks. */
  finish?(): void;
  draw?(pen: CanvasRenderingContext2D, hover: Point | null): void;
}

export type ToolName = "brush" | "background" | "eraser" | "fill" | "polygon" | "region" | "accept" | "reject" | "hand";

export function makeTools(app: App): Record<ToolName, Tool> {
  return {
    brush: new StrokeTool(app, () => FOREGROUND),
    background: new StrokeTool(app, () => BACKGROUND),
    eraser: new StrokeTool(app, (at) => erased(app, at)),
    fill: new ClickTool((at) => app.act(fillAt(app, at))),
    polygon: new PolygonTool(app),
    region: new RegionTool(app),
    accept: new ClickTool((at) => judge(app, "accept", at)),
    reject: new ClickTool((at) => judge(app, "reject", at)),
    hand: new ClickTool(() => {}),
  };
}

/** What the eraser leaves: all of a reviewed region is known, so there it leaves background. Where a stroke begins decides. */
function erased(app: App, at: Point): Paint {
  return app.regionAt(voxelIn(app, at)) === null ? UNKNOWN : BACKGROUND;
}

function fillAt(app: App, point: Point): Action {
  const { className, view, settings } = app;
  return { kind: "fill", class: className, value: FOREGROUND, z: view.index, point, tolerance: settings.tolerance };
}

function judge(app: App, kind: "accept" | "reject", at: Point): void {
  const suggested = app.suggested();
  if (suggested !== null) app.act({ kind, ...suggested, object: voxelIn(app, at) });
}

function voxelIn(app: App, [y, x]: Point): Voxel {
  return [app.view.index, Math.floor(y), Math.floor(x)];
}

class ClickTool implements Tool {
  constructor(private readonly click: (at: Point) => void) {}
  down(at: Point): void {
    this.click(at);
  }
  move(): void {}
  up(): void {}
  cancel(): void {}
}

/** Points nearer to the one before than this change no voxel noticeably, and are not kept. */
const MIN_STEP_VOXELS = 0.25;

class StrokeTool implements Tool {
  constructor(
    private readonly app: App,
    private readonly value: (at: Point) => Paint,
  ) {}

  down(at: Point): void {
    const { labels, className, view, settings } = this.app;
    const value = this.value(at);
    labels.live = { kind: "stroke", class: className, value, z: view.index, radius: settings.radius, points: [rounded(at)] };
    labels.paint(labels.live);
    this.app.viewer.redraw();
  }

  move(points: Point[]): void {
    const { labels, view, viewer } = this.app;
    const stroke = labels.live;
    if (stroke === null) return;
    // A stroke stays in its section: it ends when another one is shown.
    if (stroke.z !== view.index) return this.up();
    const drawn = stroke.points.length;
    for (const point of points) extend(stroke, rounded(point));
    if (stroke.points.length > drawn) labels.paint(stroke, drawn);
    viewer.redraw();
  }

  up(): void {
    const stroke = this.app.labels.live;
    this.app.labels.live = null;
    if (stroke !== null) this.app.act(stroke);
  }

  cancel(): void {
    if (this.app.labels.live === null) return;
    this.app.labels.live = null;
    this.app.labels.invalidateAll();
    this.app.viewer.redraw();
  }
}

function extend(stroke: Stroke, point: Point): void {
  const last = stroke.points[stroke.points.length - 1];
  if (last && Math.hypot(point[0] - last[0], point[1] - last[1]) < MIN_STEP_VOXELS) return;
  stroke.points.push(point);
}

/** Hundredths of a voxel are enough, and keep what is sent short. */
function rounded([y, x]: Point): Point {
  return [Math.round(y * 100) / 100, Math.round(x * 100) / 100];
}

const CLOSING_PIXELS = 8;

class PolygonTool implements Tool {
  private points: Point[] = [];
  private z = 0;

  constructor(private readonly app: App) {}

  down(at: Point): void {
    if (this.z !== this.app.view.index) this.points = [];
    this.z = this.app.view.index;
    if (this.closes(at)) return this.finish();
    this.points.push(rounded(at));
    this.app.viewer.redraw();
  }

  move(): void {}
  up(): void {}

  cancel(): void {
    this.points = [];
    this.app.viewer.redraw();
  }

  finish(): void {
    // A double click puts its last point twice.
    const points = this.points.filter(([y, x], i) => i === 0 || y !== this.points[i - 1]?.[0] || x !== this.points[i - 1]?.[1]);
    this.cancel();
    if (points.length < 3) return;
    const polygon = { kind: "polygon", class: this.app.className, value: FOREGROUND, z: this.z, points } as const;
    this.app.labels.paint(polygon);
    this.app.act(polygon);
  }

  /** A click on the first corner closes, for those without a keyboard. */
  private closes(at: Point): boolean {
    const first = this.points[0];
    if (first === undefined || this.points.length < 3) return false;
    return Math.hypot(at[0] - first[0], at[1] - first[1]) * this.app.view.zoom < CLOSING_PIXELS;
  }

  draw(pen: CanvasRenderingContext2D, hover: Point | null): void {
    if (this.points.length === 0 || this.z !== this.app.view.index) return;
    const path = new Path2D();
    for (const [y, x] of hover === null ? this.points : [...this.points, hover]) {
      path.lineTo(...this.app.view.toScreen(y, x));
    }
    strokeOnAny(pen, path, this.app.colour, 1.5);
    for (const [y, x] of this.points) {
      const [px, py] = this.app.view.toScreen(y, x);
      pen.fillStyle = "#fff";
      pen.fillRect(px - 3, py - 3, 6, 6);
    }
  }
}

class RegionTool implements Tool {
  private from: Point | null = null;
  private to: Point | null = null;

  constructor(private readonly app: App) {}

  down(at: Point): void {
    this.from = at;
    this.to = at;
  }

  move(points: Point[]): void {
    if (this.from === null) return;
    this.to = points[points.length - 1] ?? this.to;
    this.app.viewer.redraw();
  }

  up(): void {
    const box = this.box();
    this.cancel();
    // A click without a drag is not meant as a region.
    if (box !== null && box.shape[1] > 1 && box.shape[2] > 1) this.app.act({ kind: "region", ...box });
  }

  cancel(): void {
    this.from = null;
    this.to = null;
    this.app.viewer.redraw();
  }

  draw(pen: CanvasRenderingContext2D): void {
    const box = this.box();
    if (box !== null) drawBox(pen, this.app.view, box, "#fff", [6, 4], 1.5);
  }

  private box(): Box | null {
    if (this.from === null || this.to === null) return null;
    return this.app.sectionBox(
      [Math.min(this.from[0], this.to[0]), Math.min(this.from[1], this.to[1])],
      [Math.max(this.from[0], this.to[0]), Math.max(this.from[1], this.to[1])],
    );
  }
}
