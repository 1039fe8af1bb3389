import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { chatTemplate, labelled, type Message, prompt, promptIds, unlabelled } from "../../src/text/template.ts";
import { parseTokenizer, type Tokenizer } from "../../src/text/tokenizer.ts";

const template = chatTemplate("internlm2-chat");
const tokenizer = parseTokenizer(byteTokenizer(), "tokenizer.json");
const golden = JSON.parse(readFileSync(new URL("../golden/mini_monkey_labels/cases.json", import.meta.url), "utf8"));

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });

test("a conversation is written as the authors' code writes it, its system message included", () => {
  const messages = [user("Q1"), assistant("A1"), user("Q2")];
  expect(prompt(messages, { template })).toBe(golden.prompt_example);
});

test.each<[string, Message[], Parameters<typeof prompt>[1], string]>([
  [
    "an empty system message is left out",
    [user("Hi")],
    { template, system: "" },
    "<|im_start|>user\nHi<|im_end|><|im_start|>assistant\n",
  ],
  [
    "a given system message is used",
    [user("Hi")],
    { template, system: "S" },
    "<|im_start|>system\nS<|im_end|><|im_start|>user\nHi<|im_end|><|im_start|>assistant\n",
  ],
  [
    "the messages' own comes first",
    [{ role: "system", content: "M" }, user("Hi")],
    { template, system: "S" },
    "<|im_start|>system\nM<|im_end|><|im_start|>user\nHi<|im_end|><|im_start|>assistant\n",
  ],
  [
    "an image nobody placed goes before the first question",
    [user("Hi")],
    { template, system: "", imageTokens: [3] },
    "<|im_start|>user\n<img><IMG_CONTEXT><IMG_CONTEXT><IMG_CONTEXT></img>\nHi<|im_end|><|im_start|>assistant\n",
  ],
  [
    "a placed image stays where it is",
    [user("a <image> b")],
    { template, system: "", imageTokens: [1] },
    "<|im_start|>user\na <img><IMG_CONTEXT></img> b<|im_end|><|im_start|>assistant\n",
  ],
  [
    "the first <image>s are images, the rest text",
    [user("<image> <image>"), assistant("x"), user("<image>")],
    { template, system: "", imageTokens: [0, 1] },
    "<|im_start|>user\n<img></img> <img><IMG_CONTEXT></img><|im_end|><|im_start|>assistant\nx<|im_end|><|im_start|>user\n<image><|im_end|><|im_start|>assistant\n",
  ],
  [
    "two unplaced images are two lines",
    [user("Hi")],
    { template, system: "", imageTokens: [1, 1] },
    "<|im_start|>user\n<img><IMG_CONTEXT></img>\n<img><IMG_CONTEXT></img>\nHi<|im_end|><|im_start|>assistant\n",
  ],
])("%s", (_, messages, options, text) => {
  expect(prompt(messages, options)).toBe(text);
});

const content = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom("<image>", "<image>\nWhat?", "<|im_end|>", "<img>é"),
);

test("the ids of a prompt are those of its text, with <s> in front", () => {
  fc.assert(
    fc.property(fc.array(content), content, fc.array(fc.nat(40), { maxLength: 2 }), (turns, last, imageTokens) => {
      const messages = [...turns.map((turn, i) => (i % 2 ? assistant(turn) : user(turn))), user(last)];
      const options = { template, system: "", imageTokens };
      const held =
        messages
          .map((message) => message.content)
          .join("")
          .split("<image>").length - 1;
      fc.pre(held === 0 || held >= imageTokens.length);
      expect(promptIds(tokenizer, messages, options)).toEqual([1, ...tokenizer.encode(prompt(messages, options))]);
    }),
  );
});

test.each<[string, () => unknown, RegExp]>([
  ["no message", () => prompt([], { template }), /last message is missing/],
  [
    "an answer at the end",
    () => prompt([user("a"), assistant("b")], { template }),
    /last message is assistant; expected one of the user/,
  ],
  [
    "fewer <image> than images",
    () => prompt([user("<image>")], { template, imageTokens: [1, 1] }),
    /hold 1 <image> for 2 images/,
  ],
  [
    "an image token in the text",
    () => prompt([user("<IMG_CONTEXT>")], { template, imageTokens: [1] }),
    /message 1 holds "<IMG_CONTEXT>"/,
  ],
  [
    "an unknown template",
    () => chatTemplate("toString"),
    /no chat template "toString"; there are internlm2-chat, Hermes-2, internvl2_5/,
  ],
])("%s is a RequestError", (_, ask, message) => {
  expect(ask).toThrow(RequestError);
  expect(ask).toThrow(message);
});

describe("labels", () => {
  /** A tokenizer that knows, for each text between special tokens, the ids that sentencepiece gave in the golden cases. */
  function replay(): Tokenizer {
    const ids = new Map<string, number>([...Object.entries<number>(golden.special_tokens), ["<s>", 1]]);
    const split = /(<\|im_start\|>|<\|im_end\|>|<img>|<\/img>|<IMG_CONTEXT>)/;
    const chunks = new Map<string, number[]>();
    for (const { conversation, input_ids, num_image_tokens, text_only, model_max_length } of golden.cases) {
      if (input_ids.length >= model_max_length) continue;
      const image = `<img>${"<IMG_CONTEXT>".repeat(num_image_tokens)}</img>`;
      const turns = conversation
        .filter((turn: { from: string }, i: number) => i > 0 || turn.from === "human")
        .map((turn: { from: string; value: string }) => {
          const role = turn.from === "human" ? "user" : "assistant";
          const value = text_only ? turn.value : turn.value.replace("<image>", image);
          return `<|im_start|>${role}\n${value.trim()}<|im_end|>`;
        });
      const system = golden.prompt_example.split("<|im_start|>user")[0];
      let at = 1;
      for (const chunk of (system + turns.join("")).split(split).filter(Boolean)) {
        if (ids.has(chunk)) {
          expect(input_ids[at++]).toBe(ids.get(chunk));
          continue;
        }
        const end = input_ids.findIndex((id: number, i: number) => i >= at && id >= 700);
        chunks.set(chunk, input_ids.slice(at, end));
        at = end;
      }
      expect(at).toBe(input_ids.length);
    }
    // What is asked for alone, cut at "assistant\n": the header's ids lead every answer, so the rest is the answer's.
    const header = chunks.get("assistant\n") ?? [590, 617, 279, 612, 387, 13];
    for (const [chunk, known] of [...chunks])
      if (chunk.startsWith("assistant\n")) {
        expect(known.slice(0, header.length)).toEqual(header);
        chunks.set(chunk.slice("assistant\n".length), known.slice(header.length));
      }
    chunks.set("assistant\n", header);
    return {
      encode: (text) =>
        text
          .split(split)
          .filter(Boolean)
          .flatMap((chunk) => ids.get(chunk) ?? chunks.get(chunk) ?? [Number.NaN]),
      decode: () => "",
      bytes: () => new Uint8Array(),
      id: (token) => ids.get(token)!,
      size: 711,
    };
  }

  const cases: [number, any][] = golden.cases.map((one: unknown, i: number) => [i, one]);
  test.each(cases)("golden case %d has the ids and labels of the authors' code", (_, one) => {
    const turns = one.conversation.map(({ from, value }: { from: string; value: string }) =>
      from === "human" ? user(value) : assistant(value),
    );
    const imageTokens = one.text_only ? [] : [one.num_image_tokens];
    const sample = labelled(replay(), turns, { template, imageTokens, maxTokens: one.model_max_length });
    expect(sample.ids).toEqual(one.input_ids);
    expect(sample.labels).toEqual(one.labels);
  });

  test("mark the answers and their closing tokens, and nothing else", () => {
    const { ids, labels } = labelled(tokenizer, [user(" Q "), assistant(" one "), user("R"), assistant("two")], {
      template,
      system: "",
      imageTokens: [5],
    });
    expect(tokenizer.decode(ids)).toBe("user\n\nQassistant\noneuser\nRassistant\ntwo");
    const marked = labels.filter((label) => label !== unlabelled);
    expect(marked).toEqual(tokenizer.encode("one<|im_end|>two<|im_end|>"));
    expect(labels.every((label, i) => label === unlabelled || label === ids[i])).toBe(true);
    expect(ids.filter((id) => id === 7)).toHaveLength(5);
  });

  test("are all left out where the pieces do not encode to the whole", () => {
    const odd: Tokenizer = { ...tokenizer, encode: (text) => tokenizer.encode(text.replace("\nhello", "hello")) };
    const { ids, labels } = labelled(odd, [user("Q"), assistant("hello")], { template, system: "" });
    expect(new Set(labels)).toEqual(new Set([unlabelled]));
    expect(labels).toHaveLength(ids.length);
  });

  test("are cut with the ids", () => {
    const sample = labelled(tokenizer, [user("Q"), assistant("hello")], { template, system: "", maxTokens: 24 });
    expect([sample.ids.length, sample.labels.length]).toEqual([24, 24]);
    expect(labelled(tokenizer, [assistant("only")], { template, system: "" })).toEqual({
      ids: [1],
      labels: [unlabelled],
    });
  });
});

test.each([
  ["Hermes-2", "<|im_start|>system\nS<|im_end|><|im_start|>user\nhello<|im_end|><|im_start|>assistant\n"],
  ["internvl2_5", "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"],
])("%s writes turns as InternVL does, and nothing in front of them", (name, expected) => {
  const template = chatTemplate(name);
  const messages = [{ role: "user", content: "hello" }] as const;
  expect(prompt(messages, { template, system: "S" })).toBe(expected);
  expect(promptIds(tokenizer, messages, { template, system: "S" })).toEqual(tokenizer.encode(expected));
});
