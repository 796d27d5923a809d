/** Share of the way left that one frame goes. */
const SHARE = 0.3;
const NEAR_PIXELS = 0.5;
export class Motion {
    view;
    redraw;
    restX = 0;
    restY = 0;
    atOnce = matchMedia("(prefers-reduced-motion: reduce)");
    constructor(view, redraw) {
        this.view = view;
        this.redraw = redraw;
    }
    /** Moves the picture by CSS pixels over the next frames. */
    glide(dx, dy) {
        this.restX += dx;
        this.restY += dy;
        this.redraw();
    }
    stop() {
        this.restX = 0;
        this.restY = 0;
    }
    /** Shows a place at once; a flight through sections would only load tiles that nobody looks at. */
    goTo(centre, zoom) {
        this.stop();
        this.view.centre = [...centre];
        this.view.zoom = zoom;
        this.redraw();
    }
    /** Takes the next step; called after each frame. */
    step() {
        if (this.restX === 0 && this.restY === 0)
            return;
        const share = this.atOnce.matches || Math.hypot(this.restX, this.restY) < NEAR_PIXELS ? 1 : SHARE;
        const [dx, dy] = [this.restX * share, this.restY * share];
        this.restX = share === 1 ? 0 : this.restX - dx;
        this.restY = share === 1 ? 0 : this.restY - dy;
        this.view.panBy(dx, dy);
        this.redraw();
    }
}
