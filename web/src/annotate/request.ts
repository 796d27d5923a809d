/**
 * Requests to the server. All addresses are relative to the page, which never handles the secret in its own address.
 */

/** An answer of the server that says no. A server that does not answer shows as any other exception. */
export class ServerError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** This window; the server lets one window at a time change a project. */
export const client = crypto.randomUUID();

export async function getJson<T>(path: string): Promise<T> {
  return (await request(path, {})).json() as Promise<T>;
}

export async function post<T>(path: string, body: object, timeoutMs?: number): Promise<T> {
  const response = await request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ client, ...body }),
    ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
  });
  return response.json() as Promise<T>;
}

export async function request(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(path, init);
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response: Response): Promise<ServerError> {
  const said = (await response.json().catch(() => ({}))) as { message?: string; error?: string; hint?: string };
  const message = said.message ?? said.error ?? `the program answered with status ${response.status}`;
  return new ServerError(response.status, said.hint ? `${sentence(message)}\n${sentence(said.hint)}` : sentence(message));
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
