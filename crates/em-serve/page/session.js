/**
 * The heartbeat to the server: whether it answers, whether this window may change the project, and what changed meanwhile.
 */
import { ServerError } from "./request.js";
const HEARTBEAT_MS = 1_000;
export class Session {
    calls;
    events;
    connection = "connecting";
    timer = 0;
    constructor(calls, events) {
        this.calls = calls;
        this.events = events;
    }
    /** Asks for the first time and then every second; resolves with the first answer or failure. */
    async start() {
        window.addEventListener("pagehide", () => this.calls.end());
        // Browsers slow down the timers of hidden windows; a window that is shown again asks at once.
        document.addEventListener("visibilitychange", () => {
            if (!document.hidden)
                void this.beat();
        });
        await this.beat();
    }
    async beat() {
        clearTimeout(this.timer);
        this.events.asking();
        try {
            const state = await this.calls.beat();
            this.become("open", "");
            this.events.state(state);
        }
        catch (error) {
            if (error instanceof ServerError && error.status === 409)
                this.become("taken", error.message);
            else
                this.become("gone", "The program does not answer. Your work is kept; trying again.");
        }
        clearTimeout(this.timer);
        this.timer = setTimeout(() => void this.beat(), HEARTBEAT_MS);
    }
    become(connection, reason) {
        if (connection === this.connection)
            return;
        this.connection = connection;
        this.events.connection(connection, reason);
    }
}
