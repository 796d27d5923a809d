/**
 * Requests to the server. All addresses are relative to the page, which never handles the secret in its own address.
 */
/** An answer of the server that says no. A server that does not answer shows as any other exception. */
export class ServerError extends Error {
    status;
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}
/** This window; the server lets one window at a time change a project. */
export const client = crypto.randomUUID();
export async function getJson(path) {
    return (await request(path, {})).json();
}
export async function post(path, body, timeoutMs) {
    const response = await request(path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ client, ...body }),
        ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
    });
    return response.json();
}
export async function request(path, init) {
    const response = await fetch(path, init);
    if (!response.ok)
        throw await refusal(response);
    return response;
}
async function refusal(response) {
    const said = (await response.json().catch(() => ({})));
    const message = said.message ?? said.error ?? `the program answered with status ${response.status}`;
    return new ServerError(response.status, said.hint ? `${sentence(message)}\n${sentence(said.hint)}` : sentence(message));
}
function sentence(text) {
    return text.charAt(0).toUpperCase() + text.slice(1);
}
