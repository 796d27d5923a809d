/**
 * The canvas: draws the layers' tiles, asks for those that are missing, and redraws only when something changed.
 */
import type { Project, TileAddress } from "./contract.js";
import type { Layer } from "./layer.js";
import { Loader, type Want } from "./loader.js";
import { Pyramid } from "./pyramid.js";
import type { View } from "./view.js";

export interface ViewerLayers {
  picture: Layer;
  labels: Layer;
  suggestions: Layer;
  shows(layer: "labels" | "suggestions"): boolean;
}

/** Sections on both sides that are fetched ahead. */
const PREFETCH = [1, -1, 2, -2];

export class Viewer {
  private readonly loader = new Loader(() => this.redraw());
  private readonly pen: CanvasRenderingContext2D;
  private readonly pyramid: Pyramid;
  private asked = false;
  /** Tiles that the window shows and that have not come yet. */
  private missing = 0;
  private lastIndex = 0;
  private forward = 1;

  /** `decorate` draws what lies over the tiles; `afterFrame` moves what follows the view and may ask for another frame. */
  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly view: View,
    project: Project,
    private readonly layers: ViewerLayers,
    private readonly decorate: (pen: CanvasRenderingContext2D) => void,
    private readonly afterFrame: () => void,
  ) {
    const pen = canvas.getContext("2d", { alpha: false });
    if (pen === null) throw new Error("this browser cannot draw on a canvas");
    this.pen = pen;
    this.pyramid = new Pyramid(project, view);
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    this.resize();
  }

  /** Whether something is on its way, also for sections that are not shown yet. */
  get loading(): boolean {
    return this.loader.busy;
  }

  /** Whether a part of what is shown is still missing. */
  get incomplete(): boolean {
    return this.missing > 0;
  }

  /** Asks for a frame; many calls before it make one frame. */
  redraw(): void {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
      this.afterFrame();
    });
  }

  private resize(): void {
    this.view.resize(this.canvas.clientWidth, this.canvas.clientHeight);
    this.draw();
  }

  /** Gives the canvas the pixels of the screen, also after the window has moved to another one. */
  private fitCanvas(): void {
    const width = Math.round(this.view.width * devicePixelRatio);
    const height = Math.round(this.view.height * devicePixelRatio);
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
  }

  private draw(): void {
    const { pen, view } = this;
    this.fitCanvas();
    const level = this.pyramid.levelFor(view.zoom * devicePixelRatio);
    const tiles = this.pyramid.tiles(view.index, level, view.visible());
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = getComputedStyle(this.canvas).backgroundColor;
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    for (const layer of this.shown()) {
      for (const address of tiles) this.drawTile(layer, address);
    }
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    this.decorate(pen);
    this.loader.want(this.wants(level, tiles));
  }

  /** The layers to draw, from below. */
  private shown(): Layer[] {
    const { picture, labels, suggestions, shows } = this.layers;
    if (this.view.axis !== "xy") return [picture];
    return [picture, ...(shows("suggestions") ? [suggestions] : []), ...(shows("labels") ? [labels] : [])];
  }

  /** Draws a tile, or until it comes the part of a coarser one. */
  private drawTile(layer: Layer, address: TileAddress): void {
    const target = this.pyramid.rect(address);
    for (const candidate of this.pyramid.coarser(address)) {
      const tile = layer.store.get(candidate);
      if (tile === undefined) continue;
      const bitmap = layer.bitmap(tile, candidate);
      if (bitmap === null) return;
      const origin = this.pyramid.rect(candidate);
      const [tall, wide] = this.pyramid.scale(candidate.axis, candidate.level);
      const [x0, y0] = this.devicePixel(target.top, target.left);
      const [x1, y1] = this.devicePixel(target.bottom, target.right);
      // Past 1:1 a person must see single voxels; coarser tiles only stand in there, and may be soft.
      this.pen.imageSmoothingEnabled = candidate.level > 0 || x1 - x0 < target.right - target.left;
      const [sx, sy] = [(target.left - origin.left) / wide, (target.top - origin.top) / tall];
      const [sw, sh] = [(target.right - target.left) / wide, (target.bottom - target.top) / tall];
      this.pen.drawImage(bitmap, sx, sy, sw, sh, x0, y0, x1 - x0, y1 - y0);
      return;
    }
  }

  /** Rounded, so that neighbouring tiles meet without a seam. */
  private devicePixel(down: number, right: number): [number, number] {
    const [x, y] = this.view.toScreen(down, right);
    return [Math.round(x * devicePixelRatio), Math.round(y * devicePixelRatio)];
  }

  private wants(level: number, tiles: TileAddress[]): Want[] {
    const { picture, labels, suggestions } = this.layers;
    const { index } = this.view;
    const shown = this.shown();
    // The coarsest tile comes first: it shows the whole section at once.
    const overview = this.pyramid.tiles(index, this.pyramid.coarsest, this.view.visible());
    const ahead = this.ahead().flatMap((neighbour) => this.pyramid.tiles(neighbour, level, this.view.visible()));
    const now = [
      ...picture.wants(level === this.pyramid.coarsest ? [] : overview),
      ...(shown.includes(labels) ? labels.wants(tiles) : []),
      ...picture.wants(tiles),
      ...(shown.includes(suggestions) ? suggestions.wants(tiles) : []),
    ];
    this.missing = now.length;
    return [...now, ...picture.wants(ahead), ...(shown.includes(labels) ? labels.wants(ahead) : [])];
  }

  /** The sections to fetch ahead, first those in the direction of the last move. */
  private ahead(): number[] {
    const { index, sections } = this.view;
    if (index !== this.lastIndex) this.forward = Math.sign(index - this.lastIndex);
    this.lastIndex = index;
    return PREFETCH.map((step) => index + step * this.forward).filter((i) => i >= 0 && i < sections);
  }
}
