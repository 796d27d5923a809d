/**
 * Actions on their way to the server: sent strictly in order, one at a time, and kept by the browser until they are acknowledged.
 */
import { ServerError } from "./request.js";

interface Queued<Action> {
  id: string;
  action: Action;
}

export interface QueueEvents<Action, Reply> {
  acknowledged(action: Action, reply: Reply): void;
  /** The server will never do this action; it has been dropped. */
  refused(action: Action, message: string): void;
  /** The server keeps the action waiting for a reason that the person can change (a full disk); null when that is over. */
  waiting(reason: string | null): void;
  /** The number of waiting actions changed. */
  changed(): void;
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 3_000;

export class ActionQueue<Action, Reply> {
  private items: Queued<Action>[] = [];
  private open = false;
  private sending = false;
  private retryMs = FIRST_RETRY_MS;
  /** Grows when an answer comes, so that a state asked for before it is known to be old. */
  answers = 0;

  constructor(
    private readonly storageKey: string,
    private readonly act: (id: string, action: Action) => Promise<Reply>,
    private readonly events: QueueEvents<Action, Reply>,
  ) {}

  get length(): number {
    return this.items.length;
  }

  get actions(): Action[] {
    return this.items.map(({ action }) => action);
  }

  push(action: Action): void {
    this.items.push({ id: crypto.randomUUID(), action });
    this.changed();
    void this.run();
  }

  /** This window may change the project: sends what waits, also what an earlier window left. */
  start(): void {
    if (this.open) return;
    this.open = true;
    const known = new Set(this.items.map(({ id }) => id));
    this.items = [...this.kept().filter(({ id }) => !known.has(id)), ...this.items];
    this.changed();
    void this.run();
  }

  /** Another window changes the project; nothing is sent until `start`. */
  stop(): void {
    this.open = false;
  }

  private async run(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    for (let item = this.items[0]; item !== undefined && this.open; item = this.items[0]) {
      if (!(await this.send(item))) await this.pause();
    }
    this.sending = false;
  }

  /** Sends one action; false when it must be sent again later. */
  private async send({ id, action }: Queued<Action>): Promise<boolean> {
    try {
      const reply = await this.act(id, action);
      this.remove(id);
      this.events.waiting(null);
      this.events.acknowledged(action, reply);
      return true;
    } catch (error) {
      return this.failed(id, action, error);
    }
  }

  private failed(id: string, action: Action, error: unknown): boolean {
    if (!(error instanceof ServerError)) return false;
    if (error.status === 409) this.stop();
    if (error.status === 409 || error.status >= 500) {
      this.events.waiting(error.status === 507 ? error.message : null);
      return false;
    }
    this.remove(id);
    this.events.refused(action, error.message);
    return true;
  }

  private async pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.retryMs));
    this.retryMs = Math.min(LAST_RETRY_MS, this.retryMs * 2);
  }

  private remove(id: string): void {
    this.items = this.items.filter((item) => item.id !== id);
    this.retryMs = FIRST_RETRY_MS;
    this.answers++;
    this.changed();
  }

  private changed(): void {
    try {
      localStorage.setItem(this.storageKey, JSON.stringify(this.items));
    } catch {
      // The browser's store is full: the actions are still here, until the window closes.
    }
    this.events.changed();
  }

  private kept(): Queued<Action>[] {
    try {
      return JSON.parse(localStorage.getItem(this.storageKey) ?? "[]") as Queued<Action>[];
    } catch {
      return [];
    }
  }
}
