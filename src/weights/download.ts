/** One file over HTTP: what is there already is continued, what arrived wrong is not kept. */
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { FormatError, RequestError } from "../errors.ts";
import type { Remote } from "./hub.ts";
import { Part } from "./part.ts";
import { type Hub, Passing, passing, persist, reach } from "./request.ts";

// By range requests of our own: @huggingface/hub 2.17 begins an interrupted file anew and checks no hash.

/** Bytes of a file that lie on this disk, whole or in part. `path`: where it lies when it is whole. */
export function bytesHere(remote: Remote, path: string): number {
  const here = [path, partOf(remote, path)].find((file) => existsSync(file));
  return here ? Math.min(statSync(here).size, remote.bytes) : 0;
}

/** A part is named after what it is a part of: where the hub has another file by now, that is begun anew. */
const partOf = ({ sum }: Remote, path: string): string => `${path}.${sum.hex.slice(0, 8)}.part`;

/** Downloads a file to `path`, where it appears when it is whole and its hash is right; returns its SHA-256. `onBytes` hears how many came to
 *  those that were here, fewer than none where they were dropped. Throws RequestError, and FormatError for wrong bytes, which are removed. */
export async function download(
  remote: Remote,
  path: string,
  hub: Hub,
  onBytes: (count: number) => void = () => undefined,
): Promise<string> {
  mkdirSync(dirname(path), { recursive: true });
  const beside = partOf(remote, path);
  if (existsSync(path)) renameSync(path, beside);
  const part = await Part.open(beside, remote, onBytes);
  try {
    if (part.bytes >= remote.bytes && part.sum() !== remote.sum.hex) await part.restart();
    await persist(hub, () => fill(part, remote, hub));
  } finally {
    await part.close();
  }
  if (part.sum() !== remote.sum.hex) {
    rmSync(beside);
    throw wrong(remote, `has the hash ${part.sum()}, expected ${remote.sum.hex}`);
  }
  renameSync(beside, path);
  return part.sha256();
}

const wrong = ({ path }: Remote, found: string): FormatError =>
  new FormatError(`${path}: what arrived ${found}; nothing of it was kept, run it again`);

/** One try: the rest of the file, or all of it where the server knows no ranges or has another file by now. */
async function fill(part: Part, remote: Remote, hub: Hub): Promise<void> {
  if (part.bytes === remote.bytes) return;
  const response = await rest(part, remote, hub);
  const etag = response.headers.get("etag");
  if (part.bytes && !(from(response) === part.bytes && (!part.etag || !etag || part.etag === etag))) {
    await part.restart();
    if (response.status === 206) {
      await response.body?.cancel();
      throw new Passing(`${remote.path}: changed while it was downloaded`);
    }
  }
  part.etag = etag;
  try {
    for await (const piece of response.body ?? []) {
      if (part.bytes + piece.length > remote.bytes) {
        await part.restart();
        throw wrong(remote, `is more than the ${remote.bytes} bytes that were announced`);
      }
      await part.add(piece);
    }
  } catch (error) {
    throw passing(error, `${remote.path}: the connection broke`, part.moved()) ?? error;
  }
  if (part.bytes < remote.bytes)
    throw new Passing(`${remote.path}: ended after ${part.bytes} of ${remote.bytes} bytes`, { moved: part.moved() });
}

/** The bytes that are missing; a server that knows ranges sends them alone, as 206, if the file is still the one that was begun. */
async function rest(part: Part, remote: Remote, hub: Hub): Promise<Response> {
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (part.bytes) headers.range = `bytes=${part.bytes}-`;
  // If-Range compares strong tags only.
  if (part.bytes && part.etag?.startsWith('"')) headers["if-range"] = part.etag;
  try {
    return await reach(remote.url, remote.path, hub, headers);
  } catch (error) {
    if (!(error instanceof RequestError) || error.status !== 416) throw error;
    await part.restart();
    throw new Passing(`${remote.path}: is shorter than it was`);
  }
}

/** The first byte that a partial response holds; NaN in a whole one. */
const from = ({ headers, status }: Response): number =>
  status === 206 ? Number(/^bytes (\d+)-/.exec(headers.get("content-range") ?? "")?.[1]) : Number.NaN;
