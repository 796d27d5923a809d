import { TileStore, keyOf } from "./tiles.js";
export class Layer {
    options;
    store;
    style = 0;
    constructor(options) {
        this.options = options;
        this.store = new TileStore(options.limitBytes);
    }
    /** Has the tiles coloured anew when they are next drawn. */
    restyle() {
        this.style++;
    }
    /** The requests for those of the tiles that are missing or stale, in the same order. */
    wants(addresses) {
        const { name, slow } = this.options;
        return addresses
            .filter((address) => this.store.lacks(address))
            .map((address) => ({
            key: `${name}/${this.store.epoch}/${keyOf(address)}`,
            slow,
            load: (signal) => this.load(address, signal),
        }));
    }
    /** The picture of a tile of this layer; null where it shows nothing. */
    bitmap(tile, address) {
        if (tile.style !== this.style) {
            tile.bitmap?.close();
            tile.bitmap = this.render(tile, address);
            tile.style = this.style;
        }
        return tile.bitmap;
    }
    async load(address, signal) {
        const { epoch } = this.store;
        const tile = await this.options.fetch(address, signal);
        if (signal.aborted || epoch !== this.store.epoch)
            return;
        this.store.put(address, tile);
        this.options.arrived?.(address);
    }
    render(tile, address) {
        const image = new ImageData(tile.width, tile.height);
        if (!this.options.colour(tile, new Uint32Array(image.data.buffer), address))
            return null;
        const canvas = new OffscreenCanvas(tile.width, tile.height);
        context(canvas).putImageData(image, 0, 0);
        return canvas.transferToImageBitmap();
    }
}
/** The 2D context, which every browser that runs this page has. */
export function context(canvas, options) {
    const found = canvas.getContext("2d", options);
    if (found === null)
        throw new Error("this browser cannot draw on a canvas");
    return found;
}
