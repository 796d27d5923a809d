import { client, getJson, post, request } from "./request.js";
/** A heartbeat that takes longer than this counts as a server that does not answer. */
const HEARTBEAT_TIMEOUT_MS = 5_000;
/** Accepting a large region may compute suggestions first, so actions are given long. */
const ACTION_TIMEOUT_MS = 60_000;
export const server = {
    project: () => getJson("api/project"),
    session: () => post("api/session", {}, HEARTBEAT_TIMEOUT_MS),
    act: (id, action) => post("api/actions", { id, action }, ACTION_TIMEOUT_MS),
    next: () => post("api/next", {}),
    train: () => post("api/train", {}),
    use: (run) => post("api/use", { run }),
    predict: () => post("api/predict", {}),
    measure: () => post("api/measure", {}),
    export: (name, ending) => post("api/export", { class: name, ending }),
    stop: () => post("api/stop", {}),
    value: ([z, y, x]) => getJson(`api/value/${z}/${y}/${x}`),
    /** Tells that this window closes; works while the page is being left. */
    end() {
        const body = new Blob([JSON.stringify({ client })], { type: "application/json" });
        navigator.sendBeacon("api/session/end", body);
    },
    async picture(tile, signal) {
        const path = `api/raw/${tile.axis}/${tile.level}/${tile.index}/${tile.row}/${tile.column}`;
        return (await request(path, { signal })).blob();
    },
    labels: (tile, revision, signal) => planes(`api/labels/${section(tile)}?revision=${revision}`, signal),
    suggestions: (source, version, tile, signal) => planes(`api/suggestions/${encodeURIComponent(source)}/${section(tile)}?version=${encodeURIComponent(version)}`, signal),
};
function section(tile) {
    return `${tile.level}/${tile.index}/${tile.row}/${tile.column}`;
}
async function planes(path, signal) {
    const response = await request(path, { signal });
    const [classes = 0, height = 0, width = 0] = (response.headers.get("X-Shape") ?? "").split(",").map(Number);
    const data = new Uint8Array(await response.arrayBuffer());
    if (data.length !== classes * height * width) {
        throw new Error(`${path} has ${data.length} bytes, expected ${classes}x${height}x${width}`);
    }
    return { data, classes, height, width };
}
