/** The pages of a mixture: drawn, or of one's own conversation files and PDFs. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Conversation, readConversations } from "../data/conversations.ts";
import { draw, laidOut } from "../data/draw.ts";
import type { Glyph, Kind, Page, Question } from "../data/page.ts";
import { pageCount, pdfPages } from "../data/pdf.ts";
import { readings } from "../data/questions.ts";
import type { Random } from "../data/random.ts";
import { firstHeldOutSeed } from "../data/seeds.ts";
import { FormatError, RequestError } from "../errors.ts";
import { decoder } from "../vision/decode.ts";
import { cropped, type Part } from "../vision/print.ts";
import type { Share } from "./config.ts";

/** What training needs of a page. `glyphs` is empty where nobody knows where the letters stand; `given`: what its answers follow from is not on the image, but told. */
export type TrainingPage = Pick<Page, "image" | "text" | "glyphs" | "questions"> & { given?: boolean };

/** The part of a page that is shown, with its glyphs where they then stand; those outside stand nowhere, as their numbers must stay. */
export function partOf(page: TrainingPage, part: Part): TrainingPage {
  const within = ({ x, y }: Glyph): boolean =>
    x >= part.x && y >= part.y && x < part.x + part.width && y < part.y + part.height;
  const glyphs = page.glyphs.map((glyph) => ({
    ...glyph,
    x: within(glyph) ? glyph.x - part.x : Number.NEGATIVE_INFINITY,
    y: glyph.y - part.y,
  }));
  return { ...page, image: cropped(page.image, part), glyphs };
}

/** Claims about a page, and values of a chart, are short and many can be asked for: enough that they are not drowned among fields. */
const rounds = 6;

/** One of a share's pages, chosen by the stream. */
export type Pages = (random: Random) => Promise<TrainingPage>;

/** The pages of a share. Throws RequestError (404) for files that are not there or none, FormatError for those that are not what they claim. */
export async function pagesOf(share: Share): Promise<Pages> {
  if (share.kind) return share.given ? told(share.kind) : drawn(share);
  const files = (await Promise.all(filesIn(share.pages!).map(fileOf))).flat();
  return (random) => random.pick(files)(random);
}

function drawn({ kind, effects: [low, high] }: Share): Pages {
  return async (random) => {
    const effects = low + (high - low) * random.real(0, 1);
    return draw(kind!, random.int(0, firstHeldOutSeed - 1), { fonts: "train", effects, rounds });
  };
}

/** Answers are to follow from what is given in many ways, of which a page has few: they are asked for over and over. */
const roundsGiven = 30;

/** Pages that stay white, of which is asked what follows from readings. To read and to conclude are two skills: a page costs hundreds of tokens to look at,
 *  a conclusion ten. */
function told(kind: Kind): Pages {
  const image = { width: 224, height: 224, data: new Uint8Array(224 * 224 * 3).fill(255) };
  return async (random) => {
    const { questions } = laidOut(kind, random.int(0, firstHeldOutSeed - 1), "train", roundsGiven);
    return { image, text: "", glyphs: [], questions: questions.filter(({ shown }) => shown), given: true };
  };
}

/** The conversation files and PDFs that a path means: itself, or all in a folder. */
function filesIn(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new RequestError(`pages "${path}": no such file or folder`, 404);
  if (!found.isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => /\.(jsonl|pdf)$/i.test(name) && name !== "truth.jsonl");
  if (names.length) return names.sort().map((name) => join(path, name));
  throw new RequestError(`pages "${path}": the folder holds neither .jsonl nor .pdf files`, 404);
}

/** The pages of one file, each equally likely. */
function fileOf(path: string): Promise<Pages[]> {
  return /\.pdf$/i.test(path) ? pdf(path) : conversations(path);
}

async function pdf(path: string): Promise<Pages[]> {
  const bytes = readFileSync(path);
  const count = await pageCount(bytes, path);
  return Array.from({ length: count }, (_, i) => async (random: Random) => {
    for await (const page of pdfPages(bytes, { name: path, first: i + 1, last: i + 1 }))
      return { ...page, glyphs: inOrder(page), questions: readings(page.lines, random) };
    throw new FormatError(`${path}: page ${i + 1} is gone; the file changed, start again`);
  });
}

/** The glyphs where they are the text's characters one by one; else none, as their order could not be trusted. */
function inOrder({ text, glyphs }: Pick<Page, "text" | "glyphs">): Page["glyphs"] {
  return glyphs.map(({ char }) => char).join("") === text.replace(/\s/g, "") ? glyphs : [];
}

async function conversations(path: string): Promise<Pages[]> {
  const list: Conversation[] = [];
  for await (const line of readConversations(path)) list.push(line);
  if (!list.length) throw new FormatError(`${path}: holds no conversation; expected one object a line`);
  return list.map(({ image, conversations }) => async () => {
    const file = join(dirname(path), image);
    const bytes = await readFile(file).catch(missing(file, path));
    return {
      image: await decoder.decode(bytes, { name: file }),
      text: "",
      glyphs: [],
      questions: asked(conversations),
    };
  });
}

const missing = (file: string, path: string) => (): never => {
  throw new RequestError(`${path}: its image ${file} cannot be read; paths are relative to the file`, 404);
};

/** Each turn and its answer as a question of its own. */
function asked(turns: Conversation["conversations"]): Question[] {
  return turns.flatMap(({ from, value }, i): Question[] =>
    from === "human"
      ? [{ kind: "field", question: value.replace(/<image>\n?/g, "").trim(), answer: turns[i + 1].value }]
      : [],
  );
}
