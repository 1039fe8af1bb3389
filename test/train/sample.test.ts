/** Packed questions: each is read as if it were alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { before, slots } from "../../src/data/dense.ts";
import type { Page, Question } from "../../src/data/page.ts";
import type { Session } from "../../src/graph/engine.ts";
import { evaluate } from "../../src/graph/evaluate.ts";
import { size } from "../../src/graph/shape.ts";
import { input } from "../../src/graph/tensor.ts";
import { languageModel, tokensPerTile } from "../../src/models/mini-monkey.ts";
import { merged } from "../../src/models/text-model.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { chatTemplate } from "../../src/text/templates.ts";
import { parseTokenizer } from "../../src/text/tokenizer.ts";
import { worked } from "../../src/text/worked.ts";
import { answerLoss, sharesOf } from "../../src/train/losses.ts";
import { rowsOf } from "../../src/train/pack.ts";
import { type Sample, sampleOf } from "../../src/train/sample.ts";
import { parseTiling } from "../../src/vision/tilings.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";
import { weights } from "../../src/weights/path.ts";
import { tinyConfig, tinyModel } from "../support/tiny-model.ts";
import { drawn, floats, gap, integers, value } from "../support/values.ts";

const c = tinyConfig();
const tokenizer = parseTokenizer(byteTokenizer(), "tokenizer.json");
const placeholder = tokenizer.id(chatTemplate(c.template).image.token);
const page: Page = {
  kind: "line",
  seed: 1,
  image: { width: 60, height: 40, data: new Uint8Array(60 * 40 * 3).fill(200) },
  text: "",
  lines: [],
  fields: {},
  glyphs: [],
  questions: [],
};
const questions: Question[] = [
  { kind: "field", question: "Total?", answer: "12.50" },
  { kind: "yesno", question: "Is it paid?", answer: "no" },
  { kind: "read", question: "Read it all.", answer: "a line" },
];

const sample = (asked: readonly Question[], maxTokens = 500): Sample =>
  sampleOf(page, asked, parseTiling("single").plan(60, 40, c.force_image_size), c, tokenizer, maxTokens);
const packed = sample(questions);
const alone = questions.map((question) => sample([question]));
const prefix = packed.segments.lastIndexOf(0) + 1;

test("the image is written once, and each question behind it is a segment that begins at the prefix's end", () => {
  expect(packed.ids.filter((id) => id === placeholder)).toHaveLength(tokensPerTile(c));
  questions.forEach((_, i) => {
    const at = packed.segments.flatMap((segment, j) => (segment === i + 1 ? [j] : []));
    expect(at.map((j) => packed.ids[j])).toEqual(alone[i].ids.slice(prefix));
    expect(at.map((j) => packed.positions[j])).toEqual(alone[i].positions.slice(prefix));
    expect(at.map((j) => packed.targets[j])).toEqual(alone[i].targets.slice(prefix));
  });
  expect(packed.ids.slice(0, prefix)).toEqual(alone[0].ids.slice(0, prefix));
});

test("every answer is a target, ended by the token that stops", () => {
  const stop = tokenizer.id("<|im_end|>");
  const answers = alone.map(({ targets }) => targets.filter((id) => id >= 0));
  expect(answers.map((ids) => tokenizer.decode(ids.filter((id) => id !== stop)))).toEqual(["12.50", "no", "a line"]);
  for (const ids of answers) expect(ids).toContain(stop);
});

test("a question for which there is no room is left out, a shorter one behind it is not", () => {
  const room = prefix + [0, 2].reduce((n, i) => n + alone[i].ids.length - prefix, 0);
  const long: Question = { kind: "field", question: "Is it paid in full, and when?".repeat(4), answer: "no" };
  const row = sample([questions[0], long, questions[2]], room);
  expect(row.ids).toEqual(sample([questions[0], questions[2]]).ids);
  expect(row.ids).toHaveLength(room);
});

test("on the square average an answer of x tokens counts as √x, and by tokens as x", () => {
  const shape = { rows: 1, tokens: packed.ids.length, tiles: 1 };
  // Logits whose cross entropy is the number of the segment, for whatever is wanted of two choices.
  const wrong = packed.segments.map((segment) => Math.log(Math.expm1(Math.max(segment, 1))));
  const logits = value([1, shape.tokens, 2], ...wrong.flatMap((nats) => [0, nats]));
  const loss = (average: "token" | "square"): number => {
    const y = answerLoss(input("logits", [1, shape.tokens, 2]), sharesOf([1, shape.tokens], average));
    const wanted = value([1, shape.tokens], ...packed.targets.map((id) => (id < 0 ? -1 : 0)));
    const given = value([1, shape.tokens], ...(rowsOf([packed], shape).shares.data as Float32Array));
    return evaluate({ y }, { logits, targets: wanted, shares: given }).y.data[0];
  };
  const lengths = questions.map(({ answer }) => answer.length + 1);
  const mean = (count: (x: number) => number): number =>
    lengths.reduce((sum, x, i) => sum + count(x) * (i + 1), 0) / lengths.reduce((sum, x) => sum + count(x), 0);
  expect(loss("token")).toBeCloseTo(mean((x) => x));
  expect(loss("square")).toBeCloseTo(mean(Math.sqrt));
});

test("what is read off the page first is a target before the answer, and counts as an answer of its own", () => {
  const shown = ["12.30", "€ 4"];
  const row = sample([{ ...questions[1], shown }]);
  const at = row.targets.flatMap((id, i) => (id >= 0 ? [i] : []));
  const [read, whole] = ["\u001e12.30\u001e€ 4\u001f", worked("no", shown)].map((text) => Buffer.byteLength(text));
  expect(tokenizer.decode(at.slice(0, -1).map((i) => row.targets[i]))).toBe(worked("no", shown));
  expect(at).toHaveLength(whole + 1);
  const { data } = rowsOf([row], { rows: 1, tokens: row.ids.length, tiles: 1 }).shares;
  at.forEach((i, k) => {
    expect(data[i]).toBeCloseTo((k < read ? read : whole + 1 - read) ** -0.5);
  });
});

describe("the model's logits", () => {
  const folder = mkdtempSync(join(tmpdir(), "galago-sample-"));
  let session: Session;
  beforeAll(async () => {
    const w = weights(openCheckpoint(tinyModel(folder)));
    const given = (name: string) => input(name, [1, size("tokens")], "i64");
    const features = input("features", [tokensPerTile(c), c.llm_config.hidden_size]);
    const x = merged(given("ids"), features, placeholder, languageModel(w, c));
    const pass = { positions: given("positions"), segments: given("segments") };
    const model = languageModel(w, c);
    session = await ortNode({ folder, threads: 1 }).open({ logits: model.head(model.states(x, pass).at(-1)!) });
  });
  afterAll(async () => {
    await session.close();
    rmSync(folder, { recursive: true });
  });

  const v = c.llm_config.vocab_size;
  const features = floats(drawn([tokensPerTile(c), c.llm_config.hidden_size], 7));
  async function logits({ ids, positions, segments }: Sample): Promise<Float32Array> {
    const row = (numbers: readonly number[]) => integers(value([1, numbers.length], ...numbers));
    const given = { ids: row(ids), positions: row(positions), segments: row(segments), features };
    return (await session.run(given)).logits.data as Float32Array;
  }

  test.each([0, 1, 2])("of question %d in a packed row are those of the question alone", async (i) => {
    const together = await logits(packed);
    const single = (await logits(alone[i])).slice(prefix * v);
    const from = packed.segments.indexOf(i + 1);
    expect(gap(together.slice(from * v, from * v + single.length), single)).toBeLessThan(1e-5);
  });

  test("would differ if the segments were not told apart", async () => {
    const together = await logits({ ...packed, segments: packed.segments.map(() => 0) });
    const single = (await logits(alone[1])).slice(prefix * v);
    const from = packed.segments.indexOf(2);
    expect(gap(together.slice(from * v, from * v + single.length), single)).toBeGreaterThan(1e-3);
  });
});

test("labels follow the glyphs: each on its patch, and before a visual token what precedes its first glyph in the text", () => {
  const side = c.force_image_size / c.vision_config.patch_size;
  const [w, h] = [60 / side, 40 / side];
  // "a" and "b" on the first two patches, which are folded into the first visual token; "c", after a blank, on the last patch.
  const glyphs = [
    { char: "a", x: w / 2, y: h / 2, width: w, height: h },
    { char: "b", x: (3 * w) / 2, y: h / 2, width: w, height: h },
    { char: "c", x: 60 - w / 2, y: 40 - h / 2, width: w, height: h },
  ];
  const plan = parseTiling("single").plan(60, 40, c.force_image_size);
  const seen = sampleOf({ ...page, text: "ab c", glyphs }, questions, plan, c, tokenizer, 500);
  const dense = [...seen.dense].map((code) => (code > 0 ? String.fromCharCode(code) : code));
  expect([dense[0], dense[slots], dense[(side * side - 1) * slots]]).toEqual(["a", "b", "c"]);
  expect(dense.filter((code) => code === 0)).toHaveLength(side * side * slots - 3);
  const at = seen.ids.flatMap((id, i) => (id === placeholder ? [i] : []));
  const asked = at.map((i) => seen.before.slice(i * before, (i + 1) * before));
  expect(asked[0]).toEqual([0, 0]);
  expect(asked.at(-1)).toEqual([..." b"].map((char) => char.charCodeAt(0)));
  expect(
    asked
      .slice(1, -1)
      .flat()
      .every((code) => code === -1),
  ).toBe(true);
  expect(seen.before).toHaveLength(seen.ids.length * before);
});

test("print too small to be read is not asked for", () => {
  const glyphs = [{ char: "a", x: 30, y: 20, width: 1, height: 1 }];
  const plan = parseTiling("single").plan(60, 40, c.force_image_size);
  const seen = sampleOf({ ...page, text: "a", glyphs }, questions, plan, c, tokenizer, 500);
  expect([...seen.dense, ...seen.before].every((code) => code === -1)).toBe(true);
});
