/** The bytes of files whose pages wait: each once, until the last of its pages is answered. */
import { FormatError, RequestError } from "../errors.ts";
import { keptSeconds, prefix, type Store } from "./store.ts";

const fileKey = (hash: string): string => `${prefix}-files:${hash}`;
const waitingKey = (hash: string): string => `${prefix}-files:${hash}:pages`;

/** Keeps the bytes for a page. Throws RequestError (507) where Redis has no room. */
export async function keepFile({ redis, address }: Store, hash: string, bytes: Uint8Array, id: string): Promise<void> {
  try {
    // First who needs it: a worker that has just ended with another page then leaves it.
    await redis.multi().sadd(waitingKey(hash), id).expire(waitingKey(hash), keptSeconds).exec();
    if (await redis.expire(fileKey(hash), keptSeconds)) return;
    await redis.set(fileKey(hash), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), "EX", keptSeconds, "NX");
  } catch (error) {
    if (!/\bOOM\b/.test(String(error))) throw error;
    throw new RequestError(
      `Redis at ${address} has no room for more pages; repeat the command when workers have answered some, or raise its maxmemory`,
      507,
    );
  }
}

/** The bytes. Throws FormatError where they were given up. */
export async function fileOf({ redis }: Store, hash: string, name: string): Promise<Uint8Array> {
  const bytes = await redis.getBuffer(fileKey(hash));
  if (bytes) return bytes;
  throw new FormatError(`"${name}": its bytes are gone from Redis, where they stay for a week; submit it again`);
}

/** The page needs the bytes no more; those that none needs are removed. */
export async function leaveFile({ redis }: Store, hash: string, id: string): Promise<void> {
  const script =
    'redis.call("SREM", KEYS[2], ARGV[1]); if redis.call("SCARD", KEYS[2]) == 0 then redis.call("DEL", KEYS[1], KEYS[2]) end';
  await redis.eval(script, 2, fileKey(hash), waitingKey(hash), id);
}
