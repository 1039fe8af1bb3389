/** Calibration: what rounding costs each product on images, and scales in its weights where those make it less (quant/equalise.ts). */
import type { Engine } from "../graph/engine.ts";
import { type Site, scalesOf, sitesOf } from "../quant/equalise.ts";
import { scaled } from "../weights/derived.ts";
import type { Form } from "../weights/packed.ts";
import { type Published, publishedOf } from "../weights/published.ts";
import { type Captured, captured, type Watched } from "./capture.ts";
import type { ChatPart } from "./chat.ts";
import { type Lost, type Rounding, roundings } from "./rounding.ts";
import { finiteFloats, type Read } from "./storing.ts";

/** A product, and what rounding costs it: ‖y − y'‖ / ‖y‖ over some of the rows that it read, before and after. */
export interface LayerError {
  /** The key of its weight. */
  readonly layer: string;
  readonly before: number;
  readonly after: number;
  /** Of the scales; 0 where none made it better, null where nothing can be scaled. */
  readonly strength: number | null;
  /** Why nothing can be. */
  readonly why?: string | undefined;
}

/** Weights that compute in floats what the published ones do, and what became of each product. */
export interface Calibrated {
  readonly published: Published;
  readonly layers: readonly LayerError[];
}

export interface CalibrateOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears which share of the work is done. */
  readonly onShare?: ((share: number) => void) | undefined;
}

/** Strengths that are tried; 0 is none. */
const strengths = [0, 0.375, 0.5, 0.625];

/** Factors of a weight's rows and columns. */
interface Factors {
  rows?: Float64Array;
  columns?: Float64Array;
}

/** Looks at images, and takes for the products of each input the strength with which they lose least, of those with which none loses more than without.
 *  `forms`: what the weights are rounded to. The same images give the same weights. Throws as `captured`. */
export async function calibrated(
  engine: Engine,
  { eyes, words, ...watched }: Omit<Watched, "eyes" | "words"> & Read,
  forms: ReadonlyMap<string, readonly Form[]>,
  images: readonly ChatPart[],
  { signal, onShare }: CalibrateOptions = {},
): Promise<Calibrated> {
  const { published } = watched;
  const rounded = new Map([...forms].flatMap(([key, own]) => own.filter((f) => f !== "rows8").map((f) => [key, f])));
  const keys = new Set(rounded.keys());
  const [ofEyes, ofWords] = [eyes, words].map((graph) => ({ graph, sites: sitesOf(Object.values(graph), keys) }));
  let looked = 0;
  const found = await captured(engine, { ...watched, eyes: ofEyes, words: ofWords }, images, signal, () =>
    onShare?.(++looked / images.length / 2),
  );
  const factors = new Map<string, Factors>();
  const layers: LayerError[] = [];
  const rounding = roundings(engine);
  try {
    for (const [site, rows] of found) {
      signal?.throwIfAborted();
      layers.push(...(await settled(site, rows, published, rounded, rounding, factors)));
      onShare?.(0.5 + layers.length / rounded.size / 2);
    }
  } finally {
    await rounding.close();
  }
  return { published: multiplied(published, factors), layers };
}

/** What becomes of the products of a site, whose scales are noted among the factors. */
async function settled(
  { products, divided }: Site,
  { m, rows, channels }: Captured,
  published: Published,
  forms: ReadonlyMap<string, Form>,
  rounding: Rounding,
  factors: Map<string, Factors>,
): Promise<LayerError[]> {
  const fixed = typeof divided === "string";
  const columns = fixed ? channels : columnsOf(products, m, published);
  const tried = fixed ? [0] : strengths;
  const scales = tried.map((strength) => scalesOf(channels, columns, strength));
  const costs: Lost[] = [];
  for (const key of products)
    costs.push(await rounding.lost(rows, m, floatsOf(published, key), forms.get(key)!, scales));
  const best = bestOf(costs);
  if (!fixed && best) multiply(products, divided, scales[best], published, factors);
  return products.map((layer, i) => {
    const { all, lost } = costs[i];
    const share = (of: number): number => (all ? Math.sqrt(of / all) : 0);
    const why = fixed ? divided : undefined;
    return { layer, before: share(lost[0]), after: share(lost[best]), strength: fixed ? null : tried[best], why };
  });
}

/** Which of the scales makes the products lose least together, each of its own; of those that make none of them worse than the first. */
function bestOf(costs: readonly Lost[]): number {
  const sums = costs[0].lost.map((_, i) => {
    const worse = costs.some(({ lost }) => lost[i] > lost[0]);
    return worse ? Number.POSITIVE_INFINITY : costs.reduce((sum, { all, lost }) => sum + (all ? lost[i] / all : 0), 0);
  });
  return sums.indexOf(Math.min(...sums));
}

/** Root mean squares of the columns of some matrices [n, m] under each other. */
function columnsOf(keys: readonly string[], m: number, published: Published): Float64Array {
  const squares = new Float64Array(m);
  let rows = 0;
  for (const key of keys) {
    let at = 0;
    for (const values of floatsOf(published, key))
      for (let i = 0; i < values.length; i++, at++) squares[at % m] += values[i] ** 2;
    rows += at / m;
  }
  return squares.map((sum) => Math.sqrt(sum / rows));
}

function* floatsOf(published: Published, key: string): Generator<Float32Array> {
  for (const values of published.pieces(key)) yield finiteFloats(values, key, published.name);
}

/** Notes that columns are multiplied by scales, and what stands in front divided by them. */
function multiply(
  products: readonly string[],
  divided: Exclude<Site["divided"], string>,
  scales: Float64Array,
  published: Published,
  factors: Map<string, Factors>,
): void {
  const of = (key: string): Factors => factors.get(key) ?? (factors.set(key, {}).get(key) as Factors);
  for (const key of products) of(key).columns = scales;
  for (const { key, first } of divided) {
    const rows = new Float64Array(published.entries.get(key)!.shape[0]).fill(1);
    for (const [j, s] of scales.entries()) rows[first + j] = 1 / s;
    of(key).rows = rows;
  }
}

function multiplied(published: Published, factors: ReadonlyMap<string, Factors>): Published {
  const parts = new Map(published.entries);
  for (const [key, { rows, columns }] of factors) parts.set(key, scaled(parts.get(key)!, rows, columns));
  return publishedOf(published.name, parts, () => published.close());
}
