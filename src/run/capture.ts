/** What products read while a model looks at images and is asked about them: how loud each channel is, and some of the rows. */
import { Random } from "../data/random.ts";
import { RequestError } from "../errors.ts";
import type { Engine, Values } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import { total } from "../graph/value.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { type Cell, cellsOf } from "../models/visual-position.ts";
import type { Site } from "../quant/equalise.ts";
import { imageId, promptIds } from "../text/template.ts";
import { chatTemplate } from "../text/templates.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { normalise } from "../vision/tiles.ts";
import { parseTiling } from "../vision/tilings.ts";
import type { Published } from "../weights/published.ts";
import { type ChatPart, questionOf } from "./chat.ts";
import { checkLength, graphIds, promptPieces } from "./language.ts";
import { type Run, runInParts } from "./parts.ts";
import { sightFeeds, tilesAtOnce } from "./sight.ts";
import { finiteFloats } from "./storing.ts";
import { looked, type Planned, planned } from "./views.ts";

/** Rows of m channels that went by. */
export interface Captured {
  readonly m: number;
  /** Some of them, each as likely as any other: [n · m]. */
  readonly rows: Float32Array;
  /** Root mean squares of the channels over all of them: [m]. */
  readonly channels: Float64Array;
}

/** Rows that are kept of each input. */
const kept = 64;

/** What is asked about each image. */
const asked = [{ role: "user", content: "<image>\nRead all the text." }] as const;

/** A model in floats, with its graphs and what is to be captured in each. */
export interface Watched {
  readonly model: Multimodal;
  readonly tokenizer: Tokenizer;
  readonly published: Published;
  readonly eyes: { readonly graph: Outputs; readonly sites: readonly Site[] };
  readonly words: { readonly graph: Outputs; readonly sites: readonly Site[] };
}

/** Looks at images one after the other and captures what each site reads. Memory is that of a few layers and of one image, whatever their number. Throws as
 *  reading the images does, WeightError for weights that are no numbers, RequestError where an image makes numbers that are none. */
export async function captured(
  engine: Engine,
  watched: Watched,
  images: readonly ChatPart[],
  signal: AbortSignal | undefined,
  onImage: () => void,
): Promise<Map<Site, Captured>> {
  const { model, tokenizer, published, eyes, words } = watched;
  const template = chatTemplate(model.template);
  const placeholder = imageId(tokenizer, template);
  const tiling = parseTiling(model.tiles);
  const rows = new Map(
    [...eyes.sites, ...words.sites].map((site) => [site, new Rows(site.input.shape.at(-1) as number)]),
  );
  const weightOf = (key: string): Float32Array => {
    signal?.throwIfAborted();
    const all = new Float32Array(total(published.entries.get(key)!.shape));
    let at = 0;
    for (const values of published.pieces(key)) {
      all.set(finiteFloats(values, key, published.name), at);
      at += values.length;
    }
    return all;
  };
  const pass = async (
    { graph, sites }: Watched["eyes"],
    runs: readonly Run[],
    take: (name: string, values: Values, run: number) => void,
  ): Promise<void> => {
    const inputs = sites.map((site, i) => [`site.${i}`, site.input] as const);
    await runInParts(engine, { ...graph, ...Object.fromEntries(inputs) }, runs, weightOf, (name, values, run) => {
      const [, i] = /^site\.(\d+)$/.exec(name) ?? [];
      if (i === undefined) take(name, values, run);
      else rows.get(sites[Number(i)])!.take(values.data as Float32Array);
    });
  };

  const see = async (page: Planned): Promise<void> => {
    const views = await looked([page], { skipBlank: false }, model.tileSize, forgetful, signal);
    const imageTokens = views.map(({ shown }) => shown.length * model.tokensPerTile);
    const features = new Float32Array(imageTokens[0] * model.width);
    let seen = 0;
    const tiles = tileRuns(views[0].tiles as Uint8Array, cellsOf(views[0].shown, model.cells), model);
    await pass(eyes, tiles, (_, { data }) => {
      features.set(data as Float32Array, seen);
      seen += data.length;
    });
    const ids = promptIds(tokenizer, asked, { template, system: model.system, imageTokens });
    checkLength(ids.length, model.longest);
    await pass(words, promptRuns(ids, placeholder, features, model), () => undefined);
    for (const own of rows.values()) own.check(page.image.name);
  };
  for (const image of images) {
    const { images: named } = await questionOf([{ role: "user", content: [image] }]);
    for (const page of (await planned(named, tiling, model.tileSize, {}, new Map(), signal)).flat()) await see(page);
    onImage();
  }
  return new Map([...rows].map(([site, own]) => [site, own.captured()]));
}

/** Remembers no image. */
const forgetful = { bytes: 0, get: () => undefined, put: () => undefined };

/** A run for every few tiles. tiles: uint8 [n, s, s, 3], and the cell of each. */
function tileRuns(tiles: Uint8Array, cells: readonly Cell[], model: Multimodal): Run[] {
  const s = model.tileSize;
  const bytes = 3 * s * s;
  const batch = tilesAtOnce(model);
  return Array.from({ length: Math.ceil(cells.length / batch) }, (_, i) => {
    const some = cells.slice(i * batch, (i + 1) * batch);
    const from = i * batch * bytes;
    const pixels = normalise(tiles.subarray(from, from + some.length * bytes), some.length, s, model.normal);
    return { feeds: sightFeeds(pixels, some, model), tokens: 0 };
  });
}

/** A run for every piece of a prompt. */
function promptRuns(
  ids: readonly number[],
  placeholder: number,
  features: Float32Array,
  { width: d }: Multimodal,
): Run[] {
  const all = graphIds(ids, placeholder, features.length / d);
  return promptPieces(all, features, d).map((feeds) => ({ feeds, tokens: feeds.ids.data.length }));
}

/** Rows as they go by. */
class Rows {
  private readonly random = new Random("rows", 1);
  private readonly rows: Float32Array;
  private readonly squares: Float64Array;
  private readonly m: number;
  private seen = 0;

  constructor(m: number) {
    this.m = m;
    this.rows = new Float32Array(kept * m);
    this.squares = new Float64Array(m);
  }

  take(data: Float32Array): void {
    const { m, rows, squares } = this;
    for (let at = 0; at < data.length; at += m) {
      // Vitter's algorithm R (1985): at any time each row so far is kept with the same probability.
      const place = this.seen < kept ? this.seen : this.random.int(0, this.seen);
      this.seen++;
      if (place < kept) rows.set(data.subarray(at, at + m), place * m);
      for (let j = 0; j < m; j++) squares[j] += data[at + j] ** 2;
    }
  }

  check(image: string): void {
    if (this.squares.every(Number.isFinite)) return;
    throw new RequestError(
      `"${image}": the model computes NaN or infinity on it; choose another, or fetch the model again`,
    );
  }

  captured(): Captured {
    const { m, seen } = this;
    const channels = this.squares.map((sum) => Math.sqrt(sum / Math.max(1, seen)));
    return { m, rows: this.rows.subarray(0, Math.min(kept, seen) * m), channels };
  }
}
