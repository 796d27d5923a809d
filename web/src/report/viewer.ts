/** The section browser: a stage, its controls and its keys. */
import { Camera } from "./camera.js";
import type { Place, Sections } from "./contract.js";
import { element, unfold } from "./dom.js";
import type { Look } from "./painting.js";
import { COLOURS, PLAIN } from "./painting.js";
import { Picture } from "./picture.js";
import { barOf } from "./scale_bar.js";

const STEP = 1.25;

export class Viewer {
  readonly pictures: Picture[];
  private readonly stage = element<HTMLCanvasElement>("stage");
  private readonly camera = new Camera();
  private readonly slider = element<HTMLInputElement>("section");
  private readonly classes = element<HTMLSelectElement>("class");
  private look: Look = { ...PLAIN };
  private place: Place | undefined;
  private painted: HTMLCanvasElement | undefined;
  /** Counts what was asked to be painted, so that what comes too late is dropped. */
  private asked = 0;

  constructor(private readonly data: Sections) {
    this.pictures = data.sections.map((section) => new Picture(section));
    this.listenToControls();
    this.listenToKeys();
    this.listenToPointer();
    const [height, width] = this.picture.section.size;
    this.stage.style.aspectRatio = `${width} / ${height}`;
    new ResizeObserver(() => this.resize()).observe(this.stage);
    this.readControls();
    void this.repaint();
  }

  /** Shows a section, of a class where one is named. */
  show(number: number, name?: string): void {
    this.place = undefined;
    if (name !== undefined && this.data.classes.includes(name)) {
      this.classes.value = String(this.data.classes.indexOf(name));
    }
    this.slider.value = String(number);
    void this.repaint();
  }

  /** Shows a place of a section, framed. */
  jump(place: Place): void {
    this.slider.value = String(place.embedded);
    this.classes.value = String(place.class);
    this.place = place;
    const { factor } = this.picture.section;
    const [y, x, height, width] = [...place.start, ...place.size].map((voxels) => voxels / factor) as [number, number, number, number];
    this.camera.frame(x, y, width, height, this.picture, this.size);
    void this.repaint();
    this.reveal();
  }

  /** The name of a class. */
  className(number: number): string {
    return this.data.classes[number] ?? "";
  }

  reveal(): void {
    const section = element("browser");
    unfold(this.stage);
    section.scrollIntoView({ block: "start" });
    this.stage.focus({ preventScroll: true });
  }

  private get number(): number {
    return Number(this.slider.value);
  }

  private get class(): number {
    return Number(this.classes.value);
  }

  private get picture(): Picture {
    const found = this.pictures[this.number] ?? this.pictures[0];
    if (!found) {
      throw new Error("the browser has no sections");
    }
    return found;
  }

  /** The stage in pixels of the page. */
  private get size(): { width: number; height: number } {
    return { width: this.stage.clientWidth || 1, height: this.stage.clientHeight || 1 };
  }

  private listenToControls(): void {
    this.slider.addEventListener("input", () => this.show(this.number));
    element("previous").addEventListener("click", () => this.step(-1));
    element("next").addEventListener("click", () => this.step(1));
    element("zoom-in").addEventListener("click", () => this.zoom(STEP));
    element("zoom-out").addEventListener("click", () => this.zoom(1 / STEP));
    element("zoom-fit").addEventListener("click", () => this.fit());
    for (const id of ["class", "colours", "outlines", "label-opacity", "prediction-opacity", "contrast", "brightness"]) {
      element(id).addEventListener("input", () => {
        this.readControls();
        void this.repaint();
      });
    }
    element("reset").addEventListener("click", () => {
      for (const id of ["label-opacity", "prediction-opacity", "contrast", "brightness"]) {
        const control = element<HTMLInputElement>(id);
        control.value = control.defaultValue;
      }
      element<HTMLInputElement>("outlines").checked = false;
      element<HTMLSelectElement>("colours").value = "errors";
      this.readControls();
      this.fit();
      void this.repaint();
    });
  }

  private readControls(): void {
    const value = (id: string) => Number(element<HTMLInputElement>(id).value) / 100;
    const colours = element<HTMLSelectElement>("colours").value === "masks" ? "masks" : "errors";
    this.look = {
      colours,
      outlines: element<HTMLInputElement>("outlines").checked,
      labelOpacity: value("label-opacity"),
      predictionOpacity: value("prediction-opacity"),
      contrast: value("contrast"),
      brightness: value("brightness"),
    };
    const names = colours === "errors" ? (["found", "wrong", "missed"] as const) : (["label", "prediction"] as const);
    const items = names.map((name) => `<li><i style="background:rgb(${COLOURS[name].join()})"></i>${name}</li>`);
    if (this.data.sections.some((section) => section.layers.some((layers) => layers.ignored != null))) {
      items.push("<li><i class=\"ignored\"></i>does not count</li>");
    }
    element("key").innerHTML = items.join("");
  }

  private listenToKeys(): void {
    document.addEventListener("keydown", (event) => {
      const target = event.target as Element;
      const isControl = target.closest("input, select, textarea, .plot, [role=region]") !== null;
      if (isControl || event.ctrlKey || event.metaKey || event.altKey) {
        return;
      }
      const action = this.actionOf(event.key);
      if (action) {
        event.preventDefault();
        action();
      }
    });
  }

  private actionOf(key: string): (() => void) | undefined {
    switch (key) {
      case "ArrowLeft":
      case ",":
        return () => this.step(-1);
      case "ArrowRight":
      case ".":
        return () => this.step(1);
      case "+":
      case "=":
        return () => this.zoom(STEP);
      case "-":
        return () => this.zoom(1 / STEP);
      case "0":
        return () => this.fit();
      default:
        return undefined;
    }
  }

  private step(by: number): void {
    this.show(Math.min(Math.max(this.number + by, 0), this.pictures.length - 1));
  }

  private zoom(factor: number): void {
    this.camera.zoom(factor, 0, 0, this.picture, this.size);
    this.draw();
  }

  private fit(): void {
    this.camera.fit(this.picture, this.size);
    this.draw();
  }

  private listenToPointer(): void {
    const held = new Map<number, PointerEvent>();
    this.stage.addEventListener("pointerdown", (event) => {
      held.set(event.pointerId, event);
      this.stage.setPointerCapture(event.pointerId);
    });
    this.stage.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (before && held.size === 1) {
        this.camera.pan(event.clientX - before.clientX, event.clientY - before.clientY, this.picture);
        this.draw();
      } else if (before) {
        this.pinch(held, before, event);
      }
      if (before) {
        held.set(event.pointerId, event);
      }
      void this.point(event);
    });
    for (const name of ["pointerup", "pointercancel"] as const) {
      this.stage.addEventListener(name, (event) => held.delete(event.pointerId));
    }
    this.stage.addEventListener("pointerleave", () => (element("pointed").textContent = ""));
    this.stage.addEventListener(
      "wheel",
      (event) => {
        // Where all is seen, the wheel goes on down the page.
        if (event.deltaY > 0 && this.camera.fits) {
          return;
        }
        event.preventDefault();
        const [dx, dy] = this.fromMiddle(event);
        this.camera.zoom(1.0015 ** -event.deltaY, dx, dy, this.picture, this.size);
        this.draw();
      },
      { passive: false },
    );
  }

  /** Two fingers zoom by how far they move apart. */
  private pinch(held: Map<number, PointerEvent>, before: PointerEvent, now: PointerEvent): void {
    const other = [...held.values()].find((event) => event.pointerId !== now.pointerId);
    if (!other) {
      return;
    }
    const apart = (event: PointerEvent) => Math.hypot(event.clientX - other.clientX, event.clientY - other.clientY);
    this.camera.zoom(apart(now) / Math.max(apart(before), 1), 0, 0, this.picture, this.size);
    this.draw();
  }

  private fromMiddle(event: MouseEvent): [number, number] {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  }

  /** Says what is under the pointer. */
  private async point(event: PointerEvent): Promise<void> {
    const picture = this.picture;
    const [dx, dy] = this.fromMiddle(event);
    const [x, y] = [Math.floor(this.camera.x + dx / this.camera.scale), Math.floor(this.camera.y + dy / this.camera.scale)];
    const pointed = element("pointed");
    if (x < 0 || y < 0 || x >= picture.width || y >= picture.height) {
      pointed.textContent = "";
      return;
    }
    const grey = await picture.value(x, y);
    const masks = picture.of(this.class);
    const at = y * picture.width + x;
    const { start, factor } = picture.section;
    const kinds = ["background", "wrong", "missed", "found"];
    const kind = masks.ignored?.[at] === 1 ? "does not count" : kinds[(masks.prediction[at] ?? 0) + 2 * (masks.label[at] ?? 0)];
    pointed.textContent = `y ${start[0] + y * factor}, x ${start[1] + x * factor}: grey ${grey}, ${kind}`;
  }

  private resize(): void {
    const ratio = window.devicePixelRatio || 1;
    this.stage.width = Math.round(this.size.width * ratio);
    this.stage.height = Math.round(this.size.height * ratio);
    if (this.camera.fits) {
      this.camera.fit(this.picture, this.size);
    }
    this.draw();
  }

  private async repaint(): Promise<void> {
    const asked = ++this.asked;
    this.describe();
    const painted = await this.picture.painted(this.class, this.look);
    if (asked !== this.asked) {
      return;
    }
    this.painted = painted;
    if (this.camera.fits) {
      this.camera.fit(this.picture, this.size);
    }
    this.draw();
    // For tests, and for those who wait.
    this.stage.dataset["shown"] = String(this.number);
  }

  private describe(): void {
    const { section } = this.picture;
    const iou = section.layers[this.class]?.iou;
    const score = iou == null ? "no IoU" : `IoU ${iou.toFixed(4)}`;
    const text = `${section.name} (${section.number + 1} of ${this.data.total}): ${this.className(this.class)}, ${score}`;
    element("where").textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
    this.stage.setAttribute("aria-label", `Section ${text}`);
  }

  private draw(): void {
    const context = this.stage.getContext("2d");
    if (!context) {
      return;
    }
    const ratio = this.stage.width / this.size.width;
    const scale = this.camera.scale * ratio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.stage.width, this.stage.height);
    context.setTransform(scale, 0, 0, scale, this.stage.width / 2 - this.camera.x * scale, this.stage.height / 2 - this.camera.y * scale);
    context.imageSmoothingEnabled = scale < 2;
    if (this.painted) {
      context.drawImage(this.painted, 0, 0);
    }
    this.drawPlace(context, scale);
    this.drawBar();
  }

  private drawPlace(context: CanvasRenderingContext2D, scale: number): void {
    if (!this.place) {
      return;
    }
    const { factor } = this.picture.section;
    const [y, x, height, width] = [...this.place.start, ...this.place.size].map((voxels) => voxels / factor) as [number, number, number, number];
    const gap = 4 / scale;
    for (const [colour, line] of [["#000", 4], ["#fff", 2]] as const) {
      context.strokeStyle = colour;
      context.lineWidth = line / scale;
      context.strokeRect(x - gap, y - gap, width + 2 * gap, height + 2 * gap);
    }
  }

  private drawBar(): void {
    const nm = this.data.pixel_nm;
    const bar = element("scale-bar");
    bar.hidden = nm === null;
    if (nm) {
      const { pixels, text } = barOf((nm[1] * this.picture.section.factor) / this.camera.scale, Math.min(160, this.size.width / 3));
      bar.style.width = `${pixels}px`;
      (bar.firstElementChild as HTMLElement).textContent = text;
    }
  }
}
