/**
 * Actions on their way to the server: sent strictly in order, one at a time, and kept by the browser until they are acknowledged.
 */
import { ServerError } from "./request.js";
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 3_000;
export class ActionQueue {
    storageKey;
    act;
    events;
    items = [];
    open = false;
    sending = false;
    retryMs = FIRST_RETRY_MS;
    /** Grows when an answer comes, so that a state asked for before it is known to be old. */
    answers = 0;
    constructor(storageKey, act, events) {
        this.storageKey = storageKey;
        this.act = act;
        this.events = events;
    }
    get length() {
        return this.items.length;
    }
    get actions() {
        return this.items.map(({ action }) => action);
    }
    push(action) {
        this.items.push({ id: crypto.randomUUID(), action });
        this.changed();
        void this.run();
    }
    /** This window may change the project: sends what waits, also what an earlier window left. */
    start() {
        if (this.open)
            return;
        this.open = true;
        const known = new Set(this.items.map(({ id }) => id));
        this.items = [...this.kept().filter(({ id }) => !known.has(id)), ...this.items];
        this.changed();
        void this.run();
    }
    /** Another window changes the project; nothing is sent until `start`. */
    stop() {
        this.open = false;
    }
    async run() {
        if (this.sending)
            return;
        this.sending = true;
        for (let item = this.items[0]; item !== undefined && this.open; item = this.items[0]) {
            if (!(await this.send(item)))
                await this.pause();
        }
        this.sending = false;
    }
    /** Sends one action; false when it must be sent again later. */
    async send({ id, action }) {
        try {
            const reply = await this.act(id, action);
            this.remove(id);
            this.events.waiting(null);
            this.events.acknowledged(action, reply);
            return true;
        }
        catch (error) {
            return this.failed(id, action, error);
        }
    }
    failed(id, action, error) {
        if (!(error instanceof ServerError))
            return false;
        if (error.status === 409)
            this.stop();
        if (error.status === 409 || error.status >= 500) {
            this.events.waiting(error.status === 507 ? error.message : null);
            return false;
        }
        this.remove(id);
        this.events.refused(action, error.message);
        return true;
    }
    async pause() {
        await new Promise((resolve) => setTimeout(resolve, this.retryMs));
        this.retryMs = Math.min(LAST_RETRY_MS, this.retryMs * 2);
    }
    remove(id) {
        this.items = this.items.filter((item) => item.id !== id);
        this.retryMs = FIRST_RETRY_MS;
        this.answers++;
        this.changed();
    }
    changed() {
        try {
            localStorage.setItem(this.storageKey, JSON.stringify(this.items));
        }
        catch {
            // The browser's store is full: the actions are still here, until the window closes.
        }
        this.events.changed();
    }
    kept() {
        try {
            return JSON.parse(localStorage.getItem(this.storageKey) ?? "[]");
        }
        catch {
            return [];
        }
    }
}
