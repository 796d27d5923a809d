/**
 * Mouse, pen and fingers on the canvas: one pointer works with the tool, two fingers pan and zoom, the wheel turns sections.
 */
import type { App } from "./app.js";
import type { Point } from "./contract.js";
import type { Tool, ToolName } from "./tools.js";

type Screen = [px: number, py: number];

const LEFT = 0;
const MIDDLE = 1;
/** The eraser end of a pen. */
const PEN_ERASER = 5;
/** Wheel way, in pixels, for one section: half a notch of a mouse, a short stroke on a trackpad. */
const WHEEL_SECTION = 50;
const WHEEL_LINE = 20;
const WHEEL_ZOOM = 0.0022;

export class Pointer {
  /** Where the pointer is over the canvas. */
  position: Screen | null = null;
  private readonly down = new Map<number, Screen>();
  private panning = false;
  private tool: Tool | null = null;
  private wheel = 0;

  constructor(
    private readonly app: App,
    private readonly canvas: HTMLCanvasElement,
    private readonly moved: () => void,
  ) {
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.lift(event, false));
    canvas.addEventListener("pointercancel", (event) => this.lift(event, true));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("dblclick", () => this.app.activeTool.finish?.());
    canvas.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** The plane position under the pointer, in voxels. */
  get hover(): Point | null {
    return this.position && this.app.view.toPlane(...this.position);
  }

  private press(event: PointerEvent): void {
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.position = this.at(event);
    this.down.set(event.pointerId, this.position);
    this.app.motion.stop();
    if (this.down.size > 1) return this.becomePinch();
    if (this.pans(event)) this.panning = true;
    else this.pressTool(event);
    this.moved();
  }

  private pans(event: PointerEvent): boolean {
    const { held, tool, view } = this.app;
    return event.button === MIDDLE || held || tool === "hand" || (view.axis !== "xy" && event.button === LEFT);
  }

  private pressTool(event: PointerEvent): void {
    const name: ToolName | null = event.button === PEN_ERASER ? "eraser" : event.button === LEFT ? this.app.tool : null;
    const at = this.hover;
    if (name === null || at === null || this.app.view.voxelAt(...at) === null) return;
    this.tool = this.app.tools[name];
    this.tool.down(at);
  }

  /** A second finger makes a pan of what began as a stroke. */
  private becomePinch(): void {
    this.tool?.cancel();
    this.tool = null;
    this.panning = true;
  }

  private move(event: PointerEvent): void {
    const before = this.down.get(event.pointerId);
    this.position = this.at(event);
    if (before !== undefined) {
      if (this.panning) this.drag(event.pointerId, before, this.position);
      else this.tool?.move(this.samples(event));
      this.down.set(event.pointerId, this.position);
    }
    this.moved();
  }

  /** All positions since the last event: pens and fast mice report more than one for each frame. */
  private samples(event: PointerEvent): Point[] {
    const events = event.getCoalescedEvents();
    return (events.length > 0 ? events : [event]).map((sample) => this.app.view.toPlane(...this.at(sample)));
  }

  private drag(id: number, from: Screen, to: Screen): void {
    const { view, viewer } = this.app;
    const other = [...this.down].find(([key]) => key !== id)?.[1];
    if (other === undefined) {
      view.panBy(to[0] - from[0], to[1] - from[1]);
    } else {
      // Each finger moves the picture by half; the distance between them is the zoom.
      view.panBy((to[0] - from[0]) / 2, (to[1] - from[1]) / 2);
      const factor = distance(to, other) / Math.max(1, distance(from, other));
      view.zoomAbout(factor, (to[0] + other[0]) / 2, (to[1] + other[1]) / 2);
    }
    viewer.redraw();
  }

  private lift(event: PointerEvent, cancelled: boolean): void {
    if (!this.down.delete(event.pointerId)) return;
    if (cancelled) this.tool?.cancel();
    else this.tool?.up();
    this.tool = null;
    if (this.down.size === 0) this.panning = false;
    if (event.pointerType === "touch") this.position = null;
    this.moved();
  }

  private leave(): void {
    if (this.down.size > 0) return;
    this.position = null;
    this.moved();
  }

  private turn(event: WheelEvent): void {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? WHEEL_LINE : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    const { view, viewer, motion } = this.app;
    if (event.ctrlKey || event.metaKey) {
      view.zoomAbout(Math.exp(-dy * WHEEL_ZOOM), ...this.at(event));
      viewer.redraw();
    } else if (event.shiftKey) {
      motion.glide(-dx, -dy);
    } else {
      this.turnSections(dy);
    }
  }

  private turnSections(way: number): void {
    // Turning back begins anew, so that the first notch counts at once.
    this.wheel = Math.sign(way) === Math.sign(this.wheel) ? this.wheel + way : way;
    if (Math.abs(this.wheel) < WHEEL_SECTION) return;
    this.app.step(Math.sign(this.wheel));
    this.wheel = 0;
  }

  private at(event: MouseEvent): Screen {
    const { left, top } = this.canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }
}

function distance(a: Screen, b: Screen): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
