/** A file on its way: the bytes that arrived so far, on disk and in the sums that will tell whether they are right. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Sum } from "./hub.ts";

/** What is known of the whole: its length in bytes and its sum. */
interface Whole {
  readonly bytes: number;
  readonly sum: Sum;
}

/** Opened over what an earlier run left; `onBytes` hears of every change after that. */
export class Part {
  bytes = 0;
  /** The server's name for the content that it began to send. */
  etag: string | null = null;
  private furthest = 0;
  private sha!: Hash;
  private git: Hash | undefined;
  private readonly file: FileHandle;
  private readonly path: string;
  private readonly whole: Whole;
  private readonly onBytes: (count: number) => void;

  private constructor(file: FileHandle, path: string, whole: Whole, onBytes: (count: number) => void) {
    this.file = file;
    this.path = path;
    this.whole = whole;
    this.onBytes = onBytes;
    this.beginSums();
  }

  /** The bytes that are there are read once, for the sums. */
  static async open(path: string, whole: Whole, onBytes: (count: number) => void): Promise<Part> {
    const part = new Part(await open(path, "a"), path, whole, onBytes);
    for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) part.count(piece);
    part.furthest = part.bytes;
    return part;
  }

  async add(piece: Uint8Array): Promise<void> {
    await this.file.writeFile(piece).catch((error) => {
      throw Object.assign(error, { path: this.path });
    });
    this.count(piece);
    this.onBytes(piece.length);
  }

  /** Forgets all bytes. */
  async restart(): Promise<void> {
    await this.file.truncate(0);
    this.onBytes(-this.bytes);
    this.bytes = 0;
    this.etag = null;
    this.beginSums();
  }

  /** Whether there are more bytes than whenever this was asked before. */
  moved(): boolean {
    const before = this.furthest;
    this.furthest = Math.max(before, this.bytes);
    return this.bytes > before;
  }

  /** SHA-256 of the bytes so far, in hexadecimal digits. */
  sha256(): string {
    return this.sha.copy().digest("hex");
  }

  /** The sum of the bytes so far, of the kind by which the whole is known. */
  sum(): string {
    return this.git ? this.git.copy().digest("hex") : this.sha256();
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private count(piece: Uint8Array): void {
    this.sha.update(piece);
    this.git?.update(piece);
    this.bytes += piece.length;
  }

  private beginSums(): void {
    this.sha = createHash("sha256");
    this.git = this.whole.sum.kind === "git" ? createHash("sha1").update(`blob ${this.whole.bytes}\0`) : undefined;
  }
}
