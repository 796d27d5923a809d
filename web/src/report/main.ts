/** What the pages of em-cli do: charts are drawn, sections browsed, tables sorted. The data are a block of JSON in the page. */
import type { PageData } from "./contract.js";
import { element, unfold } from "./dom.js";
import { listPlaces } from "./places.js";
import { plot } from "./plot.js";
import { filtered, sortable } from "./tables.js";
import { Viewer } from "./viewer.js";

const data = JSON.parse(element("data").textContent ?? "{}") as PageData;

for (const place of document.querySelectorAll<HTMLElement>(".plot")) {
  const chart = data.charts[place.dataset["place"] ?? ""]?.[Number(place.dataset["number"])];
  if (chart) {
    plot(chart, place);
  }
}
document.querySelectorAll<HTMLTableElement>("table.sortable").forEach(sortable);
document.querySelectorAll<HTMLInputElement>("input[data-table]").forEach(filtered);

if (data.browser) {
  const viewer = new Viewer(data.browser);
  listPlaces(data.places ?? [], viewer);
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-section]")) {
    button.addEventListener("click", () => {
      viewer.show(Number(button.dataset["section"]), button.dataset["class"]);
      viewer.reveal();
    });
  }
}

function followAddress(): void {
  const part = document.getElementById(location.hash.slice(1));
  if (part) {
    part.querySelectorAll(":scope > details").forEach((folded) => ((folded as HTMLDetailsElement).open = true));
    unfold(part);
  }
}
window.addEventListener("hashchange", followAddress);
followAddress();

// What is folded on the screen is whole on paper, and folded again afterwards.
let folded: HTMLDetailsElement[] = [];
window.addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll<HTMLDetailsElement>("details:not([open])")];
  folded.forEach((details) => (details.open = true));
});
window.addEventListener("afterprint", () => folded.forEach((details) => (details.open = false)));

const links = [...document.querySelectorAll<HTMLAnchorElement>("nav a")];
const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries.filter((entry) => entry.isIntersecting)) {
      links.forEach((link) => link.toggleAttribute("aria-current", link.hash === `#${entry.target.id}`));
    }
  },
  { rootMargin: "-20% 0px -70% 0px" },
);
document.querySelectorAll("main > section[id]").forEach((part) => seen.observe(part));
