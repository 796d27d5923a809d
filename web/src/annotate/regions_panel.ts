/**
 * The block of reviewed regions, and the card of the proposed box.
 */
import type { App } from "./app.js";
import type { Region } from "./contract.js";
import { byId, make, rebuild, setText } from "./dom.js";
import { removeRegion } from "./operations.js";

export function makeRegions(app: App): () => void {
  return () => {
    const { regions } = app.state;
    rebuild(byId("regions"), [regions, app.selectedRegion], () => regions.map((region) => row(app, region)));
    byId("no-regions").hidden = regions.length > 0;
    setText(byId("region-count"), regions.length === 0 ? "" : String(regions.length));
    byId("proposal").hidden = app.proposal === null;
    if (app.proposal !== null) setText(byId("proposal-why"), `Section ${app.proposal.start[0]}: ${app.proposal.why}`);
    showBeginning(app);
  };
}

function row(app: App, region: Region): HTMLElement {
  const { name, start, shape } = region;
  const where = `section ${start[0]}${shape[0] > 1 ? `–${start[0] + shape[0] - 1}` : ""}`;
  const go = make("button", { className: "region", title: `Show region ${name}` }, make("b", { textContent: name }), make("span", { textContent: `${where}, ${shape[1]} × ${shape[2]}` }));
  go.ariaPressed = String(app.selectedRegion === name);
  go.addEventListener("click", () => {
    app.selectedRegion = name;
    app.flyTo(region);
  });
  const remove = make("button", { className: "close", textContent: "×", title: `Remove region ${name}; Ctrl+Z brings it back`, ariaLabel: `Remove region ${name}` });
  remove.addEventListener("click", () => removeRegion(app, name));
  return make("li", {}, go, remove);
}

/** The hint how to begin stays until something is labelled. */
function showBeginning(app: App): void {
  const { painted, regions, sources, loading } = app.state;
  const empty = regions.length === 0 && Object.values(painted).every((sections) => sections.length === 0);
  byId("beginning").hidden = !empty || app.proposal !== null || (loading && sources.length === 0) || app.session.connection === "connecting";
  byId("begin-with-source").hidden = sources.length === 0;
  byId("begin-without-source").hidden = sources.length > 0;
}
