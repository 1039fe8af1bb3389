/** Files that clients left here, under ids of the server's own making: what a request names is looked up, and never is a path. */
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { bytesIn } from "../run/shelves.ts";
import { writeWhole } from "../weights/whole.ts";
import { ProtocolError } from "./errors.ts";

/** A file, as OpenAI tells of it. */
interface StoredFile {
  readonly id: string;
  readonly object: "file";
  readonly bytes: number;
  readonly created_at: number;
  readonly filename: string;
  readonly purpose: string;
}

/** All of them. Throws ProtocolError (404) for an id that there is not. */
export interface FileStore {
  list(): StoredFile[];
  get(id: string): StoredFile;
  read(id: string): Promise<Buffer>;
  /** Keeps a file; under an id that is there already, in its place. */
  put(content: Uint8Array | string, filename: string, purpose: string, id?: string): StoredFile;
  remove(id: string): void;
}

/** Most bytes of all files. */
const most = 10e9;

/** An id that nobody has. */
const fileId = (): string => `file-${randomUUID()}`;

/** Seconds since 1970. */
export const now = (): number => Math.floor(Date.now() / 1000);

/** The files in a folder, which is made. */
export function fileStore(folder: string): FileStore {
  mkdirSync(folder, { recursive: true });
  const files = new Map<string, StoredFile>();
  for (const file of jsonIn<StoredFile>(folder)) files.set(file.id, file);
  const contentOf = (id: string): string => join(folder, `${id}.data`);
  const factsOf = (id: string): string => join(folder, `${id}.json`);

  function get(id: string): StoredFile {
    const found = files.get(id);
    if (found) return found;
    throw new ProtocolError(404, `no file "${id}"; see /v1/files`, { param: "file_id" });
  }

  return {
    get,
    list: () => [...files.values()].sort((a, b) => b.created_at - a.created_at),
    read: async (id) => readFile(contentOf(get(id).id)),
    put(content, filename, purpose, id = fileId()) {
      const bytes = Buffer.byteLength(content);
      if (bytesIn(folder) + bytes > most)
        throw new ProtocolError(507, `the files would take more than ${most / 1e9} GB, the limit; delete some`);
      const file: StoredFile = { id, object: "file", bytes, created_at: now(), filename, purpose };
      // The facts come last: a file without them is none.
      writeWhole(contentOf(id), content);
      writeWhole(factsOf(id), JSON.stringify(file));
      files.set(id, file);
      return file;
    },
    remove(id) {
      const { id: own } = get(id);
      files.delete(own);
      rmSync(factsOf(own), { force: true });
      rmSync(contentOf(own), { force: true });
    },
  };
}

/** What the .json files of a folder hold. */
export const jsonIn = <T>(folder: string): T[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
