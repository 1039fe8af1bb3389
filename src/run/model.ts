/** A model folder made ready to answer: images to tiles to visual tokens to words, in the thread that calls. */
import { RequestError } from "../errors.ts";
import type { Engine } from "../graph/engine.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { boxesIn } from "../text/boxes.ts";
import { schemaGrammar } from "../text/schema.ts";
import { posed } from "../text/tasks.ts";
import { imageId, promptIds, replyOf } from "../text/template.ts";
import { chatTemplate } from "../text/templates.ts";
import { concluded } from "../text/worked.ts";
import { parseTiling } from "../vision/tilings.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";
import { checkFinite } from "../weights/finite.ts";
import { type Spoken, surest } from "./again.ts";
import type { AnswerOptions, AnswerRecord, Piece, Question, SightOptions } from "./answer.ts";
import { watch } from "./attention.ts";
import { drawn } from "./cells.ts";
import { confidenceIn, logProbability, meanProbability, sure, trusted, trustIn, unreadable } from "./confidence.ts";
import { extracted, type Form, formOf } from "./extract.ts";
import { eyesOf } from "./eyes.ts";
import { type CacheOptions, featureCache } from "./features.ts";
import { fieldsIn } from "./fields.ts";
import { generate } from "./generate.ts";
import { type Guide, guides } from "./grammar.ts";
import { graphsOf } from "./graphs.ts";
import { checkLength, openLanguage, type VisualPromptIds } from "./language.ts";
import { checkTop } from "./logprobs.ts";
import { memoryOf } from "./memory.ts";
import { parseCompression } from "./methods.ts";
import { readModel, readTokenizer } from "./models.ts";
import { type OrtOptions, ortNode } from "./ort-node.ts";
import type { PdfLimits } from "./pages.ts";
import { sampler } from "./sample.ts";
import { openSight } from "./sight.ts";
import { seenPart, survivors } from "./survivors.ts";
import { reading, takingTurns } from "./turns.ts";
import { type Looks, looked, planned, sourcesOf, unfolded, windows } from "./views.ts";
import { putTo, toldOf, wordsOf } from "./wording.ts";

/** Most tokens of an answer where nobody says. */
const usual = 512;

/** How a model is opened; `tiles` and `scm` hold for every answer that does not say otherwise. */
export interface ModelOptions extends SightOptions {
  /** What records call the model. Default: its folder. */
  readonly name?: string | undefined;
  /** Threads of one operator. Default: all cores. */
  readonly threads?: number | undefined;
  /** See graphs.ts. Default: f32. */
  readonly precision?: string | undefined;
  /** Goes on where memory seems too little. Where it is false, not left out, a refusal names --force, as for the command that has it. */
  readonly force?: boolean | undefined;
  /** What is remembered of images. */
  readonly cache?: CacheOptions | undefined;
  /** What PDFs may ask for. */
  readonly pdf?: PdfLimits | undefined;
  /** Answers that are written at once, a token of each in one run; memory of a conversation is taken for each. Default: 1. */
  readonly batch?: number | undefined;
}

/** What an answer is held to, and then the person who asked judges it. A guide goes along with one answer: each look has its own. */
interface Held {
  readonly guide: (() => Guide) | undefined;
}

/** More answers at once bring nothing on a processor. */
const mostAtOnce = 64;

/** An open model; as many answers at a time as `batch` says, others wait. */
export interface Model {
  /** Yields pieces of text and returns the record. An aborted signal ends it within one token, one piece of the prompt or one batch of tiles. */
  answer(question: Question, options?: AnswerOptions, signal?: AbortSignal): AsyncGenerator<Piece, AnswerRecord>;
  close(): Promise<void>;
}

/** Opens config.json, tokenizer.json and the weights of a folder. Throws RequestError for a missing file or an option out of
 *  range, FormatError for a file that is not what it claims, WeightError for weights that are not the model's. */
export async function openModel(
  folder: string,
  options: ModelOptions = {},
  engineOf: (options: OrtOptions) => Engine = ortNode,
): Promise<Model> {
  const begun = performance.now();
  const { name = folder, threads, precision = "f32", force, cache = {}, batch = 1, pdf = {} } = options;
  if (!(Number.isInteger(batch) && batch >= 1 && batch <= mostAtOnce))
    throw new RequestError(`batch is ${batch}; expected a whole number from 1 to ${mostAtOnce}`);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1))
    throw new RequestError(`threads is ${threads}; expected a whole number from 1`);
  const whole = readModel(folder);
  const tokenizer = readTokenizer(folder, whole.vocabulary);
  const template = chatTemplate(whole.template);
  const placeholder = imageId(tokenizer, template);
  const stopIds = template.stop.map((token) => tokenizer.id(token));
  const ends = template.reply ? [template.reply.until] : [];
  const sightOf = (asked: SightOptions) => policy(asked, options, whole);
  for (const tiles of [undefined, ...whole.tilesAgain]) sightOf({ tiles });
  const checkpoint = openCheckpoint(folder);
  const parts: { close(): Promise<void> | void }[] = [checkpoint];
  const closeAll = async () => {
    for (const part of parts.splice(0).reverse()) await part.close();
  };
  const opened = async <T extends { close(): Promise<void> }>(part: T | Promise<T>): Promise<T> => {
    parts.push(await part);
    return part;
  };

  async function open() {
    const graphs = graphsOf(checkpoint, whole, precision);
    const memory = memoryOf(graphs, whole, { force, seats: batch });
    const remembered = featureCache(cache, graphs, whole, folder);
    memory.checkOpening(name);
    const engine = engineOf({ folder, threads });
    const turns = takingTurns();
    const reads = reading(engine, turns);
    const explain = () => checkFinite(checkpoint);
    return {
      memory,
      remembered,
      eyes: eyesOf(await opened(openSight(reads, graphs.eyes, whole)), whole),
      language: await opened(openLanguage(engine, graphs.words, whole, placeholder, { seats: batch, explain, turns })),
      watched: await opened(watch(reads, graphs.language, placeholder, graphs.judge)),
    };
  }

  const { memory, remembered, eyes, language, watched } = await open().catch(async (error: unknown) => {
    await closeAll();
    throw error;
  });
  let load = performance.now() - begun;
  const guideOf = guides(tokenizer, whole.vocabulary, stopIds);
  const looks: Looks = new Map();

  async function* answer(
    question: Question,
    asked: AnswerOptions = {},
    signal?: AbortSignal,
  ): AsyncGenerator<Piece, AnswerRecord> {
    const { schema } = asked;
    if (schema === undefined) return (yield* lookedAt(question, asked, signal)).record;
    if (asked.stop?.length) throw new RequestError("stop would cut the JSON of a schema; expected one of the two");
    const guide = () => guideOf(JSON.stringify(schema), () => schemaGrammar(schema));
    // A schema that there is no guide for is refused before anything is read.
    guide();
    const words = wordsOf(question);
    const form = whole.extraction === "fields" ? formOf(schema) : undefined;
    if (form) return { ...(yield* fieldByField(form, question, asked, signal)), question: words };
    const { record, made } = (yield* speak(toldOf(question, schema), asked, signal, { guide }))!;
    const spelled = made.ids.map((id, i) => ({ bytes: tokenizer.bytes(id), probability: made.probabilities[i]! }));
    return { ...record, question: words, fields: made.finishReason === "stop" ? fieldsIn(spelled) : null };
  }

  function fieldByField(form: Form, question: Question, asked: AnswerOptions, signal?: AbortSignal) {
    const most = whole.maxNewTokens ?? usual;
    return extracted(
      form,
      asked.maxTokens ?? Number.POSITIVE_INFINITY,
      async function* ({ question: words, held }, left) {
        const guide = held && (() => guideOf(held.key, held.grammar, most));
        const maxTokens = Math.min(left, guide?.().most ?? most);
        const { record, made } = yield* lookedAt(putTo(question, words), { ...asked, maxTokens }, signal, { guide });
        const said = tokenizer.decode(made.ids);
        const ended = record.finish_reason === "stop" && !(guide && Buffer.byteLength(said) >= most);
        const confidence = ended ? trustIn(whole.confidence, record.log_probability) : 0;
        const doubted = !ended || confidence < (whole.confidence?.least ?? 0);
        return { text: guide ? concluded(said) : record.answer, confidence, doubted, record };
      },
    );
  }

  /** The surest answer of as many looks as it takes; tiles that somebody chose are the only look. */
  function lookedAt(question: Question, asked: AnswerOptions, signal?: AbortSignal, held?: Held) {
    const others = (asked.tiles ?? options.tiles) === undefined && question.images.length ? whole.tilesAgain : [];
    const before = new Set<string>();
    return surest(
      (tiles) => speak(question, { ...asked, ...(tiles && { tiles }) }, signal, held, before),
      others,
      signal,
    );
  }

  /** One answer of the model; none where its images were seen in just this way `before`. */
  async function* speak(
    { images, messages }: Question,
    asked: AnswerOptions,
    signal?: AbortSignal,
    held?: Held,
    before?: Set<string>,
  ): AsyncGenerator<Piece, Spoken | undefined> {
    sampler(asked);
    checkTop(asked.topLogprobs);
    const { compression, tiling, skipBlank } = sightOf(asked);
    const timing = { load, image: 0, encode: 0, compress: 0 };
    load = 0;
    const clock = stopwatch();

    const s = whole.tileSize;
    const plans = await planned(images, tiling, s, pdf, looks, signal);
    const asking = unfolded(messages, plans);
    const planTokens = plans.flat().reduce((sum, { plan }) => sum + plan.tiles.length * whole.tokensPerTile, 0);
    if (!compression && !skipBlank) checkLength(planTokens, whole.longest);
    const views = await looked(plans.flat(), { skipBlank, cells: asked.cells }, s, remembered, signal);
    timing.image = clock();
    const look = views.map(({ id }) => id).join();
    if (before?.has(look)) return undefined;
    before?.add(look);

    const imageTokens = views.map(({ shown }) => shown.length * whole.tokensPerTile);
    const only = views.length === 1 ? views[0].part : undefined;
    const put = posed(asking, asked, template.tasks ?? {}, only);
    const ids = promptIds(tokenizer, put, { template, system: whole.system, imageTokens });
    if (!compression) checkLength(ids.length, whole.longest);
    const longest = Math.min(asked.maxTokens ?? whole.maxNewTokens ?? usual, whole.longest);
    const tiles = views.reduce((sum, { shown }) => sum + shown.length, 0);
    // An answer is seldom as long as it may be.
    const expected = Math.min(longest || usual, whole.maxNewTokens ?? usual);
    memory.checkAnswer({
      tiles,
      promptTokens: ids.length,
      maxTokens: expected,
      asks: compression?.asks,
      rememberedBytes: remembered.bytes,
    });
    if (asked.cells) {
      yield { text: "", images: drawn(views, whole.tokensPerTile) };
      clock();
    }
    const features: Float32Array[] = [];
    for (const { id, tiles, blank, shown } of views) {
      const seen = tiles instanceof Float32Array ? tiles : await eyes.look(tiles, shown, signal);
      if (seen !== tiles) remembered.put(id, { features: seen, blank });
      features.push(seen);
    }
    timing.encode = clock();

    const sources = sourcesOf(views, whole.tokensPerTile);
    let prompt: VisualPromptIds = { ids, features: joined(features), sources };
    const visual = imageTokens.reduce((sum, n) => sum + n, 0);
    let kept = visual;
    let seen = drawn(views, whole.tokensPerTile);
    if (compression && visual) {
      const survived = await compression.keep(watched.prompt(prompt, windows(views, whole.tokensPerTile), signal));
      prompt =
        compression.layer === undefined ? survivors(prompt, placeholder, survived) : seenPart(prompt, visual, survived);
      kept = survived.length;
      seen = drawn(views, whole.tokensPerTile, survived);
    }
    timing.compress = clock();
    if (asked.cells && kept < visual) yield { text: "", images: seen };

    const room = whole.longest - prompt.ids.length + 1;
    const maxTokens = Math.min(longest, Math.max(room, 1));
    const guide = held?.guide?.();
    const stop = guide ? [] : [...ends, ...(asked.stop ?? [])];
    const repetitionPenalty = asked.repetitionPenalty ?? whole.repetitionPenalty;
    const how = { ...asked, repetitionPenalty, maxTokens, stopIds, stop, guide, signal };
    const question = wordsOf({ images, messages });
    const seat = await language.take(prompt);
    const pieces = left(generate(seat, prompt, tokenizer, how), () => language.leave(seat));
    const { made, withheld } = yield* trusted(pieces, question, held ? undefined : whole.confidence);
    const reply = guide ? made.answer : replyOf(made.answer, template);
    const logP = logProbability(made.probabilities);
    const trust = whole.confidence && confidenceIn(whole.confidence, logP);
    const doubted = withheld !== undefined && trust! < whole.confidence!.least;
    const unsure = held ? trust !== undefined && !sure(trust, whole.confidence!) : withheld !== undefined;
    const record: AnswerRecord = {
      model: name,
      question,
      answer: doubted ? unreadable : reply,
      shown: made.shown,
      boxes: only && !held ? boxesIn(replyOf(tokenizer.spelled(made.ids), template), only) : [],
      finish_reason: made.finishReason,
      fields: null,
      probability: meanProbability(made.probabilities),
      log_probability: logP,
      ...(asked.topLogprobs !== undefined && { logprobs: made.logprobs }),
      confidence: held ? null : (trust ?? null),
      guess: doubted ? reply : null,
      images: seen,
      usage: {
        prompt_tokens: made.promptTokens,
        cached_tokens: maxTokens ? seat.reused : 0,
        visual_tokens: visual,
        visual_tokens_kept: kept,
        completion_tokens: made.ids.length,
      },
      timing_ms: { ...timing, prefill: made.prefillMs, decode: made.decodeMs },
      peak_rss_bytes: process.resourceUsage().maxRSS * 1024,
    };
    return { record, made, unsure, withheld };
  }

  return { answer, close: closeAll };
}

/** The generator, after whose end, however it comes, something is done. */
async function* left<T, R>(of: AsyncGenerator<T, R>, after: () => void): AsyncGenerator<T, R> {
  try {
    return yield* of;
  } finally {
    after();
  }
}

/** How images are cut and compressed for one answer. */
function policy(asked: SightOptions, opened: SightOptions, model: Multimodal) {
  const spec = compressionOf(asked) ?? compressionOf(opened) ?? compressionOf({ scm: model.scmRatio }) ?? "off";
  return {
    tiling: parseTiling(asked.tiles ?? opened.tiles ?? model.tiles),
    skipBlank: asked.skipBlank ?? opened.skipBlank ?? false,
    compression: parseCompression(spec),
  };
}

/** The spec of the compression that options ask for. Throws RequestError where they ask for two. */
function compressionOf({ scm, compress }: SightOptions): string | undefined {
  if (scm === undefined || compress === undefined) return compress ?? (typeof scm === "number" ? `scm:${scm}` : scm);
  throw new RequestError(`scm is ${scm} and compress "${compress}"; expected one of the two`);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Milliseconds since the last call. */
function stopwatch(): () => number {
  let begun = performance.now();
  return () => {
    const now = performance.now();
    const spent = now - begun;
    begun = now;
    return spent;
  };
}
