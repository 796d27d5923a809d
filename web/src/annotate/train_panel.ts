/**
 * The block of training: the running job, its curve, and the trained networks.
 */
import type { App } from "./app.js";
import type { Job, Run, Score } from "./contract.js";
import { makeCurve } from "./curve.js";
import { byId, make, rebuild, setText } from "./dom.js";
import { jobName } from "./notices.js";
import { server } from "./server.js";

export function makeTrain(app: App): () => void {
  byId("train").addEventListener("click", () => void app.ask(server.train));
  byId("stop").addEventListener("click", () => void app.ask(server.stop));
  const showCurve = makeCurve(byId("curve"));
  return () => {
    const { job, runs } = app.state;
    byId<HTMLButtonElement>("train").disabled = isRunning(job);
    showJob(job);
    showCurve(job?.kind === "train" ? job.curve : []);
    rebuild(byId("runs"), runs, () => (runs.length === 0 ? [] : [table(app, runs)]));
    byId("no-runs").hidden = runs.length > 0 || isRunning(job);
  };
}

/** Opens the panel at the training block; Enter then starts it. */
export function showTrain(app: App): void {
  app.set({ panelOpen: true });
  document.body.classList.remove("narrow");
  const block = byId<HTMLDetailsElement>("train-block");
  block.open = true;
  block.scrollIntoView({ block: "start" });
  byId("train").focus({ preventScroll: true });
}

export function isRunning(job: Job | null): boolean {
  return job?.state === "running";
}

function showJob(job: Job | null): void {
  byId("job").hidden = job === null;
  if (job === null) return;
  const endings = { running: "is running", done: "is done", failed: "failed", stopped: "was stopped" };
  setText(byId("job-title"), `${jobName(job)} ${endings[job.state]}`);
  setText(byId("job-line"), isRunning(job) ? job.line : (job.message ?? job.line));
  byId("job").dataset["state"] = job.state;
  byId("stop").hidden = !isRunning(job);
  const bar = byId<HTMLProgressElement>("job-progress");
  bar.hidden = !isRunning(job);
  if (job.progress === null) bar.removeAttribute("value");
  else bar.value = job.progress;
  const link = byId<HTMLAnchorElement>("job-link");
  link.hidden = job.link === null;
  if (job.link !== null) link.href = job.link;
}

function table(app: App, runs: Run[]): HTMLElement {
  const head = make("thead", {}, make("tr", {}, ...["", "Dice", "before"].map((title) => make("th", { textContent: title }))));
  head.title = "Dice on left-out regions, with its interval. Before: the network that suggested when this one was trained.";
  return make("table", {}, head, ...[...runs].reverse().map((run) => runRows(app, run)), original(app, runs));
}

function runRows(app: App, run: Run): HTMLElement {
  const report = make("a", { href: `runs/${encodeURIComponent(run.name)}/report.html`, target: "_blank", textContent: `Run ${run.name}`, title: "Open the report of this training" });
  const last = run.in_use ? make("span", { className: "in-use", textContent: "in use" }) : useButton(app, run.name);
  const title = make("tr", {}, make("td", {}, report), make("td", { colSpan: 2 }, last));
  const rows = run.scores.map((score) => make("tr", {}, ...scoreCells(score)));
  if (rows.length === 0) rows.push(make("tr", {}, make("td", { colSpan: 3, textContent: "no left-out region to score on" })));
  return make("tbody", { className: run.in_use ? "used" : "" }, title, ...rows);
}

function scoreCells({ class: name, dice, interval, before }: Score): HTMLElement[] {
  const range = interval === null ? "" : `${interval[0].toFixed(2)}–${interval[1].toFixed(2)}`;
  return [
    make("td", { className: "class-name", textContent: name, title: name }),
    make("td", {}, make("b", { textContent: scoreText(dice) }), make("small", { textContent: range })),
    make("td", { textContent: scoreText(before) }),
  ];
}

function scoreText(score: number | null): string {
  return score === null ? "–" : score.toFixed(2);
}

/** The way back to the network that was there at the start. */
function original(app: App, runs: Run[]): HTMLElement {
  const used = runs.every(({ in_use }) => !in_use);
  const last = used ? make("span", { className: "in-use", textContent: "in use" }) : useButton(app, null);
  return make("tbody", {}, make("tr", {}, make("td", { textContent: "As at the start" }), make("td", { colSpan: 2 }, last)));
}

function useButton(app: App, run: string | null): HTMLElement {
  const button = make("button", { textContent: "Use", title: run === null ? "Suggest as at the start again" : `Let run ${run} make the suggestions` });
  button.addEventListener("click", () => void app.ask(() => server.use(run)));
  return button;
}
