/** `galago ask`: a question about images or PDF pages, answered as it is written. */
import type { AnswerRecord } from "../run/answer.ts";
import type { ChatPart } from "../run/chat.ts";
import type { Box, PhraseBox } from "../text/boxes.ts";
import { type Task, tasks } from "../text/tasks.ts";
import { type Command, jsonOption, modelOption, type Terminal } from "./command.ts";
import { input, nameOf } from "./input.ts";
import { json, notice, write } from "./output.ts";
import { between, compression, scm, tiles, usageError, whole } from "./values.ts";

interface Options {
  readonly model: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
  readonly task?: Task;
  readonly box?: Box;
  readonly tiles?: string;
  readonly scm?: number | "off";
  readonly compress?: string;
  readonly skipBlank?: boolean;
  readonly precision: string;
  readonly threads?: number;
  readonly force?: boolean;
  readonly cache?: string;
  readonly json?: boolean;
}

/** Precisions that the option knows. */
const precisions = ["f32", "int8", "int4"];

/** The command as data. */
export const ask: Command<Options> = {
  name: "ask",
  about: "answer a question about images or PDF pages",
  usage: "[options] <image...> <question>",
  args: [
    {
      name: "<words...>",
      about: "image files, PDF pages as file.pdf#3 or file.pdf#2-5, or - for standard input; the question comes last",
    },
  ],
  options: [
    modelOption,
    {
      flags: "--max-tokens <n>",
      about: "most tokens of the answer (default: the model's own, or 512)",
      parse: whole(1),
    },
    { flags: "--temperature <t>", about: "0 takes the likeliest token each time (default)", parse: between(0, 100) },
    { flags: "--top-p <p>", about: "draw from the likeliest tokens that make up this share", parse: between(1e-6, 1) },
    { flags: "--top-k <k>", about: "draw from the k likeliest tokens; 0 is all", parse: whole(0) },
    { flags: "--repetition-penalty <r>", about: "above 1 avoids what was said", parse: between(0.01, 100) },
    { flags: "--seed <n>", about: "the same seed draws the same answer", parse: whole(0) },
    {
      flags: "--tiles <spec>",
      about: "msac, msac:detailed=4..12,adaptive=3..7, dynamic:1..12, native:1..12 or single",
      parse: tiles,
    },
    {
      flags: "--task <task>",
      about: `what a model was trained to do: ${tasks.join(", ")}; caption, grounding and identify need no question`,
      parse: task,
    },
    { flags: "--box <x1,y1,x2,y2>", about: "what identify is asked about, in pixels of the image", parse: box },
    { flags: "--scm <ratio>", about: "the part of the detailed layer's tokens to keep, or off", parse: scm },
    {
      flags: "--compress <method:ratio>",
      about: "in place of --scm: scm:0.5, random:0.5, divprune:0.5, fastv:0.5 or off",
      parse: compression,
    },
    { flags: "--skip-blank", about: "leave out tiles that hold nothing but background" },
    {
      flags: "--precision <p>",
      about: "f32: weights as they are stored; int8: rounded when opened; int4: of a folder converted to it",
      parse: precision,
      default: "f32",
    },
    { flags: "--threads <n>", about: "threads to compute with (default: all cores)", parse: whole(1) },
    { flags: "--force", about: "go on where the answer seems to take more memory than is free" },
    {
      flags: "--cache <folder>",
      about:
        "keep what the tower makes of images there, at most 1 GB, so that later questions about them need no tower",
    },
    jsonOption,
  ],
  run,
};

async function run(words: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  if (words.length < 2 && !options.task)
    throw usageError("one word is not enough; expected at least one image and a question");
  const [sources, questions] = words.length < 2 ? [words, []] : [words.slice(0, -1), words.slice(-1)];
  const {
    model: name,
    tiles,
    scm,
    compress,
    skipBlank,
    precision,
    threads,
    force,
    cache: folder,
    json: whole,
    ...sampling
  } = options;
  const parts: ChatPart[] = [];
  for (const source of sources) parts.push(...(await imagesOf(source, terminal)));
  for (const text of questions) parts.push({ type: "text", text });
  const { load } = await import("../run/load.ts");
  const model = await load(name, { tiles, scm, compress, skipBlank, precision, threads, force, cache: { folder } });
  try {
    const answer = model.chat([{ role: "user", content: parts }], sampling);
    for (;;) {
      const { done, value } = await answer.next();
      if (done) {
        await (whole ? json(terminal, value) : write(terminal.stdout, "\n"));
        return await notices(value, terminal);
      }
      if (!whole) await write(terminal.stdout, value.text);
    }
  } finally {
    await model.close();
  }
}

/** A4 at 150 dots an inch. */
const pageWidth = 1240;

/** An image, or the pages of a PDF, each under its own name. */
async function imagesOf(source: string, terminal: Terminal): Promise<ChatPart[]> {
  const [, path = source, ...range] = /^(.+\.pdf)#(\d{1,6})(?:-(\d{1,6}))?$/i.exec(source) ?? [];
  const [first, last = first] = range.flatMap((number) => number ?? []).map(Number);
  if (first > last) throw usageError(`"${source}": pages ${first} to ${last} are in no order; expected FIRST-LAST`);
  const bytes = await input(path, terminal);
  if (first === undefined && !isPdf(bytes)) return [{ type: "image", image: bytes, name: nameOf(path) }];
  const { pdfPages } = await import("../data/pdf.ts");
  const parts: ChatPart[] = [];
  for await (const { number, image } of pdfPages(bytes, { name: nameOf(path), width: pageWidth, first, last }))
    parts.push({ type: "image", image, name: `${path}#${number}` });
  return parts;
}

/** "%PDF-" stands within the first kilobyte. */
function isPdf(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 1024)).includes("%PDF-");
}

/** What the person should know of an answer that is less than it could be. */
async function notices({ images, boxes, finish_reason, usage }: AnswerRecord, terminal: Terminal): Promise<void> {
  for (const { source, scale } of images)
    if (scale < 1)
      await notice(
        terminal,
        `galago: "${source}" was seen at ${Number(scale.toPrecision(2))} times its size, so detail is lost; crop it, or allow more tiles with --tiles`,
      );
  for (const found of boxes) await notice(terminal, `galago: ${placeOf(found)}`);
  if (finish_reason === "length")
    await notice(terminal, `galago: the answer was cut after ${usage.completion_tokens} tokens; see --max-tokens`);
  if (finish_reason === "loop") await notice(terminal, "galago: the model repeated itself and was stopped");
}

const placeOf = ({ phrase, box }: PhraseBox): string =>
  `${phrase === null ? "it" : `"${phrase}"`} is at ${box.map((edge) => Math.round(edge)).join(",")} (left, top, right, bottom in pixels)`;

function task(words: string): Task {
  const known = tasks.find((name) => name === words);
  if (known) return known;
  throw usageError(`"${words}" is no task, expected ${tasks.join(", ")}`);
}

function box(words: string): Box {
  const edges = words.split(",").map((edge) => (edge.trim() === "" ? Number.NaN : Number(edge)));
  if (edges.length === 4 && edges.every((edge) => edge >= 0)) return edges as unknown as Box;
  throw usageError(`"${words}" is no box, expected LEFT,TOP,RIGHT,BOTTOM in pixels`);
}

function precision(words: string): string {
  if (precisions.includes(words)) return words;
  throw usageError(`"${words}" is no precision, expected ${precisions.join(", ")}`);
}
