/**
 * The page as a whole: loads the project, binds canvas, panel and keys, and starts the heartbeat.
 */
import { App } from "./app.js";
import { byId } from "./dom.js";
import { listenToKeys } from "./keys.js";
import { Notices } from "./notices.js";
import { makePanel } from "./panel.js";
import { server } from "./server.js";
const RETRY_MS = 1_000;
async function loadProject(notices) {
    for (;;) {
        try {
            return await server.project();
        }
        catch {
            notices.banner("connection", "The program does not answer. Trying again.");
            await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
    }
}
async function start() {
    const notices = new Notices();
    const project = await loadProject(notices);
    notices.banner("connection", null);
    let refresh = () => { };
    const app = new App(project, notices, byId("view"), () => refresh());
    refresh = makePanel(app);
    listenToKeys(app);
    project.state.messages.forEach((message) => notices.say(message));
    window.addEventListener("pagehide", () => app.saveSettings());
    await app.session.start();
    byId("starting").hidden = true;
    app.changed();
    return app;
}
function testAccess(starting) {
    let started = null;
    const ready = starting.then((app) => {
        started = app;
    });
    const app = () => {
        if (started === null)
            throw new Error("await annotate.ready first");
        return started;
    };
    const corner = () => app().viewer.canvas.getBoundingClientRect();
    return {
        ready,
        viewToVoxel: (cx, cy) => app().view.toPlane(cx - corner().left, cy - corner().top),
        voxelToView(y, x) {
            const [px, py] = app().view.toScreen(y, x);
            return [px + corner().left, py + corner().top];
        },
        goTo: (z, y, x, zoom = app().view.zoom) => app().motion.goTo([z + 0.5, y, x], zoom),
        state: () => describe(app()),
        pending: () => app().queue.length,
    };
}
function describe(app) {
    const { view, tool, className, state, session, settings, proposal, viewer } = app;
    const { axis, index, zoom, centre } = view;
    const { revision } = state;
    const [{ connection }, { loading }] = [session, viewer];
    return { axis, index, zoom, centre, tool, class: className, revision, connection, settings, proposal, loading };
}
window.annotate = testAccess(start());
