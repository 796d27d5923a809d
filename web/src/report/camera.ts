/** Which part of a section is seen: the point in the middle of the stage, and how many pixels of the stage are one of the section. */

export interface Size {
  width: number;
  height: number;
}

const MOST = 40;

export class Camera {
  x = 0;
  y = 0;
  scale = 1;
  /** Whether all of a section is seen, which stays so for another section or stage. */
  fits = true;

  /** Shows all of a section. */
  fit(section: Size, stage: Size): void {
    this.fits = true;
    this.scale = this.fitting(section, stage);
    this.x = section.width / 2;
    this.y = section.height / 2;
  }

  private fitting(section: Size, stage: Size): number {
    return Math.min(stage.width / section.width, stage.height / section.height);
  }

  /** Zooms by a factor; what is `dx`, `dy` from the middle of the stage stays where it is. */
  zoom(factor: number, dx: number, dy: number, section: Size, stage: Size): void {
    const least = this.fitting(section, stage);
    const scale = Math.min(Math.max(this.scale * factor, least), Math.max(MOST, least));
    if (scale === least) {
      this.fit(section, stage);
      return;
    }
    this.x += dx / this.scale - dx / scale;
    this.y += dy / this.scale - dy / scale;
    this.scale = scale;
    this.fits = false;
    this.hold(section);
  }

  /** Moves the section by pixels of the stage. */
  pan(dx: number, dy: number, section: Size): void {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.fits = false;
    this.hold(section);
  }

  /** Shows a box with some of what is around it. */
  frame(x: number, y: number, width: number, height: number, section: Size, stage: Size): void {
    const around = 2.5;
    const edge = 24;
    this.x = x + width / 2;
    this.y = y + height / 2;
    const scale = Math.min(stage.width / Math.max(width * around, edge), stage.height / Math.max(height * around, edge));
    this.scale = Math.max(this.fitting(section, stage), Math.min(scale, MOST / 4));
    this.fits = false;
  }

  private hold(section: Size): void {
    this.x = Math.min(Math.max(this.x, 0), section.width);
    this.y = Math.min(Math.max(this.y, 0), section.height);
  }
}
