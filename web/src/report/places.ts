/** The list of the worst places: a picture of each, and a click that shows it in the browser. */
import type { Place } from "./contract.js";
import { PLAIN } from "./painting.js";
import type { Viewer } from "./viewer.js";

/** How much is around a place in its picture, in boxes of the place. */
const AROUND = 2;
/** Pixels that a picture shows at least along its width. */
const LEAST = 48;
/** Whole sections that are printed, of all classes. */
const PRINTED = 6;

export function listPlaces(places: Place[], viewer: Viewer): void {
  const drawn: [Place, HTMLCanvasElement][] = [];
  for (const button of document.querySelectorAll<HTMLButtonElement>("button.place")) {
    const place = places[Number(button.dataset["number"])];
    const canvas = button.querySelector("canvas");
    if (!place || !canvas) {
      continue;
    }
    button.addEventListener("click", () => viewer.jump(place));
    drawn.push([place, canvas]);
  }
  void drawAll(drawn, places, viewer);
}

/** Draws one after another, so that the browser has time for who looks at something else. */
async function drawAll(drawn: [Place, HTMLCanvasElement][], places: Place[], viewer: Viewer): Promise<void> {
  for (const [place, canvas] of drawn) {
    await drawPlace(place, canvas, viewer);
  }
  await printed(places, viewer);
}

async function drawPlace(place: Place, canvas: HTMLCanvasElement, viewer: Viewer): Promise<void> {
  const picture = viewer.pictures[place.embedded];
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
  const worst = places.filter((place, at) => places.findIndex((other) => other.embedded === place.embedded && other.class === place.class) === at);
  // The worst one of each class, then the second ones, and so on.
  const rank = (place: Place) => worst.filter((other) => other.class === place.class).indexOf(place);
  const shown = [...worst].sort((a, b) => rank(a) - rank(b)).slice(0, PRINTED);
  for (const place of shown.sort((a, b) => a.class - b.class)) {
    const picture = viewer.pictures[place.embedded];
    if (!picture || !holder) {
      continue;
    }
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = `${viewer.className(place.class)}, ${picture.section.name}: found green, wrong vermilion, missed sky blue`;
    figure.append(await picture.painted(place.class, PLAIN), caption);
    holder.append(figure);
  }
}
