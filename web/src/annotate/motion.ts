/**
 * Smooth movements of the view: a pan that glides, a flight to a place.
 */
import type { Voxel } from "./contract.js";
import type { View } from "./view.js";

/** Share of the way left that one frame goes. */
const SHARE = 0.3;
const NEAR_PIXELS = 0.5;

export class Motion {
  private restX = 0;
  private restY = 0;
  private readonly atOnce = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(
    private readonly view: View,
    private readonly redraw: () => void,
  ) {}

  /** Moves the picture by CSS pixels over the next frames. */
  glide(dx: number, dy: number): void {
    this.restX += dx;
    this.restY += dy;
    this.redraw();
  }

  stop(): void {
    this.restX = 0;
    this.restY = 0;
  }

  /** Shows a place at once; a flight through sections would only load tiles that nobody looks at. */
  goTo(centre: Voxel, zoom: number): void {
    this.stop();
    this.view.centre = [...centre];
    this.view.zoom = zoom;
    this.redraw();
  }

  /** Takes the next step; called after each frame. */
  step(): void {
    if (this.restX === 0 && this.restY === 0) return;
    const share = this.atOnce.matches || Math.hypot(this.restX, this.restY) < NEAR_PIXELS ? 1 : SHARE;
    const [dx, dy] = [this.restX * share, this.restY * share];
    this.restX = share === 1 ? 0 : this.restX - dx;
    this.restY = share === 1 ? 0 : this.restY - dy;
    this.view.panBy(dx, dy);
    this.redraw();
  }
}
