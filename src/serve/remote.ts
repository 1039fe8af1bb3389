/** Images at addresses of the web, fetched without letting a request reach what only this machine can. */
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import PQueue from "p-queue";
import { RequestFilteringHttpAgent, RequestFilteringHttpsAgent } from "request-filtering-agent";
import { RequestError } from "../errors.ts";

/** Fetches the bytes at an address. */
export type Fetch = (url: URL, signal: AbortSignal) => Promise<Uint8Array>;

const patienceMs = 10_000;
const redirects = 3;
const atOnce = 4;

/** Fetches at most so many bytes from public addresses alone: private, loopback, link-local, unique-local and mapped ones are refused after the name was
 *  resolved, at the first address and at every redirect, and the connection is made to the address that was looked at. `allowed`: addresses that are let
 *  through all the same. Throws RequestError. */
export function remoteImages(maxBytes: number, allowed: readonly string[] = []): Fetch {
  const filter = { allowIPAddressList: [...allowed] };
  const agents = { "http:": new RequestFilteringHttpAgent(filter), "https:": new RequestFilteringHttpsAgent(filter) };
  const queue = new PQueue({ concurrency: atOnce });

  async function bytesAt(url: URL, signal: AbortSignal, left: number): Promise<Uint8Array> {
    const response = await answered(url, signal);
    const { statusCode = 0, headers } = response;
    if ([301, 302, 303, 307, 308].includes(statusCode) && headers.location) {
      response.destroy();
      if (left === 0) throw new RequestError(`redirects more than ${redirects} times`);
      return bytesAt(new URL(headers.location, url), signal, left - 1);
    }
    if (statusCode !== 200) {
      response.destroy();
      throw new RequestError(`answers with status ${statusCode}`);
    }
    return whole(response, maxBytes);
  }

  function answered(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
    const { protocol } = url;
    if (protocol !== "http:" && protocol !== "https:") throw new RequestError("leads to what is no web page");
    const { get } = protocol === "http:" ? http : https;
    return new Promise((resolve, reject) => {
      get(url, { agent: agents[protocol], signal }, resolve).on("error", ({ message }) =>
        reject(new RequestError(/is not allowed/.test(message) ? "is at no public address" : "does not answer")),
      );
    });
  }

  return (url, signal) =>
    queue.add(async () => {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
      try {
        return await bytesAt(url, patience, redirects);
      } catch (error) {
        signal.throwIfAborted();
        const why = error instanceof RequestError ? error.message : "cannot be fetched";
        throw new RequestError(`"${url.href.slice(0, 200)}" ${why}; send the image itself as a data URL`);
      }
    });
}

async function whole(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response) {
    length += piece.length;
    if (length > maxBytes) throw new RequestError(`is larger than ${maxBytes / 1e6} MB, the limit`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
