/**
 * Corrections of objects: edits on their way to the server, and what the page shows after each.
 */
import { ActionQueue } from "../annotate/queue.js";
import { ServerError } from "../annotate/request.js";
import { type Connection, Session } from "../annotate/session.js";
import type { App } from "./app.js";
import type { Edit, EditLog, EditReply } from "./contract.js";
import { server } from "./server.js";

interface LayerEdit {
  layer: string;
  edit: Edit;
  /** The labels that it was made on. */
  labels: string;
}

const NO_LOG: EditLog = { edits: [], can_undo: false, can_redo: false };
const EMPTY_POLL_MS = 100;

export class Corrections {
  log: EditLog = NO_LOG;
  connection: Connection = "connecting";
  /** Something was corrected and not saved. */
  unsaved = false;
  private readonly queue: ActionQueue<LayerEdit, EditReply>;

  constructor(private readonly app: App) {
    this.queue = new ActionQueue(`view edits ${location.pathname}`, (id, { layer, edit, labels }) => server.edit(layer, id, edit, labels), {
      acknowledged: ({ layer, edit }, reply) => this.acknowledged(layer, edit, reply),
      refused: (_, message) => app.notices.fail(message),
      waiting: (reason) => app.notices.banner("queue", reason),
      changed: () => app.changed(),
    });
  }

  /** Whether the objects that are listed can be corrected: they have been measured, and no other window does. */
  get isPossible(): boolean {
    return this.app.layer?.can_correct === true && this.app.tableState.state === "ready" && this.connection !== "taken";
  }

  /** Edits that the server has not acknowledged. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Objects that edits on their way will change. */
  get waitingObjects(): Set<number> {
    return new Set(this.queue.actions.flatMap(({ edit }) => objectsOf(edit)));
  }

  async start(): Promise<void> {
    if (!this.app.stack.layers.some(({ can_correct }) => can_correct)) return;
    const calls = { beat: server.session, end: server.end };
    const session = new Session<unknown>(calls, {
      asking: () => {},
      state: () => this.queue.start(),
      connection: (connection, reason) => this.connected(connection, reason),
    });
    await session.start();
    await this.look();
  }

  private connected(connection: Connection, reason: string): void {
    const wasAway = this.connection === "taken" || this.connection === "gone";
    this.connection = connection;
    if (connection === "taken") this.queue.stop();
    const taken = `${reason} Look around here; correct there, or close it.`;
    this.app.notices.banner("connection", connection === "gone" ? reason : connection === "taken" ? taken : null);
    if (wasAway && connection === "open") void this.catchUp();
    this.app.changed();
  }

  /** Shows what another window did while it had the corrections, or the program before it was started again. */
  private async catchUp(): Promise<void> {
    try {
      for (const { name, revision } of (await server.stack()).layers) this.app.setRevision(name, revision);
    } catch {
      // The heartbeat says that the server does not answer.
    }
    await Promise.all([this.look(), this.app.loadTable()]);
  }

  /** Asks what can be undone. */
  async look(): Promise<void> {
    const { layer } = this.app;
    if (layer?.can_correct !== true) return;
    try {
      this.log = await server.edits(layer.name);
    } catch {
      // The heartbeat says that the server does not answer.
    }
    this.app.changed();
  }

  edit(edit: Edit): void {
    const { layer, tableState } = this.app;
    if (layer === null || tableState.state !== "ready" || !this.isPossible) return;
    this.queue.push({ layer: layer.name, edit, labels: tableState.labels });
  }

  /** Judges the chosen object and goes on to the next one in doubt. */
  judge(kind: "delete" | "keep"): void {
    const { object } = this.app;
    if (object === null || !this.isPossible) return;
    this.edit({ kind, object });
    this.next();
  }

  /** Goes to the next object in doubt; without doubts, to the next row. */
  next(): void {
    const { object, objects } = this.app;
    const waiting = this.waitingObjects;
    const doubtful = objects.nextDoubtful(object, (id) => waiting.has(id));
    const row = objects.shown[(object === null ? -1 : objects.positionOf(object)) + 1] ?? null;
    const next = objects.columns.includes("doubt") ? doubtful : row;
    if (next !== null) this.app.choose(next);
    else this.app.notices.say(this.app.tableState.state === "measuring" ? "The objects are still being measured." : "No object is left to look at.");
  }

  async save(): Promise<void> {
    const { layer, notices } = this.app;
    if (layer === null || !this.isPossible) return;
    const done = notices.busy("Writing the corrected objects");
    try {
      while (this.waiting > 0) {
        if (!this.isPossible) throw new Error("The corrections are not ours any more.");
        await new Promise((resolve) => setTimeout(resolve, EMPTY_POLL_MS));
      }
      const { paths, message } = await server.save(layer.name);
      this.unsaved = false;
      notices.say(message ?? `Written: ${paths.join(", ")}`);
    } catch (error) {
      notices.fail(told(error));
    } finally {
      done();
      this.app.changed();
    }
  }

  /** Makes the chosen object's box a reviewed region for the next training. */
  async region(): Promise<void> {
    const { layer, object, notices } = this.app;
    if (layer === null || object === null || !this.isPossible || !this.app.stack.is_project) return;
    try {
      notices.say((await server.region(layer.name, object)).message);
    } catch (error) {
      notices.fail(told(error));
    }
  }

  private acknowledged(layer: string, edit: Edit, reply: EditReply): void {
    const { app } = this;
    this.log = { ...this.log, can_undo: reply.can_undo, can_redo: reply.can_redo };
    this.unsaved = true;
    app.setRevision(layer, reply.revision);
    if (reply.message !== null) app.notices.say(reply.message);
    if (layer !== app.layer?.name) return;
    app.objects.apply(reply);
    this.follow(edit, reply);
    void this.look();
  }

  /** Chooses what an edit made or brought back; lets go of what is no more. */
  private follow(edit: Edit, reply: EditReply): void {
    const { app } = this;
    const column = app.objects.columns.indexOf("id");
    const made = reply.rows.map((row) => Number(row[column]));
    if (edit.kind === "split" || edit.kind === "cut" || edit.kind === "merge") return app.select(made);
    if (edit.kind === "undo" || edit.kind === "redo") {
      if (made.length > 0) app.select(made);
      const [first] = made;
      if (first !== undefined) void app.fly(first);
    }
    app.select(app.chosen.filter((id) => app.objects.has(id)));
  }
}

function objectsOf(edit: Edit): number[] {
  if ("objects" in edit) return edit.objects;
  return "object" in edit ? [edit.object] : [];
}

function told(error: unknown): string {
  return error instanceof ServerError ? error.message : "The program does not answer. Please try again.";
}
