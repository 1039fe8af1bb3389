/** Who may ask, from where, and how much at once. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { ProtocolError } from "./errors.ts";

/** Lets requests pass that carry one of the keys; all of them where there are none. Every key is compared, in the same time whatever it is. */
export function keyed(keys: readonly string[]): MiddlewareHandler {
  const known = keys.map(digest);
  return async function keyed(c, next) {
    const given = digest(/^Bearer (.+)$/i.exec(c.req.header("Authorization") ?? "")?.[1] ?? "");
    const found = known.filter((key) => timingSafeEqual(key, given));
    if (known.length === 0 || found.length > 0) return next();
    throw new ProtocolError(401, "no API key of this server; expected Authorization: Bearer KEY", {
      code: "invalid_api_key",
      headers: { "WWW-Authenticate": "Bearer" },
    });
  };
}

/** Digests are of one length, as the comparison asks. */
const digest = (key: string): Buffer => createHash("sha256").update(key).digest();

const loopback = ["localhost", "127.0.0.1", "[::1]"];

/** Keeps pages of other sites out: a request from one is refused unless its origin is named. Where the server is for this machine `alone`, so is one to
 *  another name, which a site can let lead here (DNS rebinding). */
export function local(origins: readonly string[], alone: boolean): MiddlewareHandler {
  const names = [...loopback, ...origins.map((origin) => new URL(origin).hostname)];
  return async function local(c, next) {
    const { host, hostname } = new URL(c.req.url);
    if (alone && !names.includes(hostname))
      throw new ProtocolError(403, `"${hostname}" is no name of this server; expected ${names.join(", ")}`);
    const origin = c.req.header("Origin");
    if (origin === undefined || origins.includes(origin) || hostOf(origin) === host) return next();
    throw new ProtocolError(403, `pages of ${origin} may not ask here; serve with --origin ${origin}`);
  };
}

const hostOf = (origin: string): string | undefined => (URL.canParse(origin) ? new URL(origin).host : undefined);

/** What browsers are told: nothing is loaded from elsewhere, and nobody shows this in a frame. */
export const headers = (): MiddlewareHandler =>
  secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'self'"],
      // PDFium draws the pages of a PDF in the browser: WebAssembly of ours, no code from a string.
      scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
      imgSrc: ["'self'", "blob:", "data:"],
      objectSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
    xFrameOptions: "DENY",
    referrerPolicy: "no-referrer",
    // For whoever serves through TLS to say.
    strictTransportSecurity: false,
  });

/** Bodies are JSON or forms with files: what a page of another site can send unasked is neither. */
export const typed: MiddlewareHandler = async (c, next) => {
  const type = c.req.header("Content-Type") ?? "";
  if (
    c.req.method !== "POST" ||
    (type === "" && !c.req.raw.body) ||
    /^(application\/json|multipart\/form-data)\s*(;|$)/i.test(type)
  )
    return next();
  throw new ProtocolError(415, `Content-Type is "${type}"; expected application/json`);
};

/** Refuses a request where the bodies of those that are being answered have so many bytes together with its own. */
export function bounded(maxBytes: number, maxBody: number): MiddlewareHandler {
  let held = 0;
  return async function bounded(c, next) {
    let own = 0;
    let refused: ProtocolError | undefined;
    const hold = (bytes: number): void => {
      if (held + bytes > maxBytes) {
        refused = new ProtocolError(429, "too many images are being asked about; ask again in a moment", {
          code: "too_many_bytes",
          headers: { "Retry-After": "1" },
        });
        throw refused;
      }
      held += bytes;
      own += bytes;
    };
    const { raw } = c.req;
    const told = c.req.header("Content-Length");
    // One that is too large alone is refused for that.
    if (told) hold(Math.min(Number(told) || 0, maxBody));
    else if (raw.body) c.req.raw = new Request(raw, { body: counted(raw.body, hold), duplex: "half" } as RequestInit);
    try {
      await next();
      // Who reads a body takes its error for bad JSON.
      if (refused) throw refused;
    } finally {
      held -= own;
    }
  };
}

/** A body that comes in pieces, without its length; each piece is counted. */
function counted(body: ReadableStream<Uint8Array>, count: (bytes: number) => void): ReadableStream<Uint8Array> {
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        count(piece.length);
        controller.enqueue(piece);
      },
    }),
  );
}

/** The answer to a body that is too large. */
export function tooLarge(bytes: number): never {
  throw new ProtocolError(
    413,
    `the body is larger than ${bytes / 1e6} MB, the limit; send smaller images, or serve with --max-body`,
  );
}
