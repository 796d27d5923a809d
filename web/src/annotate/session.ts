/**
 * The heartbeat to the server: whether it answers, whether this window may change the project, and what changed meanwhile.
 */
import { ServerError } from "./request.js";

/** `gone`: the server does not answer; `taken`: another window has the project open. */
export type Connection = "connecting" | "open" | "gone" | "taken";

/** What a session asks the server. */
export interface SessionCalls<State> {
  beat(): Promise<State>;
  /** Tells that this window closes. */
  end(): void;
}

export interface SessionEvents<State> {
  /** Called before the question, so that an answer that other news overtook can be told. */
  asking(): void;
  state(state: State): void;
  connection(connection: Connection, reason: string): void;
}

const HEARTBEAT_MS = 1_000;

export class Session<State> {
  connection: Connection = "connecting";
  private timer = 0;

  constructor(
    private readonly calls: SessionCalls<State>,
    private readonly events: SessionEvents<State>,
  ) {}

  /** Asks for the first time and then every second; resolves with the first answer or failure. */
  async start(): Promise<void> {
    window.addEventListener("pagehide", () => this.calls.end());
    // Browsers slow down the timers of hidden windows; a window that is shown again asks at once.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.beat();
    });
    await this.beat();
  }

  private async beat(): Promise<void> {
    clearTimeout(this.timer);
    this.events.asking();
    try {
      const state = await this.calls.beat();
      this.become("open", "");
      this.events.state(state);
    } catch (error) {
      if (error instanceof ServerError && error.status === 409) this.become("taken", error.message);
      else this.become("gone", "The program does not answer. Your work is kept; trying again.");
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.beat(), HEARTBEAT_MS);
  }

  private become(connection: Connection, reason: string): void {
    if (connection === this.connection) return;
    this.connection = connection;
    this.events.connection(connection, reason);
  }
}
