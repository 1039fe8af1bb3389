/** `galago ask`: a question about images or PDF pages, answered as it is written. */
import type { AnswerRecord, Piece } from "../run/answer.ts";
import type { ChatPart } from "../run/chat.ts";
import { readJson } from "../run/models.ts";
import type { Box, PhraseBox } from "../text/boxes.ts";
import { type Task, tasks } from "../text/tasks.ts";
import { type Command, jsonOption, modelOption, precisionOption, type Terminal, threadsOption } from "./command.ts";
import { askEach } from "./each.ts";
import { json, notice, write } from "./output.ts";
import { imageOf, imagesIn, isFolder } from "./sources.ts";
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
  readonly schema?: string;
  readonly box?: Box;
  readonly tiles?: string;
  readonly scm?: number | "off";
  readonly compress?: string;
  readonly skipBlank?: boolean;
  readonly precision: string;
  readonly threads?: number;
  readonly force?: boolean;
  readonly cache?: string;
  readonly batch: number;
  readonly password?: string;
  readonly json?: boolean;
}

/** The command as data. */
export const ask: Command<Options> = {
  name: "ask",
  about: "answer a question about images or PDF pages",
  usage: "[options] <image...|folder> <question>",
  args: [
    {
      name: "<words...>",
      about:
        "image files, PDF pages as file.pdf#3 or file.pdf#1,3-5, or - for standard input, all in one question; or a folder, about each of whose images it is asked; the question comes last",
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
      about: "msac, msac:detailed=4..12,adaptive=3..7, dynamic:1..12, native:1..12, print:1..12 or single",
      parse: tiles,
    },
    {
      flags: "--task <task>",
      about: `what a model was trained to do: ${tasks.join(", ")}; caption, grounding and identify need no question`,
      parse: task,
    },
    {
      flags: "--schema <file>",
      about: "a JSON Schema; the answer is JSON of it, each value with its confidence in --json; needs no question",
    },
    { flags: "--box <x1,y1,x2,y2>", about: "what identify is asked about, in pixels of the image", parse: box },
    { flags: "--scm <ratio>", about: "the part of the detailed layer's tokens to keep, or off", parse: scm },
    {
      flags: "--compress <method:ratio>",
      about: "in place of --scm: scm:0.5, random:0.5, divprune:0.5, fastv:0.5 or off",
      parse: compression,
    },
    { flags: "--skip-blank", about: "leave out tiles that hold nothing but background" },
    precisionOption,
    threadsOption,
    { flags: "--force", about: "go on where the answer seems to take more memory than is free" },
    {
      flags: "--batch <n>",
      about: "of a folder, how many images are asked about at once",
      parse: whole(1),
      default: 1,
    },
    { flags: "--password <password>", about: "of PDFs that are encrypted" },
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
  if (words.length < 2 && !options.task && !options.schema)
    throw usageError("expected at least one image and a question");
  const [sources, questions] = words.length < 2 ? [words, []] : [words.slice(0, -1), words.slice(-1)];
  const folder = sources.find(isFolder);
  if (folder !== undefined && sources.length > 1)
    throw usageError(`"${folder}" is a folder beside other sources; expected it alone`);
  if (folder === undefined && options.batch > 1) throw usageError("--batch is about the images of a folder; name one");
  const {
    model: name,
    tiles,
    scm,
    compress,
    skipBlank,
    precision,
    threads,
    force = false,
    cache,
    batch,
    password,
    json: whole,
    schema: schemaFile,
    ...sampling
  } = options;
  const schema = schemaFile === undefined ? undefined : (readJson(schemaFile) as object);
  const texts = questions.map((text): ChatPart => ({ type: "text", text }));
  const images: ChatPart[] = [];
  if (folder === undefined) for (const source of sources) images.push(await imageOf(source, terminal, password));
  const { load } = await import("../run/load.ts");
  const how = { tiles, scm, compress, skipBlank, precision, threads, force, batch, cache: { folder: cache } };
  const model = await load(name, how);
  const answer = (images: readonly ChatPart[], told: (text: string) => Promise<void>): Promise<AnswerRecord> =>
    ended(model.chat([{ role: "user", content: [...images, ...texts] }], { ...sampling, schema }), told);
  const about = async (record: AnswerRecord, text: string): Promise<void> => {
    await (whole ? json(terminal, record) : write(terminal.stdout, text));
    await notices(record, schema !== undefined, terminal);
  };
  try {
    if (folder === undefined) {
      const told = async (text: string): Promise<void> => (whole ? undefined : write(terminal.stdout, text));
      return await about(await answer(images, told), "\n");
    }
    const ask = (image: ChatPart): Promise<AnswerRecord> => answer([image], async () => undefined);
    await askEach(imagesIn(folder, terminal, password), ask, batch, (record) =>
      about(record, `${record.images[0].source}: ${record.answer}\n`),
    );
  } finally {
    await model.close();
  }
}

/** The record at the end of an answer, whose pieces are told as they come. */
async function ended(
  answer: AsyncGenerator<Piece, AnswerRecord>,
  told: (text: string) => Promise<void>,
): Promise<AnswerRecord> {
  for (;;) {
    const { done, value } = await answer.next();
    if (done) return value;
    await told(value.text);
  }
}

/** What the person should know of an answer that is less than it could be. */
async function notices(record: AnswerRecord, held: boolean, terminal: Terminal): Promise<void> {
  const { images, boxes, finish_reason, usage } = record;
  const broken = held ? ", so it is no JSON" : "";
  for (const { source, scale } of images) {
    const seen = Number(scale.toPrecision(2));
    if (seen < 1)
      await notice(
        terminal,
        `galago: "${source}" was seen at ${seen} times its size, so detail is lost; crop it, or see --tiles`,
      );
  }
  for (const found of boxes) await notice(terminal, `galago: ${placeOf(found)}`);
  if (finish_reason === "length")
    await notice(
      terminal,
      `galago: the answer was cut after ${usage.completion_tokens} tokens${broken}; see --max-tokens`,
    );
  if (finish_reason === "loop") await notice(terminal, `galago: the model repeated itself and was stopped${broken}`);
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
