/** What bytes are known by. */
import { createHash } from "node:crypto";

/** The SHA-256 of the parts one behind the other, as hexadecimal digits. */
export function sha256(...parts: readonly (string | NodeJS.ArrayBufferView)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
