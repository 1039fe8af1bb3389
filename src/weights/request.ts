/** Requests that get through: redirects, another try after a passing failure, and the token for nobody but the hub. */
import { setTimeout } from "node:timers/promises";
import { RequestError } from "../errors.ts";

/** The hub as it is spoken to. */
export interface Hub {
  /** Such as https://huggingface.co; without a slash at its end. */
  readonly endpoint: string;
  /** Sent to the endpoint's own origin only. */
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Waits so many milliseconds. */
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<unknown>;
}

/** The hub that the environment names: HF_ENDPOINT, HF_TOKEN. Throws RequestError where the first is no address. */
export function hubOf({ HF_ENDPOINT, HF_TOKEN }: NodeJS.ProcessEnv, signal?: AbortSignal): Hub {
  const endpoint = (HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, "");
  const token = HF_TOKEN?.trim() || undefined;
  // Said without the token, which fetch's own error would repeat.
  if (token && !/^[!-~]+$/.test(token))
    throw new RequestError("HF_TOKEN holds characters that no token has; set it to the token alone");
  if (URL.canParse(endpoint) && /^https?:/.test(endpoint)) return { endpoint, token, signal };
  throw new RequestError(`HF_ENDPOINT is "${HF_ENDPOINT}", expected an address such as https://huggingface.co`);
}

/** Milliseconds before the second and each further try. */
const pauses = [1000, 2000, 4000, 8000, 16_000];

/** Longest wait that a server may ask for, in milliseconds. */
const longestWait = 600_000;

/** What may go better the next time. `moved`: this try got further than any before it; `afterMs`: the wait that the server asks for. */
export class Passing extends Error {
  readonly status: number;
  readonly afterMs: number | undefined;
  readonly moved: boolean;
  constructor(message: string, { status = 503, afterMs, moved = false }: Partial<Omit<Passing, keyof Error>> = {}) {
    super(message);
    this.status = status;
    this.afterMs = afterMs;
    this.moved = moved;
  }
}

/** What `attempt` returns, tried again after each Passing; tries that move on are not counted. Throws RequestError with the last one's words. */
export async function persist<T>({ signal, wait = pause }: Hub, attempt: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Passing)) throw error;
      if (error.moved) failures = 0;
      if (failures === pauses.length)
        throw new RequestError(`${error.message}, ${failures + 1} times in a row; run it again later`, error.status);
      await wait(Math.max(pauses[failures], error.afterMs ?? 0), signal);
    }
  }
}

const pause = (ms: number, signal?: AbortSignal): Promise<unknown> => setTimeout(ms, undefined, { signal });

/** The response to a GET, of status 200 or 206, after redirects. `what` is what messages call it. Throws RequestError where the hub refuses,
 *  Passing where another try may help. */
export async function reach(
  url: string,
  what: string,
  hub: Hub,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const home = new URL(hub.endpoint).origin;
  let at = new URL(url);
  for (let hops = 0; hops < 10; hops++) {
    const sent = new Headers(headers);
    if (hub.token && at.origin === home) sent.set("authorization", `Bearer ${hub.token}`);
    const response = await fetch(at, { redirect: "manual", signal: hub.signal, headers: sent }).catch((error) => {
      throw passing(error, `${what}: ${at.origin} cannot be reached`) ?? error;
    });
    if (response.ok) return response;
    await response.body?.cancel();
    const location = response.status >= 300 && response.status < 400 && response.headers.get("location");
    if (!location) throw refusal(response, `${what}: ${at.origin}`, at.origin === home, hub.token);
    at = new URL(location, at);
  }
  throw new RequestError(`${what}: ${home} redirects without end`, 502);
}

/** The Passing that fetch's error of a broken connection stands for; undefined for any other error. */
export function passing(error: unknown, message: string, moved = false): Passing | undefined {
  if (!(error instanceof TypeError) || !/^(fetch failed|terminated)$/.test(error.message)) return undefined;
  const { code, message: why } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return new Passing(`${message} (${code ?? why ?? error.message})`, { moved });
}

/** `where`: what was asked, of whom; `home`: whether that is the hub itself, which alone has accounts. */
function refusal({ status, headers }: Response, where: string, home: boolean, token: string | undefined): Error {
  const cures: Record<number, string> = {
    401: token
      ? "does not accept HF_TOKEN (401); make a token that may read it, or correct the name"
      : "asks who you are (401); set HF_TOKEN to a token that may read it, for a gated model accept its licence on its page first, or correct the name",
    403: "gives no access (403); accept its licence on its page there and set HF_TOKEN to a token of that account",
    404: "does not have it (404); correct the name",
  };
  if (home && cures[status]) return new RequestError(`${where} ${cures[status]}`, status);
  const message = `${where} answered ${status}`;
  if (status !== 408 && status !== 429 && status < 500)
    return new RequestError(`${message}; run it again later`, status);
  const afterMs = retryAfter(headers.get("retry-after"));
  if (afterMs <= longestWait) return new Passing(message, { status, afterMs });
  return new RequestError(
    `${message} and asks to wait ${Math.ceil(afterMs / 60_000)} minutes; run it again then`,
    status,
  );
}

/** Milliseconds that Retry-After asks for, in seconds or as a date; 0 for none. */
function retryAfter(text: string | null): number {
  if (!text) return 0;
  const ms = /^\d+$/.test(text) ? 1000 * Number(text) : Date.parse(text) - Date.now();
  return Math.max(ms || 0, 0);
}
