/** Who may ask: API keys. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
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
