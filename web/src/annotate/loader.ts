/**
 * Runs the requests for tiles: a few at once, in the order wanted, and ends those that are no longer wanted.
 */

export interface Want {
  key: string;
  /** Slow ones (a network computes them) may take only some of the places. */
  slow: boolean;
  load(signal: AbortSignal): Promise<void>;
}

/** Browsers open six connections to a server; one stays free for the heartbeat and for actions. */
const MAX_REQUESTS = 5;
const MAX_SLOW_REQUESTS = 2;
const RETRY_AFTER_MS = 2_000;

interface Running {
  slow: boolean;
  abort: AbortController;
}

export class Loader {
  private wanted: Want[] = [];
  private readonly running = new Map<string, Running>();
  private readonly retryAt = new Map<string, number>();

  /** `loaded` is called after each tile that came, and when one that failed may be tried again. */
  constructor(private readonly loaded: () => void) {}

  get busy(): boolean {
    return this.running.size > 0;
  }

  /** Replaces the list of wanted tiles, most urgent first. */
  want(list: Want[]): void {
    this.wanted = list;
    const keys = new Set(list.map(({ key }) => key));
    for (const [key, { abort }] of this.running) {
      if (!keys.has(key)) {
        abort.abort();
        this.running.delete(key);
      }
    }
    this.startNext();
  }

  private startNext(): void {
    for (const want of this.wanted) {
      if (this.running.size >= MAX_REQUESTS) return;
      if (this.mayStart(want)) void this.start(want);
    }
  }

  private mayStart({ key, slow }: Want): boolean {
    if (this.running.has(key) || (this.retryAt.get(key) ?? 0) > performance.now()) return false;
    return !slow || [...this.running.values()].filter((other) => other.slow).length < MAX_SLOW_REQUESTS;
  }

  private async start(want: Want): Promise<void> {
    const abort = new AbortController();
    this.running.set(want.key, { slow: want.slow, abort });
    try {
      await want.load(abort.signal);
      this.retryAt.delete(want.key);
    } catch {
      // Whether the server answers at all is the session's to tell; a tile is simply asked for again.
      if (!abort.signal.aborted) this.retryLater(want.key);
    }
    if (abort.signal.aborted) return;
    this.running.delete(want.key);
    this.loaded();
    this.startNext();
  }

  private retryLater(key: string): void {
    this.retryAt.set(key, performance.now() + RETRY_AFTER_MS);
    setTimeout(() => {
      this.retryAt.delete(key);
      this.loaded();
    }, RETRY_AFTER_MS);
  }
}
