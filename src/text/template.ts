/** Chat templates as data: messages to the text, the ids and the training labels that a model expects. */
import { RequestError } from "../errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** One turn of a conversation; `<image>` in its content stands for the next image. */
export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** How a family of models writes conversations down. */
export interface Template {
  /** System message when nobody gives one. */
  readonly system: string;
  readonly open: Readonly<Record<Message["role"], string>>;
  readonly close: string;
  /** The token in front of everything, where the family has one. */
  readonly bos?: string;
  /** Tokens that end an answer. */
  readonly stop: readonly string[];
  /** An image is `begin`, as many `token`s as it has features, `end`. */
  readonly image: { readonly begin: string; readonly token: string; readonly end: string };
}

const firstGreeting =
  "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, 是一个有用无害的人工智能助手。";

/** As InternVL2-2B and -8B write: no newline after `<|im_end|>`, and an answer ends only with it. */
const internlm2Chat: Template = {
  system: firstGreeting,
  open: {
    system: "<|im_start|>system\n",
    user: "<|im_start|>user\n",
    assistant: "<|im_start|>assistant\n",
  },
  close: "<|im_end|>",
  bos: "<s>",
  stop: ["<|im_end|>"],
  image: { begin: "<img>", token: "<IMG_CONTEXT>", end: "</img>" },
};
const { bos: _, ...withoutBos } = internlm2Chat;

/** Templates by the name in config.json (InternVL, `conversation.py`). Hermes-2: the Qwen2 of InternVL2-1B, whose tokenizer has no begin. */
const templates: Readonly<Record<string, Template>> = {
  "internlm2-chat": internlm2Chat,
  "Hermes-2": withoutBos,
  internvl2_5: {
    ...withoutBos,
    system:
      "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。",
    close: "<|im_end|>\n",
  },
};

/** The template of that name. Throws RequestError that lists the known ones. */
export function chatTemplate(name: string): Template {
  if (Object.hasOwn(templates, name)) return templates[name]!;
  throw new RequestError(`no chat template "${name}"; there are ${Object.keys(templates).join(", ")}`);
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

/** The text of a conversation up to where the answer begins. Images take the place of the first `<image>`s of the text;
 *  when no message has one, they are put in front of the first question: `<image>` and a newline each. Throws
 *  RequestError when the last message is not the user's or the `<image>`s are fewer than the images. */
export function prompt(messages: readonly Message[], options: PromptOptions): string {
  const { token } = options.template.image;
  let image = 0;
  return promptText(messages, options).replaceAll(token, () => token.repeat(options.imageTokens![image++]!));
}

/** The ids of `prompt` with the begin-of-sequence id, where there is one, in front: the same ids as encoding its text, without segmenting a
 *  run of thousands of image tokens. */
export function promptIds(tokenizer: Tokenizer, messages: readonly Message[], options: PromptOptions): number[] {
  const { template, imageTokens = [] } = options;
  const ids = tokenizer.encode(promptText(messages, options));
  return [...begin(tokenizer, template), ...expand(ids, tokenizer, template, imageTokens)];
}

function promptText(messages: readonly Message[], options: PromptOptions): string {
  if (messages.at(-1)?.role !== "user")
    throw new RequestError(`the last message is ${messages.at(-1)?.role ?? "missing"}; expected one of the user`);
  const text = parts(messages, options).map((part) => part.text);
  return text.join("") + options.template.open.assistant;
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
  const whole = tokenizer.encode(pieces.map((piece) => piece.text).join(""));
  const ids = [...begin(tokenizer, template), ...expand(whole, tokenizer, template, imageTokens)];
  const labels = begin(tokenizer, template).map(() => unlabelled);
  let image = 0;
  for (const { text, trained } of pieces) {
    const images = text.split(template.image.token).length - 1;
    const counts = imageTokens.slice(image, (image += images));
    const from = labels.length;
    const { length } = expand(tokenizer.encode(text), tokenizer, template, counts);
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
  const { begin, token, end } = template.image;
  checkContents(messages, token);
  const all = withSystem(messages, system ?? template.system);
  const has = all.some((message) => message.content.includes(placeholder));
  const prefixed = has ? all : prefixFirst(all, `${placeholder}\n`.repeat(imageTokens.length));
  let images = 0;
  const place = (text: string): string =>
    text.replaceAll(placeholder, () => (images++ < imageTokens.length ? begin + token + end : placeholder));
  const made = prefixed.flatMap(({ role, content }): Part[] => {
    const trained = role === "assistant";
    return [
      { text: template.open[role], trained: false },
      { text: place(content) + template.close, trained },
    ];
  });
  if (images < imageTokens.length)
    throw new RequestError(
      `the messages hold ${images} ${placeholder} for ${imageTokens.length} images; expected one each`,
    );
  return made;
}

function checkContents(messages: readonly Message[], token: string): void {
  const index = messages.findIndex((message) => message.content.includes(token));
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

/** Ids in which the k-th image token is repeated counts[k] times. */
function expand(
  ids: readonly number[],
  tokenizer: Tokenizer,
  template: Template,
  counts: readonly number[],
): readonly number[] {
  if (counts.length === 0) return ids;
  const token = tokenizer.id(template.image.token);
  let image = 0;
  return ids.flatMap((id) => (id === token ? new Array<number>(counts[image++]!).fill(token) : [id]));
}
