import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { fromSentencePiece } from "../../src/text/sentencepiece.ts";
import { imageId, labelled, type Message, prompt, promptIds, replyOf, unlabelled } from "../../src/text/template.ts";
import { chatTemplate } from "../../src/text/templates.ts";
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
    /no chat template "toString"; there are internlm2-chat, Hermes-2, phi3-chat, internvl2_5, /,
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
      spelled: () => "",
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

const system = {
  internvl:
    "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, 是一个有用无害的人工智能助手。",
  minigpt:
    "Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide it to you. Please answer my questions.",
  vicuna:
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions.",
};

describe("an image, a question, an answer and a second question are written as by the authors of", () => {
  const talk = [user("<image>\nQ1"), assistant("A1"), user("Q2")];
  test.each([
    [
      "phi3-chat",
      `<|system|>\n${system.internvl}<|end|><|user|>\n<img><IMG_CONTEXT><IMG_CONTEXT></img>\nQ1<|end|><|assistant|>\nA1<|end|><|user|>\nQ2<|end|><|assistant|>\n`,
    ],
    ["minigpt-4", `${system.minigpt}###Human: <Img><ImageHere></Img> Q1###Assistant: A1###Human: Q2###Assistant: `],
    ["vicuna_v1", `${system.vicuna} USER: <image>\nQ1 ASSISTANT: A1</s>USER: Q2 ASSISTANT:`],
    ["llava-hf", "USER: <image>\nQ1 ASSISTANT: A1 USER: Q2 ASSISTANT:"],
    ["tinygpt-v", `${system.minigpt}###Human: <Img><ImageHere></Img> Q1###Assistant: A1###Human: Q2###Assistant: `],
    ["tinygpt-v-stage4", "<s>[INST] <Img><ImageHere></Img> Q1 [/INST]A1<s>[INST] Q2 [/INST]"],
    ["tinygpt-v-benchmark", "###Human: <Img><ImageHere></Img> Q1###Assistant: A1###Human: Q2###Assistant: "],
  ])("%s", (name, expected) => {
    const options = { template: chatTemplate(name), imageTokens: [2] };
    expect(prompt(talk, options)).toBe(expected);
    // Nobody need place the image.
    expect(prompt([user("Q1"), ...talk.slice(1)], options)).toBe(expected);
  });
});

describe("where marks are plain text", () => {
  const template = chatTemplate("tinygpt-v-stage4");
  const dummy = readFileSync(new URL("../golden/tokenizer_sp/tiny_dummy.model", import.meta.url));
  const pieces = parseTokenizer(fromSentencePiece(dummy, "tiny_dummy"), "tiny_dummy");

  test("the text around images is segmented piece by piece, with the images' places between", () => {
    const messages = [user("<image>\nthe <image> the")];
    const around = ["<s>[INST] <Img>", "</Img> the <Img>", "</Img> the [/INST]"].map((piece) => pieces.encode(piece));
    const [first, second, third] = around;
    expect(promptIds(pieces, messages, { template, imageTokens: [3, 1] })).toEqual([
      ...first,
      ...[-1, -1, -1],
      ...second,
      -1,
      ...third,
    ]);
    expect(around.flat()).not.toEqual(pieces.encode("<s>[INST] <Img></Img> the <Img></Img> the [/INST]"));
    expect(imageId(pieces, template)).toBe(-1);
  });

  test("MiniGPT-4's begin stands in front of the first piece alone", () => {
    const options = { template: chatTemplate("minigpt-4"), system: "", imageTokens: [1] };
    const [first, second] = ["###Human: <Img>", "</Img> the###Assistant: "].map((piece) => pieces.encode(piece));
    expect(promptIds(pieces, [user("the")], options)).toEqual([1, ...first, -1, ...second]);
  });

  test("answers keep their ids as labels, images and questions do not", () => {
    const options = { template: chatTemplate("tinygpt-v"), system: "", imageTokens: [2] };
    const { ids, labels } = labelled(tokenizer, [user("<image>\nQ"), assistant("A B")], options);
    const [first, second] = ["###Human: <Img>", "</Img> Q###Assistant: A B###"].map((text) => tokenizer.encode(text));
    expect(ids).toEqual([...first, -1, -1, ...second]);
    expect(labels.filter((label) => label !== unlabelled)).toEqual(tokenizer.encode("A B###"));
  });

  test.each([
    [
      "more <image> than images where the mark is <image>",
      "vicuna_v1",
      "<image> <image>",
      /hold 2 <image> for 1 images/,
    ],
    ["the mark in the text", "tinygpt-v", "<ImageHere>", /message 1 holds "<ImageHere>"/],
  ])("%s is a RequestError", (_, name, text, message) => {
    const options = { template: chatTemplate(name), imageTokens: [1] };
    expect(() => prompt([user(text)], options)).toThrow(RequestError);
    expect(() => prompt([user(text)], options)).toThrow(message);
  });

  test.each([
    ["tinygpt-v", " a cup###Human: and?", "a cup"],
    ["tinygpt-v-stage4", "x\nAssistant: y Assistant: a cup ", "a cup"],
    ["tinygpt-v-stage4", "a Assistant: cup###x Assistant: y", "cup"],
    ["minigpt-4", "###", ""],
    ["tinygpt-v-benchmark", "<s> x [/INST] a <s>cup ###</s> y", "a cup ###"],
    ["internlm2-chat", " a ### cup", " a ### cup"],
  ])("%s's answer in %j is %j", (name, written, answer) => {
    expect(replyOf(written, chatTemplate(name))).toBe(answer);
  });
});
