/** What a server keeps on the disk, under GALAGO_HOME: files and batches. One server at a time has them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { locked } from "../run/lock.ts";
import type { Answerer } from "./answering.ts";
import { type Batches, batchesIn } from "./batch.ts";
import { type FileStore, fileStore } from "./store.ts";

/** It is opened when it is first used. Throws RequestError (409) where another process has it. */
export interface Storage {
  files(): Promise<FileStore>;
  batches(): Promise<Batches>;
  /** Goes on with the batches that an earlier server left. */
  begin(): Promise<void>;
  /** Stops the batches; the next server goes on with them. */
  close(): Promise<void>;
}

interface Opened {
  readonly files: FileStore;
  readonly batches: Batches;
  release(): void;
}

/** The storage in a folder. */
export function storage(home: string, answerer: Answerer, failed: (error: unknown) => void): Storage {
  const folder = join(home, "serve");
  let opening: Promise<Opened> | undefined;

  async function open(): Promise<Opened> {
    const release = await hold(join(home, "locks", "serve"));
    const files = fileStore(join(folder, "files"));
    return { files, batches: batchesIn(join(folder, "batches"), files, answerer, failed), release };
  }

  function opened(): Promise<Opened> {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  return {
    files: async () => (await opened()).files,
    batches: async () => (await opened()).batches,
    async begin() {
      if (existsSync(folder)) await opened();
    },
    async close() {
      const open = await opening?.catch(() => undefined);
      await open?.batches.close();
      open?.release();
    },
  };
}

/** Takes a lock until what is returned is called. */
const hold = (path: string): Promise<() => void> =>
  new Promise((taken, refused) => {
    const work = () => new Promise<void>((release) => taken(release));
    locked(path, "the files and batches of a server are worked on", work).catch(refused);
  });
