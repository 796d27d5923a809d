/** The list of the worst places: a picture of each, and a click that shows it in the browser. */
import type { Place } from "./contract.js";
import { PLAIN } from "./painting.js";
import type { Viewer } from "./viewer.js";

/** How much is around a place in its picture, in boxes of the place. */
const AROUND = 2;
/** Pixels that a picture shows at least along its width. */
const LEAST = 48;
/** Whole sections that are printed. */
const PRINTED = 3;

export function listPlaces(places: Place[], viewer: Viewer): void {
  const buttons = [...document.querySelectorAll<HTMLButtonElement>("button.place")];
  for (const button of buttons) {
    const place = places[Number(button.dataset["number"])];
    const canvas = button.querySelector("canvas");
    if (!place || !canvas || place.embedded === null) {
      continue;
    }
    button.addEventListener("click", () => viewer.jump(place));
    void drawPlace(place, canvas, viewer);
  }
  void printed(places, viewer);
}

async function drawPlace(place: Place, canvas: HTMLCanvasElement, viewer: Viewer): Promise<void> {
  const picture = viewer.pictures[place.embedded ?? -1];
  const context = canvas.getContext("2d");
  if (!picture || !context) {
    return;
  }
  const painted = await picture.painted(place.class, PLAIN);
  const { factor } = picture.section;
  const [y, x, height, width] = [...place.start, ...place.size].map((voxels) => voxels / factor) as [number, number, number, number];
  const aspect = canvas.width / canvas.height;
  const seen = Math.max(width * AROUND, height * AROUND * aspect, LEAST);
  const scale = canvas.width / seen;
  context.fillStyle = "#808080";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = scale < 2;
  context.setTransform(scale, 0, 0, scale, canvas.width / 2 - (x + width / 2) * scale, canvas.height / 2 - (y + height / 2) * scale);
  context.drawImage(painted, 0, 0);
}

/** Draws the sections of the worst places for print, where nobody can browse. */
async function printed(places: Place[], viewer: Viewer): Promise<void> {
  const holder = document.getElementById("worst-sections");
  const worst = places.filter((place, at) => place.embedded !== null && places.findIndex((other) => other.embedded === place.embedded && other.class === place.class) === at);
  const classes = [...new Set(places.map((place) => place.class))];
  const shown = classes.flatMap((number) => worst.filter((place) => place.class === number).slice(0, PRINTED));
  for (const place of shown) {
    const picture = viewer.pictures[place.embedded ?? -1];
    if (!picture || !holder) {
      continue;
    }
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = `${viewer.className(place.class)}, ${picture.section.name}: found green, wrong vermilion, missed blue`;
    figure.append(await picture.painted(place.class, PLAIN), caption);
    holder.append(figure);
  }
}
