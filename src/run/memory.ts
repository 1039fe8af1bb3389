/** How much memory an answer takes, told from the graphs before anything is opened. */
import { freemem, totalmem } from "node:os";
import type { Compression } from "../compress/compression.ts";
import { cosines } from "../compress/likeness.ts";
import { RequestError } from "../errors.ts";
import { bytesOf, peakBytes, weightBytes } from "../graph/cost.ts";
import { inputsOf, type Outputs } from "../graph/graph.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { roomFor } from "./cache.ts";
import { coloursKept } from "./eyes.ts";
import type { Graphs } from "./graphs.ts";
import { chunk } from "./language.ts";
import { tilesAtOnce } from "./sight.ts";

/** What is asked of it: tiles of all images, tokens of the prompt and of the answer. */
export interface Load {
  readonly tiles: number;
  readonly promptTokens: number;
  readonly maxTokens: number;
  /** What compression asks of the prompt first. */
  readonly asks?: Compression["asks"] | undefined;
  /** Bytes of the visual tokens of other images that are remembered. */
  readonly rememberedBytes?: number;
}

/** What Node, ONNX Runtime and the image decoder take before a model is there: measured with nano, less its own (LOG.md, 2026-11-24). */
const base = 180e6;

/** Bytes that stay for as long as a model is open. */
export function openBytes({ eyes, words }: Graphs): number {
  return base + weightBytes({ ...eyes, ...words });
}

/** Bytes that `seats` such answers at once take on top at their peak: tiles and their tokens, the cache, and the results inside a tower's and a language model's
 *  run, which the engine keeps. */
export function answerBytes({ eyes, words, judge }: Graphs, model: Multimodal, load: Load, seats = 1): number {
  const { tiles, promptTokens, maxTokens, asks, rememberedBytes = 0 } = load;
  const visual = tiles * model.tokensPerTile;
  const room = roomFor(promptTokens + maxTokens);
  const tokens = Math.min(chunk, promptTokens);
  const sizes = {
    rows: 1,
    tiles: Math.min(tiles, tilesAtOnce(model)),
    tokens,
    visual: Math.max(1, Math.min(visual, tokens)),
    room,
  };
  const pixels = 3 * model.tileSize ** 2;
  return (
    // The tiles as bytes, and those of one run as floats too; the tokens of each image, and all of them side by side; those of blank tiles.
    seats * (pixels * tiles + visual * model.width * 8) +
    pixels * 4 * sizes.tiles +
    coloursKept * model.tokensPerTile * model.width * 4 +
    rememberedBytes +
    (tiles ? peakBytes(eyes, sizes) : 0) +
    Math.max(peakBytes(words, sizes), peakBytes(words, { ...sizes, rows: seats, tokens: 1, visual: 1 })) +
    (asks === "attention" ? judgeBytes(judge(), sizes) : 0) +
    (asks === "likeness" ? peakBytes(cosines(model.width), { visual: Math.max(1, visual) }) : 0) +
    cacheBytes(words, { ...sizes, rows: seats })
  );
}

function cacheBytes(graph: Outputs, sizes: Record<string, number>): number {
  const pasts = inputsOf(graph).filter(({ attrs: { name } }) => name.startsWith("past."));
  return pasts.reduce((sum, x) => sum + bytesOf(x, new Map(Object.entries(sizes))), 0);
}

/** The judge holds weights and a cache of its own; every token may vote. */
function judgeBytes(judge: Outputs, sizes: Record<string, number> & { tokens: number }): number {
  const own = { ...sizes, voters: sizes.tokens, windows: 1 };
  return weightBytes(judge) + peakBytes(judge, own) + cacheBytes(judge, own);
}

/** Bytes that this process may still take: what the machine can free, within the limit that a container sets. macOS counts only what nobody uses
 *  as free, and gives much more. */
function freeBytes(): number {
  const { rss } = process.memoryUsage();
  const machine = process.platform === "darwin" ? totalmem() - rss : freemem();
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? Math.min(machine, limit - rss) : machine;
}

/** Memory of one model, checked before it is taken. */
export interface Memory {
  /** Throws RequestError (507) where the model called `name` does not fit into what is free. */
  checkOpening(name: string): void;
  /** The same for an answer of the open model. */
  checkAnswer(load: Load): void;
}

/** `force`: nothing is refused; where it is false, not left out, a refusal names --force. `seats`: answers at once.
 *  `free`: bytes that this process may still take. */
export function memoryOf(
  graphs: Graphs,
  model: Multimodal,
  { force, seats = 1 }: { force?: boolean; seats?: number } = {},
  free: () => number = freeBytes,
): Memory {
  const check = (what: string, bytes: number, instead: string): void => {
    if (force || bytes <= free()) return;
    const [needed, has] = [bytes, free()].map((n) => `${(n / 1e9).toFixed(1)} GB`);
    const ways = force === false ? `, ${instead}, or try all the same with --force` : `, or ${instead}`;
    throw new RequestError(
      `${what} takes about ${needed} of memory, ${has} are free; close other programs${ways}`,
      507,
    );
  };
  // What the largest answer so far took is still there for the next one.
  let held = 0;
  return {
    checkOpening(name) {
      check(name, openBytes(graphs), "take a smaller model or one stored in fewer bits");
    },
    checkAnswer(load) {
      const bytes = answerBytes(graphs, model, load, seats);
      check("this answer", bytes - held, "give fewer images or tiles, or go without --scm and --compress");
      held = Math.max(held, bytes);
    },
  };
}
