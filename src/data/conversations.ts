/** Conversation files: pages as JSON lines in InternVL's format with a folder of images, and their whole truth beside. */

import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { FormatError } from "../errors.ts";
import { png } from "../vision/decode.ts";
import { writeWhole } from "../weights/whole.ts";
import { type Page, questionKinds } from "./page.ts";

const size = z.int().positive();

const conversation: z.ZodType<Conversation> = z.object({
  id: z.union([z.string(), z.int()]),
  image: z.string().min(1),
  width: size,
  height: size,
  conversations: z
    .array(z.object({ from: z.enum(["human", "gpt"]), value: z.string() }))
    .min(2)
    .refine((turns) => turns.length % 2 === 0 && turns.every(({ from }, i) => from === (i % 2 ? "gpt" : "human")), {
      message: "expected human and gpt in turn",
    }),
});

const truth: z.ZodType<Truth> = z.object({
  id: z.string(),
  image: z.string().min(1),
  kind: z.string(),
  seed: z.int(),
  text: z.string(),
  lines: z.array(z.string()),
  fields: z.record(z.string(), z.string()),
  questions: z.array(
    z.object({
      kind: z.enum(questionKinds),
      name: z.string().optional(),
      question: z.string(),
      answer: z.string(),
      shown: z.array(z.string()).optional(),
    }),
  ),
});

/** One line of a conversation file: an image (a path relative to the file) and what is said about it, in turn. */
export interface Conversation {
  id: string | number;
  image: string;
  width: number;
  height: number;
  conversations: { from: "human" | "gpt"; value: string }[];
}

/** One line of truth.jsonl: everything that is true of a drawn page but its pixels and boxes. */
export interface Truth extends Omit<Page, "image" | "glyphs" | "kind"> {
  id: string;
  image: string;
  kind: string;
}

/** The names of the two files of a folder of pages. */
export const conversationsFile = "conversations.jsonl";
export const truthFile = "truth.jsonl";

/** A page as a conversation that asks all its questions. */
function conversationOf({ kind, seed, image, questions }: Page): Conversation {
  const turns = questions.flatMap(({ question, answer }, i): Conversation["conversations"] => [
    { from: "human", value: i ? question : `<image>\n${question}` },
    { from: "gpt", value: answer },
  ]);
  const id = `${kind}-${seed}`;
  return { id, image: `images/${id}.png`, width: image.width, height: image.height, conversations: turns };
}

/** The truth of a page, to be written beside its conversation. */
function truthOf({ kind, seed, text, lines, fields, questions }: Page): Truth {
  const id = `${kind}-${seed}`;
  return { id, image: `images/${id}.png`, kind, seed, text, lines, fields, questions };
}

/** Writes pages into a folder (made if need be): images/*.png, conversations.jsonl, truth.jsonl, each file whole or not at
 *  all. `onPage` hears how many are done. Returns the number of pages. Older files of these names are replaced. */
export async function writePages(
  folder: string,
  pages: Iterable<Page>,
  onPage?: (done: number) => void,
): Promise<number> {
  await mkdir(join(folder, "images"), { recursive: true });
  const beside = `.${randomUUID()}.part`;
  const files: FileHandle[] = [];
  let done = 0;
  try {
    for (const name of [conversationsFile, truthFile]) files.push(await open(join(folder, name + beside), "wx"));
    for (const page of pages) {
      const said = conversationOf(page);
      const path = join(folder, said.image);
      writeWhole(path, await png(page.image));
      await files[0].write(`${JSON.stringify(said)}\n`);
      await files[1].write(`${JSON.stringify(truthOf(page))}\n`);
      onPage?.(++done);
    }
    for (const file of files) await file.close();
    for (const name of [conversationsFile, truthFile]) await rename(join(folder, name + beside), join(folder, name));
  } catch (error) {
    for (const file of files) await file.close().catch(() => undefined);
    for (const name of [conversationsFile, truthFile]) await rm(join(folder, name + beside), { force: true });
    throw error;
  }
  return done;
}

/** Reads a conversation file line by line. Throws FormatError that names the file and the line. */
export function readConversations(path: string): AsyncGenerator<Conversation> {
  return read(path, conversation);
}

/** Reads a truth.jsonl line by line. Throws FormatError that names the file and the line. */
export function readTruth(path: string): AsyncGenerator<Truth> {
  return read(path, truth);
}

/** One line of JSON checked; `where` is what the error calls it. */
function parsed<T>(line: string, schema: z.ZodType<T>, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new FormatError(`${where}: is not JSON, expected one object a line`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  throw new FormatError(`${where}: ${path.join(".") || "the line"}: ${message}`);
}

async function* read<T>(path: string, schema: z.ZodType<T>): AsyncGenerator<T> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Infinity })) {
    number++;
    if (line.trim()) yield parsed(line, schema, `${path}:${number}`);
  }
}
