import { ServerError, server } from "./server.js";
const HEARTBEAT_MS = 1_000;
export class Session {
    events;
    connection = "connecting";
    timer = 0;
    constructor(events) {
        this.events = events;
    }
    /** Asks for the first time and then every second; resolves with the first answer or failure. */
    async start() {
        window.addEventListener("pagehide", () => server.end());
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
            const state = await server.session();
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
