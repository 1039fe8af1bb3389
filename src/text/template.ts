/** Messages to the text, the ids and the training labels that a model expects, and what it wrote to its answer. */
import { RequestError } from "../errors.ts";
import type { Role, Template } from "./templates.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** One turn of a conversation; `<image>` in its content stands for the next image. */
export interface Message {
  readonly role: Role;
  readonly content: string;
}

/** What a prompt is made with besides its messages. */
export interface PromptOptions {
  readonly template: Template;
  /** System message unless the messages begin with one; the template's own when undefined; "" leaves the part out. */
  readonly system?: string | undefined;
  /** Number of image tokens of each image, in the order of their `<image>`s; none when there are no images. */
  readonly imageTokens?: readonly number[];
}

const placeholder = "<image>";

/** The text of a conversation up to where the answer begins. Images take the place of the first `<image>`s of the text, and the template's gap that of a
 *  newline behind them; when no message has one, they are put in front of the first question. Images that are spliced in are one mark each.
 *  Throws RequestError when the last message is not the user's or the `<image>`s are fewer than the images. */
export function prompt(messages: readonly Message[], options: PromptOptions): string {
  const { token, spliced } = options.template.image;
  let image = 0;
  const times = (): number => (spliced ? 1 : options.imageTokens![image++]!);
  return promptText(messages, options).replaceAll(token, () => token.repeat(times()));
}

/** The ids of `prompt` with the begin-of-sequence id, where there is one, in front: the same ids as encoding its text, without segmenting a
 *  run of thousands of image tokens. Where images stand is `imageId`. */
export function promptIds(tokenizer: Tokenizer, messages: readonly Message[], options: PromptOptions): number[] {
  const { template, imageTokens = [] } = options;
  const text = promptText(messages, options);
  return [...begin(tokenizer, template), ...encoded(text, tokenizer, template, imageTokens)];
}

/** The id that stands for an image's features: the vocabulary's, or one that no vocabulary has where they are spliced in. */
export function imageId(tokenizer: Tokenizer, { image }: Template): number {
  return image.spliced ? -1 : tokenizer.id(image.token);
}

/** The answer in what a model wrote (Chat.answer of MiniGPT-4). */
export function replyOf(text: string, { reply }: Template): string {
  if (!reply) return text;
  const [first] = text.split(reply.until, 1);
  const kept = reply.without ? first.replaceAll(reply.without, "") : first;
  return kept.split(reply.after).at(-1)!.trim();
}

function promptText(messages: readonly Message[], options: PromptOptions): string {
  if (messages.at(-1)?.role !== "user")
    throw new RequestError(`the last message is ${messages.at(-1)?.role ?? "missing"}; expected one of the user`);
  const text = parts(messages, options).map((part) => part.text);
  return text.join("") + (options.template.cue ?? options.template.open.assistant);
}

/** The id in front of everything, where there is one. */
const begin = (tokenizer: Tokenizer, { bos }: Template): number[] => (bos === undefined ? [] : [tokenizer.id(bos)]);

/** A training sample: token ids, and for each id the label that the position before it should predict. */
export interface Labelled {
  readonly ids: number[];
  readonly labels: number[];
}

/** Label of an id that no loss is taken on. */
export const unlabelled = -100;

/** Ids and labels of a finished conversation: only the assistant's texts, each with its closing token, keep their ids as
 *  labels. Turns are stripped of outer white space and leading turns of the assistant are dropped; longer samples are cut
 *  to maxTokens. Where the pieces encode to another length than the whole, so that the borders are unknown, nothing is
 *  labelled. Source: `preprocess_internlm` of Mini-Monkey. */
export function labelled(
  tokenizer: Tokenizer,
  turns: readonly Message[],
  options: PromptOptions & { readonly maxTokens?: number },
): Labelled {
  const { template, imageTokens = [], maxTokens = Number.POSITIVE_INFINITY } = options;
  const first = turns.findIndex((turn) => turn.role !== "assistant");
  const stripped = turns
    .slice(first === -1 ? turns.length : first)
    .map(({ role, content }) => ({ role, content: content.trim() }));
  const pieces = runs(parts(stripped, options));
  const whole = pieces.map((piece) => piece.text).join("");
  const ids = [...begin(tokenizer, template), ...encoded(whole, tokenizer, template, imageTokens)];
  const labels = begin(tokenizer, template).map(() => unlabelled);
  let image = 0;
  for (const { text, trained } of pieces) {
    const images = text.split(template.image.token).length - 1;
    const counts = imageTokens.slice(image, (image += images));
    const from = labels.length;
    const { length } = encoded(text, tokenizer, template, counts);
    for (let i = from; i < from + length; i++) labels.push(trained ? ids[i]! : unlabelled);
  }
  const usable = labels.length === ids.length ? labels : ids.map(() => unlabelled);
  return { ids: ids.slice(0, maxTokens), labels: usable.slice(0, maxTokens) };
}

interface Part {
  readonly text: string;
  readonly trained: boolean;
}

/** The conversation piece by piece, every image as one image token between its brackets. */
function parts(messages: readonly Message[], { template, system, imageTokens = [] }: PromptOptions): Part[] {
  const { begin, token, end, gap } = template.image;
  checkContents(messages, token);
  const all = withSystem(messages, system ?? template.system);
  const has = all.some((message) => message.content.includes(placeholder));
  const prefixed = has ? all : prefixFirst(all, `${placeholder}\n`.repeat(imageTokens.length));
  let images = 0;
  const place = (text: string): string =>
    text.replaceAll(/<image>(\n?)/g, (whole, newline: string) =>
      images++ < imageTokens.length ? begin + token + end + (newline && gap) : whole,
    );
  const made = prefixed.flatMap(({ role, content }): Part[] => {
    const trained = role === "assistant";
    return [
      { text: template.open[role], trained: false },
      { text: place(content) + template.close[role], trained },
    ];
  });
  // Where `<image>` is the mark itself, none may be left as text.
  if (images < imageTokens.length || (token === placeholder && images > imageTokens.length))
    throw new RequestError(
      `the messages hold ${images} ${placeholder} for ${imageTokens.length} images; expected one each`,
    );
  return all[0]?.role === "system" ? made : [{ text: template.bare ?? "", trained: false }, ...made];
}

function checkContents(messages: readonly Message[], token: string): void {
  const index = messages.findIndex(({ content }) => token !== placeholder && content.includes(token));
  if (index !== -1)
    throw new RequestError(`message ${index + 1} holds "${token}", which stands for what an image shows; leave it out`);
}

function withSystem(messages: readonly Message[], system: string): Message[] {
  const all: Message[] =
    messages[0]?.role === "system" ? [...messages] : [{ role: "system", content: system }, ...messages];
  return all[0]!.content === "" ? all.slice(1) : all;
}

function prefixFirst(messages: readonly Message[], prefix: string): Message[] {
  const first = messages.findIndex((message) => message.role === "user");
  return messages.map((message, i) => (i === first ? { ...message, content: prefix + message.content } : message));
}

/** Neighbours of one kind joined: headers with the turn before them, answers alone. */
function runs(parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (last?.trained === part.trained) joined[joined.length - 1] = { ...part, text: last.text + part.text };
    else joined.push(part);
  }
  return joined;
}

/** The ids of a text in which every image is one mark: the k-th becomes counts[k] ids. */
function encoded(text: string, tokenizer: Tokenizer, template: Template, counts: readonly number[]): readonly number[] {
  const { token, spliced } = template.image;
  const id = counts.length ? imageId(tokenizer, template) : -1;
  const image = (k: number): number[] => new Array<number>(counts[k]!).fill(id);
  if (spliced) return text.split(token).flatMap((piece, k) => [...(k ? image(k - 1) : []), ...tokenizer.encode(piece)]);
  let k = 0;
  return tokenizer.encode(text).flatMap((found) => (found === id ? image(k++) : [found]));
}
