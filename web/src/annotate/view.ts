/**
 * Which part of the volume the window shows: axis, centre, zoom; and the way between voxels and pixels of the screen.
 * Screen positions are CSS pixels from the canvas' corner; plane positions are [down, right] in voxels.
 */
import type { Axis, Voxel } from "./contract.js";

interface Plane {
  /** Positions in [z, y, x] of the axis across the plane, and of those along rows and columns of the picture. */
  across: 0 | 1 | 2;
  down: 0 | 1 | 2;
  right: 0 | 1 | 2;
}

const PLANES: Record<Axis, Plane> = {
  xy: { across: 0, down: 1, right: 2 },
  xz: { across: 1, down: 0, right: 2 },
  yz: { across: 2, down: 0, right: 1 },
};

/** A rectangle of a plane, in voxels. */
export interface Rect {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

const MAX_ZOOM = 64;
/** Share of the window that a fitted section fills. */
const FIT_SHARE = 0.96;

export class View {
  axis: Axis = "xy";
  centre: Voxel;
  /** CSS pixels for one voxel along the row. */
  zoom = 1;
  width = 1;
  height = 1;

  constructor(
    readonly shape: Voxel,
    readonly voxelSizeNm: Voxel | null,
  ) {
    this.centre = [Math.floor(shape[0] / 2) + 0.5, shape[1] / 2, shape[2] / 2];
  }

  get plane(): Plane {
    return PLANES[this.axis];
  }

  /** The section shown, along the axis across the plane. */
  get index(): number {
    return clamp(Math.floor(this.centre[this.plane.across]), 0, this.sections - 1);
  }

  get sections(): number {
    return this.shape[this.plane.across];
  }

  /** Voxels of the plane along [down, right]. */
  get extent(): [number, number] {
    return [this.shape[this.plane.down], this.shape[this.plane.right]];
  }

  /** CSS pixels for one voxel down the picture: cuts are stretched where sections are thicker than voxels are wide. */
  get zoomDown(): number {
    if (this.axis === "xy" || this.voxelSizeNm === null) return this.zoom;
    return (this.zoom * this.voxelSizeNm[this.plane.down]) / this.voxelSizeNm[this.plane.right];
  }

  toPlane(px: number, py: number): [number, number] {
    const { down, right } = this.plane;
    return [
      this.centre[down] + (py - this.height / 2) / this.zoomDown,
      this.centre[right] + (px - this.width / 2) / this.zoom,
    ];
  }

  toScreen(down: number, right: number): [number, number] {
    const plane = this.plane;
    return [
      this.width / 2 + (right - this.centre[plane.right]) * this.zoom,
      this.height / 2 + (down - this.centre[plane.down]) * this.zoomDown,
    ];
  }

  /** The voxel at a plane position, or null outside of the volume. */
  voxelAt(down: number, right: number): Voxel | null {
    const [rows, columns] = this.extent;
    if (down < 0 || right < 0 || down >= rows || right >= columns) return null;
    const voxel: Voxel = [0, 0, 0];
    voxel[this.plane.across] = this.index;
    voxel[this.plane.down] = Math.floor(down);
    voxel[this.plane.right] = Math.floor(right);
    return voxel;
  }

  /** The part of the volume that the window shows; empty rectangles have right <= left. */
  visible(): Rect {
    const [rows, columns] = this.extent;
    const [top, left] = this.toPlane(0, 0);
    const [bottom, right] = this.toPlane(this.width, this.height);
    return {
      top: Math.max(0, top),
      left: Math.max(0, left),
      bottom: Math.min(rows, bottom),
      right: Math.min(columns, right),
    };
  }

  panBy(dx: number, dy: number): void {
    const { down, right } = this.plane;
    this.moveTo(right, this.centre[right] - dx / this.zoom);
    this.moveTo(down, this.centre[down] - dy / this.zoomDown);
  }

  /** Zooms so that the voxel under the screen position stays there. */
  zoomAbout(factor: number, px: number, py: number): void {
    const [down, right] = this.toPlane(px, py);
    this.zoom = clamp(this.zoom * factor, this.fitZoom() / 4, MAX_ZOOM);
    const [newX, newY] = this.toScreen(down, right);
    this.panBy(px - newX, py - newY);
  }

  fit(): void {
    const { down, right } = this.plane;
    this.centre[down] = this.shape[down] / 2;
    this.centre[right] = this.shape[right] / 2;
    this.zoom = this.fitZoom();
  }

  setIndex(index: number): void {
    this.centre[this.plane.across] = clamp(index, 0, this.sections - 1) + 0.5;
  }

  resize(width: number, height: number): void {
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
  }

  /** Zoom at which a box of the volume fills about two thirds of the window. */
  zoomFor(boxShape: Voxel): number {
    const { down, right } = this.plane;
    const zoom = Math.min((0.7 * this.width) / boxShape[right], (0.7 * this.height) / boxShape[down]);
    return clamp(zoom, this.fitZoom() / 4, MAX_ZOOM);
  }

  private fitZoom(): number {
    const [rows, columns] = this.extent;
    const stretch = this.zoomDown / this.zoom;
    return Math.min(MAX_ZOOM, FIT_SHARE * Math.min(this.width / columns, this.height / (rows * stretch)));
  }

  private moveTo(axis: 0 | 1 | 2, position: number): void {
    this.centre[axis] = clamp(position, 0, this.shape[axis]);
  }
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
