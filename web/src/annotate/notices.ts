/**
 * Messages to the person: notes that fade, errors that need closing, banners for lasting trouble, and the cover over the page.
 */
import type { Job, State } from "./contract.js";
import { byId, make, setText } from "./dom.js";
import type { Connection } from "./session.js";

const SHORTEST_NOTE_MS = 5_000;
/** About the speed of slow reading. */
const MS_PER_CHARACTER = 70;
const JOB_NAMES: Record<Job["kind"], string> = {
  train: "Training",
  predict: "Prediction",
  measure: "Measuring",
  export: "Export",
};

export class Notices {
  private readonly notes = byId("notes");
  private readonly errors = byId("errors");
  private readonly banners = new Map<string, string>();

  say(text: string): void {
    const note = this.add(this.notes, "note", text);
    const gone = (): void => note.remove();
    let timer = setTimeout(gone, SHORTEST_NOTE_MS + MS_PER_CHARACTER * text.length);
    // What the pointer rests on is being read.
    note.addEventListener("pointerenter", () => clearTimeout(timer));
    note.addEventListener("pointerleave", () => {
      timer = setTimeout(gone, SHORTEST_NOTE_MS);
    });
  }

  fail(text: string): void {
    const same = [...this.errors.children].some((error) => error.firstElementChild?.textContent === text);
    if (!same) this.add(this.errors, "note error", text);
  }

  /** Shows that something goes on; the returned function ends it. */
  busy(text: string): () => void {
    const note = make("div", { className: "note busy" }, make("span", { className: "spinner" }), make("p", { textContent: text }));
    this.notes.append(note);
    return () => note.remove();
  }

  /** Shows or removes (null) a trouble that lasts. */
  banner(kind: string, text: string | null): void {
    if (text === null) this.banners.delete(kind);
    else this.banners.set(kind, text);
    const banner = byId("banner");
    banner.hidden = this.banners.size === 0;
    setText(banner, [...this.banners.values()].join("\n"));
  }

  connection(connection: Connection, reason: string): void {
    this.banner("connection", connection === "gone" ? reason : null);
    const cover = byId("cover");
    cover.hidden = connection !== "taken";
    for (const behind of document.querySelectorAll<HTMLElement>("main, footer, aside")) behind.inert = connection === "taken";
    if (connection !== "taken") return;
    setText(byId("cover-title"), "This project is open in another window");
    setText(byId("cover-reason"), reason);
    setText(byId("cover-hint"), "This page goes on by itself as soon as the other window is closed.");
  }

  /** Tells what is new in a state: the server's messages, and the end of a job. */
  news(before: State, now: State): void {
    const known = [...before.messages];
    for (const message of now.messages) {
      const position = known.indexOf(message);
      if (position >= 0) known.splice(position, 1);
      else this.say(message);
    }
    if (now.job !== null && ended(before.job, now.job)) this.jobEnded(now.job);
  }

  private jobEnded({ kind, state, message }: Job): void {
    const name = JOB_NAMES[kind];
    if (state === "failed") this.fail(`${name} failed. ${message ?? ""}`);
    else if (state === "stopped") this.say(`${name} was stopped.`);
    else this.say(`${name} is done. ${message ?? ""}`);
  }

  private add(parent: HTMLElement, className: string, text: string): HTMLElement {
    const close = make("button", { className: "close", textContent: "×", title: "Close", ariaLabel: "Close this message" });
    const note = make("div", { className }, make("p", { textContent: text }), close);
    close.addEventListener("click", () => note.remove());
    parent.append(note);
    return note;
  }
}

export function jobName(job: Job): string {
  return JOB_NAMES[job.kind];
}

function ended(before: Job | null, now: Job): boolean {
  return before?.state === "running" && now.state !== "running" && before.kind === now.kind;
}
