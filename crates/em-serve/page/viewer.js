import { Loader } from "./loader.js";
import { Pyramid } from "./pyramid.js";
/** Sections on both sides that are fetched ahead. */
const PREFETCH = [1, -1, 2, -2];
export class Viewer {
    canvas;
    view;
    layers;
    decorate;
    afterFrame;
    loader = new Loader(() => this.redraw());
    pen;
    pyramid;
    asked = false;
    /** Tiles that the window shows and that have not come yet. */
    missing = 0;
    lastIndex = 0;
    forward = 1;
    /** `decorate` draws what lies over the tiles; `afterFrame` moves what follows the view and may ask for another frame. */
    constructor(canvas, view, project, layers, decorate, afterFrame) {
        this.canvas = canvas;
        this.view = view;
        this.layers = layers;
        this.decorate = decorate;
        this.afterFrame = afterFrame;
        const pen = canvas.getContext("2d", { alpha: false });
        if (pen === null)
            throw new Error("this browser cannot draw on a canvas");
        this.pen = pen;
        this.pyramid = new Pyramid(project, view);
        new ResizeObserver(() => this.resize()).observe(canvas);
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
        this.resize();
    }
    /** Whether something is on its way, also for sections that are not shown yet. */
    get loading() {
        return this.loader.busy;
    }
    /** Whether a part of what is shown is still missing. */
    get incomplete() {
        return this.missing > 0;
    }
    /** Asks for a frame; many calls before it make one frame. */
    redraw() {
        if (this.asked)
            return;
        this.asked = true;
        requestAnimationFrame(() => {
            this.asked = false;
            this.draw();
            this.afterFrame();
        });
    }
    resize() {
        this.view.resize(this.canvas.clientWidth, this.canvas.clientHeight);
        this.draw();
    }
    /** Gives the canvas the pixels of the screen, also after the window has moved to another one. */
    fitCanvas() {
        const width = Math.round(this.view.width * devicePixelRatio);
        const height = Math.round(this.view.height * devicePixelRatio);
        if (this.canvas.width === width && this.canvas.height === height)
            return;
        this.canvas.width = width;
        this.canvas.height = height;
    }
    draw() {
        const { pen, view } = this;
        this.fitCanvas();
        const level = this.pyramid.levelFor(view.zoom * devicePixelRatio);
        const tiles = this.pyramid.tiles(view.index, level, view.visible());
        pen.setTransform(1, 0, 0, 1, 0, 0);
        pen.fillStyle = getComputedStyle(this.canvas).backgroundColor;
        pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
        for (const layer of this.shown()) {
            for (const address of tiles)
                this.drawTile(layer, address);
        }
        pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
        this.decorate(pen);
        this.loader.want(this.wants(level, tiles));
    }
    /** The layers to draw, from below. */
    shown() {
        const { picture, labels, suggestions, shows } = this.layers;
        if (this.view.axis !== "xy")
            return [picture];
        return [picture, ...(shows("suggestions") ? [suggestions] : []), ...(shows("labels") ? [labels] : [])];
    }
    /** Draws a tile, or until it comes the part of a coarser one. */
    drawTile(layer, address) {
        const target = this.pyramid.rect(address);
        for (const candidate of this.pyramid.coarser(address)) {
            const tile = layer.store.get(candidate);
            if (tile === undefined)
                continue;
            const bitmap = layer.bitmap(tile, candidate);
            if (bitmap === null)
                return;
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
    devicePixel(down, right) {
        const [x, y] = this.view.toScreen(down, right);
        return [Math.round(x * devicePixelRatio), Math.round(y * devicePixelRatio)];
    }
    wants(level, tiles) {
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
    ahead() {
        const { index, sections } = this.view;
        if (index !== this.lastIndex)
            this.forward = Math.sign(index - this.lastIndex);
        this.lastIndex = index;
        return PREFETCH.map((step) => index + step * this.forward).filter((i) => i >= 0 && i < sections);
    }
}
