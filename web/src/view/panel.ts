/**
 * The side panel and the bar: the table, the chosen object and its corrections; layers are in `layer_list.ts`.
 */
import { bindSlider, byId, make, rebuild, setText } from "../annotate/dom.js";
import { keyText } from "../annotate/key_names.js";
import type { App } from "./app.js";
import { makeBar } from "./bar.js";
import { command } from "./commands.js";
import { makeLayers } from "./layer_list.js";
import { Table, cellText, heading } from "./table.js";

export type Refresh = () => void;

/** Columns that are shown at first, where the table has them. */
const FIRST_COLUMNS = ["id", "doubt", "voxels", "doubt_reason"];
const FIRST_COLUMNS_WITHOUT_DOUBT = ["id", "voxels", "sphericity", "touches_border"];
const FACTS = ["class", "voxels", "volume_um3", "sphericity", "mean_probability"];
/** An edit that takes longer is said to be at work. */
const TYPING_MS = 150;

/** Binds all parts; returns what shows in them what changed. */
export function makePanel(app: App): Refresh {
  bindCommands(app);
  const parts = [makeHeader(app), makeLayers(app), makeTable(app), makeObject(app), makeBar(app)];
  return () => parts.forEach((refresh) => refresh());
}

/** Buttons with `data-command` run that command and get its title and key. */
function bindCommands(app: App): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-command]")) {
    const { title, keys, run } = command(button.dataset["command"] ?? "");
    button.title = `${title} (${keyText(keys[0] ?? "")})`;
    if (button.classList.contains("icon")) button.ariaLabel = title;
    button.addEventListener("click", () => run(app));
  }
  for (const button of byId("tools").querySelectorAll("button")) {
    button.append(make("kbd", { textContent: shortKey(button.dataset["command"] ?? "") }));
  }
}

/** Buttons have room for one letter. */
function shortKey(id: string): string {
  return keyText(command(id).keys.find((key) => key.length === 1) ?? "");
}

function makeHeader(app: App): Refresh {
  const { name, shape, voxel_size_nm, voxel_size_known } = app.stack;
  const size = voxel_size_known ? `${voxel_size_nm.map((nm) => Number(nm.toPrecision(4))).join(" × ")} nm` : "voxel size unknown";
  document.title = `${name} – view`;
  setText(byId("project"), name);
  byId("project").title = name;
  setText(byId("about"), `${shape.join(" × ")} voxels, ${size}`);
  return () => document.body.classList.toggle("narrow", !app.settings.panelOpen);
}

function makeTable(app: App): Refresh {
  byId("objects-block").hidden = app.layer === null;
  const select = byId<HTMLSelectElement>("object-layer");
  select.replaceChildren(...app.objectLayers.map(({ name }) => make("option", { textContent: name, value: name })));
  select.hidden = app.objectLayers.length < 2;
  select.addEventListener("change", () => app.setLayer(app.objectLayers.find(({ name }) => name === select.value)!));
  bindFilter(app);
  const table = new Table(
    byId("table"),
    () => app.objects,
    () => ({ columns: columnsOf(app), chosen: app.chosen, waiting: app.corrections.waitingObjects, colourOf: (id) => app.scene.colourOf(app.layer?.name ?? "", id) }),
    { choose: (id, adding) => app.choose(id, adding), sorted: () => app.changed() },
  );
  let revealed: number | null = null;
  return () => {
    select.value = app.layer?.name ?? "";
    table.refresh();
    if (app.object !== null && app.object !== revealed) table.reveal(app.object);
    revealed = app.object;
    showTableState(app);
    rebuild(byId("columns"), [app.objects.columns, columnsOf(app)], () => columnBoxes(app));
  };
}

function bindFilter(app: App): void {
  const filter = byId<HTMLInputElement>("filter");
  let timer = 0;
  filter.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      app.objects.setFilter(filter.value);
      byId("table").scrollTop = 0;
      app.changed();
    }, TYPING_MS);
  });
  filter.addEventListener("keydown", (event) => {
    if (event.key === "Escape" || event.key === "Enter") byId("table").focus();
  });
}

function showTableState(app: App): void {
  const { objects, tableState } = app;
  const measuring = tableState.state === "measuring";
  const isListed = tableState.state === "ready" || (measuring && tableState.isListed);
  byId("table").hidden = !isListed;
  const text = measuring ? `The objects are being measured${isListed ? " more closely" : ""}. The views work meanwhile.` : "message" in tableState ? tableState.message : "";
  setText(byId("table-state"), text);
  const progress = byId<HTMLProgressElement>("table-progress");
  progress.hidden = !measuring;
  if (measuring) progress.value = tableState.progress;
  const { shown, count, complaint } = objects;
  setText(byId("object-count"), !isListed ? "" : shown.length === count ? cellText(count) : `${cellText(shown.length)} of ${cellText(count)}`);
  setText(byId("filter-complaint"), complaint ?? "");
  byId("filter").ariaInvalid = String(complaint !== null);
}

/** The columns that the table shows. */
function columnsOf(app: App): string[] {
  const { columns } = app.objects;
  const first = columns.includes("doubt") ? FIRST_COLUMNS : FIRST_COLUMNS_WITHOUT_DOUBT;
  const wanted = app.settings.columns ?? first;
  // Without a number, a row has no name.
  return columns.filter((column) => column === "id" || wanted.includes(column)).sort((a, b) => rank(wanted, a) - rank(wanted, b));
}

function rank(wanted: string[], column: string): number {
  return column === "id" ? -1 : wanted.indexOf(column);
}

function columnBoxes(app: App): HTMLElement[] {
  const shown = columnsOf(app);
  return app.objects.columns.filter((column) => column !== "id").map((column) => {
    const box = make("input", { type: "checkbox", checked: shown.includes(column) });
    box.addEventListener("change", () => {
      const columns = columnsOf(app);
      app.set({ columns: box.checked ? [...columns, column] : columns.filter((other) => other !== column) });
    });
    return make("label", { className: "check" }, box, heading(column));
  });
}

function makeObject(app: App): Refresh {
  const block = byId("object-block");
  byId("cancel-tool").addEventListener("click", () => app.tools.cancel());
  byId("region-button").hidden = !app.stack.is_project;
  const radius = bindSlider("radius", () => app.settings.cutRadius, (cutRadius) => app.set({ cutRadius }), (value) => `${2 * value} vx`);
  return () => {
    const corrects = app.layer?.can_correct === true;
    block.hidden = app.layer === null || (!corrects && app.object === null);
    for (const part of block.querySelectorAll<HTMLElement>("#tools, .row, [data-command=next], #edit-state")) part.classList.toggle("unavailable", !corrects);
    showObject(app);
    showTool(app);
    showEdits(app);
    radius();
  };
}

function showObject(app: App): void {
  const { object, objects, chosen } = app;
  const title = object === null ? "No object chosen" : chosen.length > 1 ? `Object ${object} and ${chosen.length - 1} more` : `Object ${object}`;
  setText(byId("object-title"), title);
  const facts = object === null ? [] : FACTS.filter((column) => objects.cell(object, column) !== null).map((column) => `${column === "class" ? "" : `${heading(column)} `}${cellText(objects.cell(object, column))}`);
  setText(byId("object-facts"), facts.join(" · "));
  const reason = object === null ? null : objects.cell(object, "doubt_reason");
  const isKept = object !== null && objects.cell(object, "kept") === true;
  setText(byId("object-doubt"), isKept ? "Kept: judged to be right." : typeof reason === "string" && reason !== "" ? `In doubt: ${reason}.` : "");
}

function showTool(app: App): void {
  const { tools, corrections, object } = app;
  const possible = corrections.isPossible && object !== null;
  for (const button of byId("tools").querySelectorAll("button")) {
    button.disabled = !possible;
    const isTool = ["merge", "split", "cut"].includes(button.dataset["command"] ?? "");
    if (isTool) button.ariaPressed = String(tools.active === button.dataset["command"]);
  }
  setText(byId("tool-hint"), tools.hint);
  byId("tool-row").hidden = tools.active === null;
  byId("radius-row").hidden = tools.active !== "cut";
  const finish = byId("tool-row").querySelector<HTMLButtonElement>("[data-command=finish]")!;
  finish.hidden = tools.active !== "split";
  finish.disabled = !tools.canFinish;
  for (const element of [app.scene.container, byId("object-block")]) {
    if (tools.active === null) delete element.dataset["tool"];
    else element.dataset["tool"] = tools.active;
  }
}

function showEdits(app: App): void {
  const { corrections, object } = app;
  const { log, waiting, isPossible, unsaved } = corrections;
  const enable = (id: string, on: boolean): void => {
    byId("object-block").querySelector<HTMLButtonElement>(`[data-command="${id}"]`)!.disabled = !on;
  };
  enable("undo", isPossible && (log.can_undo || waiting > 0));
  enable("redo", isPossible && log.can_redo);
  enable("save", isPossible);
  enable("region", isPossible && object !== null);
  const counting = log.edits.filter(({ counts }) => counts).length;
  const done = counting === 0 ? "" : `${counting} ${counting === 1 ? "correction" : "corrections"}${unsaved ? ", not written yet" : ""}`;
  setText(byId("edit-state"), waiting > 0 ? `${waiting} on the way to the program…` : done);
}
