/** A page with questions as the trainer eats it: tiles, token ids, what to predict, and where letters stand. */
import { before, charactersBefore, patchGlyphs, slots } from "../data/dense.ts";
import type { Glyph, Question } from "../data/page.ts";
import { type MiniMonkeyConfig, tokensPerTile } from "../models/mini-monkey.ts";
import { type Cell, cellsOf } from "../models/visual-position.ts";
import { labelled, unlabelled } from "../text/template.ts";
import { chatTemplate } from "../text/templates.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { worked, workings } from "../text/worked.ts";
import { onSheet } from "../vision/gaps.ts";
import type { Image } from "../vision/image.ts";
import { cut, type Laid, laid } from "../vision/tiles.ts";
import type { Layer, TilePlan } from "../vision/tilings.ts";
import { glyphsOf, glyphsRead, nowhere } from "./looks.ts";
import type { Sight } from "./losses.ts";
import { denseClasses } from "./objective.ts";
import type { TrainingPage } from "./pages.ts";

/** One row of a batch. Questions about the image are segments behind a shared prefix: each sees the image and itself,
 *  at the positions it would have alone. */
export interface Sample {
  /** Number of tiles n. */
  count: number;
  /** Where each tile lies (models/visual-position.ts). */
  cells: readonly Cell[];
  /** [n, s, s, 3]; empty where labels stand for them. */
  tiles: Uint8Array;
  /** Character codes per patch of each tile (data/dense.ts), 0 for none, −1 where nothing is asked; of a scene the facts of its patches, then its description (scene-sample.ts). */
  dense: Int32Array;
  ids: number[];
  /** Codes of the characters printed before a visual token's first (data/dense.ts), [ids · before]; −1 where nothing is asked. */
  before: number[];
  /** The id that each position should predict, −1 for none. */
  targets: number[];
  /** The position of the visual token on which that is printed, −1 where it is not known or nothing is predicted. */
  looks: number[];
  positions: number[];
  segments: number[];
  /** The number of the answer that each target is part of; what is read before it counts as one of its own. */
  answers: number[];
}

/** A letter narrower than this many pixels of a tile cannot be read: the tower is not asked to. */
const legible = 6;

/** Tiles, labels and as many of the questions as fit into `maxTokens`. Throws RequestError for tiles outside the grids that the model knows. */
export function sampleOf(
  page: TrainingPage,
  questions: readonly Question[],
  plan: TilePlan,
  c: MiniMonkeyConfig,
  tokenizer: Tokenizer,
  maxTokens: number,
  sight: Sight = "tiles",
): Sample {
  const count = plan.tiles.length;
  const layers = layersOf(page.image, plan, c.force_image_size);
  const tiles = sight === "tiles" ? cut(page.image, plan, c.force_image_size, layers) : new Uint8Array();
  const glyphs = glyphNumbers(page, plan, c, layers);
  const dense = glyphs.map((i) => (i < 0 ? i - none : ascii(page.glyphs[i].char.codePointAt(0)!)));
  const { from, ...row } = packed(page, questions, count, c, tokenizer, maxTokens);
  return {
    count,
    cells: cellsOf(plan.tiles, c.visual_position),
    tiles,
    dense,
    ...row,
    looks: visualPositions(from, glyphs, row.ids, tokenizer, c),
    before: beforeLabels(page, glyphs, row.ids, tokenizer, c),
  };
}

/** `from`: the number of the glyph that shows what each position should predict. */
type Row = Pick<Sample, "ids" | "targets" | "positions" | "segments" | "answers"> & { from: number[] };

function packed(
  page: TrainingPage,
  questions: readonly Question[],
  n: number,
  c: MiniMonkeyConfig,
  tokenizer: Tokenizer,
  maxTokens: number,
): Row {
  const template = chatTemplate(c.template);
  const options = { template, system: c.system_message, imageTokens: [n * tokensPerTile(c)] };
  const row: Row = { ids: [], targets: [], positions: [], segments: [], answers: [], from: [] };
  let segment = 0;
  for (const { question, answer, shown = [] } of questions) {
    const { ids, labels } = labelled(
      tokenizer,
      [
        { role: "user", content: `<image>\n${question}` },
        { role: "assistant", content: worked(answer, shown) },
      ],
      options,
    );
    const prefix = ids.lastIndexOf(tokenizer.id(template.image.end)) + 2;
    const start = segment === 0 ? 0 : prefix;
    if (row.ids.length + ids.length - start > maxTokens) continue;
    segment++;
    const read = workings(shown).flatMap(({ text, mark }) => (mark ? [nowhere] : glyphsRead(page, text)));
    const glyphs = [...read, ...glyphsOf(page, answer)];
    const bytes = bytesBefore(ids, labels, tokenizer);
    const learned = (i: number): boolean => i < ids.length && bytes[i] >= (page.given ? read.length : 0);
    for (let i = start; i < ids.length; i++) {
      row.ids.push(ids[i]);
      row.positions.push(i);
      row.segments.push(i < prefix ? 0 : segment);
      row.targets.push(learned(i + 1) ? labels[i + 1] : -1);
      row.answers.push(2 * segment + (bytes[i + 1] >= read.length ? 1 : 0));
      row.from.push(glyphs[bytes[i + 1]] ?? nowhere);
    }
  }
  return row;
}

/** How many bytes of an answer stand before each of its tokens, −1 where no answer is. */
function bytesBefore(ids: readonly number[], labels: readonly number[], tokenizer: Tokenizer): number[] {
  let byte = 0;
  return ids.map((id, i) => {
    if (labels[i] === unlabelled) return -1;
    byte += tokenizer.bytes(id).length;
    return byte - tokenizer.bytes(id).length;
  });
}

/** In place of a glyph's number: no glyph, and a tile too small to be read. */
const none = -1;
const illegible = -2;

/** Each layer of a plan, laid out once. */
function layersOf(image: Image, plan: TilePlan, size: number): (name: Layer) => Laid {
  const layers = new Map<Layer, Laid>();
  return (name) => {
    const layer = layers.get(name) ?? laid(image, plan, name, size);
    layers.set(name, layer);
    return layer;
  };
}

/** The numbers of the glyphs on the patches of each tile of a plan. [n · patches · slots]. */
function glyphNumbers(
  { glyphs, image }: TrainingPage,
  plan: TilePlan,
  c: MiniMonkeyConfig,
  laidOut: (name: Layer) => Laid,
): Int32Array {
  const size = c.force_image_size;
  const side = size / c.vision_config.patch_size;
  const widths = glyphs.map((g) => g.width).sort((a, b) => a - b);
  const median = widths[widths.length >> 1] ?? 0;
  const grids = { detailed: plan.detailed, adaptive: plan.adaptive ?? [1, 1], global: [1, 1] } as const;
  const byLayer = new Map<string, Int32Array>();
  const result = new Int32Array(plan.tiles.length * side * side * slots).fill(illegible);
  plan.tiles.forEach(({ layer, column, row }, i) => {
    const [columns, rows] = grids[layer];
    const cells = laidOut(layer);
    const [wide, high] = [cells.shown.width / image.width, cells.shown.height / image.height];
    if (median * wide < legible) return;
    const moved = (): Glyph[] =>
      glyphs.map((glyph) => {
        const [x, y] = onSheet(cells, glyph.x * wide, glyph.y * high, size);
        return { ...glyph, x, y };
      });
    const numbers =
      byLayer.get(layer) ?? patchGlyphs(moved(), columns * size, rows * size, columns * side, rows * side);
    byLayer.set(layer, numbers);
    for (let y = 0; y < side; y++) {
      const from = ((row * side + y) * columns + column) * side * slots;
      result.set(numbers.subarray(from, from + side * slots), (i * side + y) * side * slots);
    }
  });
  return result;
}

/** Where among `ids` the visual tokens stand that show glyphs, by their numbers. */
function visualPositions(
  wanted: readonly number[],
  glyphs: Int32Array,
  ids: readonly number[],
  tokenizer: Tokenizer,
  c: MiniMonkeyConfig,
): number[] {
  const first = ids.indexOf(tokenizer.id(chatTemplate(c.template).image.token));
  const tokens = new Map<number, number>();
  glyphs.forEach((glyph, i) => {
    if (glyph >= 0 && !tokens.has(glyph)) tokens.set(glyph, first + tokenOf(Math.floor(i / slots), c));
  });
  return wanted.map((glyph) => tokens.get(glyph) ?? -1);
}

/** The number of the visual token into which a patch is folded. */
function tokenOf(patch: number, c: MiniMonkeyConfig): number {
  const side = c.force_image_size / c.vision_config.patch_size;
  const [x, y] = [patch % side, Math.floor(patch / side)];
  return Math.floor(y * c.downsample_ratio) * side * c.downsample_ratio + Math.floor(x * c.downsample_ratio);
}

/** For each visual token among `ids`, in order, what stands before the first of its glyphs. */
function beforeLabels(
  page: TrainingPage,
  glyphs: Int32Array,
  ids: readonly number[],
  tokenizer: Tokenizer,
  c: MiniMonkeyConfig,
): number[] {
  const placeholder = tokenizer.id(chatTemplate(c.template).image.token);
  const characters = charactersBefore(page);
  const firsts = firstGlyphs(glyphs, c);
  let token = 0;
  return ids.flatMap((id) => {
    const first = id === placeholder ? firsts[token++] : none;
    return Array.from({ length: before }, (_, k) => (first < 0 ? -1 : ascii(characters[first * before + k])));
  });
}

/** The first in the text of the glyphs on the patches that are folded into each visual token. [n · f]. */
function firstGlyphs(glyphs: Int32Array, c: MiniMonkeyConfig): Int32Array {
  const firsts = new Int32Array((glyphs.length / slots) * c.downsample_ratio ** 2).fill(none);
  glyphs.forEach((glyph, i) => {
    if (glyph < 0) return;
    const at = tokenOf(Math.floor(i / slots), c);
    firsts[at] = firsts[at] < 0 ? glyph : Math.min(firsts[at], glyph);
  });
  return firsts;
}

const ascii = (code: number): number => (code < denseClasses ? code : -1);
