/** `galago ask`, against the build, with models of random weights. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { built } from "../support/built.ts";
import { tinyConfig, tinyModel } from "../support/tiny-model.ts";
import { golden } from "../vision/golden.ts";
import { galago, type Outcome } from "./terminal.ts";

const { main: program } = (await import(built("cli/program.js").href)) as typeof import("../../src/cli/program.ts");

const home = mkdtempSync(join(tmpdir(), "galago-ask-"));
const image = fileURLToPath(golden("resize/noise_33x47.png"));
const wide = fileURLToPath(golden("resize/text_640x48.png"));
const pdf = join(home, "Two.PDF");

/** A PDF of empty pages, 200 by 100 points each. */
function pages(count: number): string {
  const kids = Array.from({ length: count }, (_, i) => `${3 + i} 0 R`).join(" ");
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Kids [${kids}] /Count ${count} >>`,
    ...Array<string>(count).fill("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] >>"),
  ];
  const body = objects.map((object, i) => `${i + 1} 0 obj\n${object}\nendobj\n`).join("");
  return `%PDF-1.4\n${body}trailer << /Size ${objects.length + 1} /Root 1 0 R >>\n%%EOF\n`;
}

beforeAll(() => {
  vi.stubEnv("GALAGO_HOME", home);
  tinyModel(join(home, "models", "babble"));
  tinyModel(join(home, "models", "always"), { says: 8 + 65 });
  writeFileSync(pdf, pages(3));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

/** `galago ask` with a model that babbles, in one thread and one tile, unless the words say otherwise. */
function ask(words: readonly string[], stdin?: Uint8Array): Promise<Outcome> {
  const defaults = { "--model": "babble", "--threads": "1", "--tiles": "single", "--max-tokens": "8" };
  const given = Object.entries(defaults).flatMap(([flag, value]) => (words.includes(flag) ? [] : [flag, value]));
  return galago(["ask", ...given, ...words], { program, stdin });
}

describe("--json", () => {
  test("is one document with what was asked, seen, said and spent", async () => {
    const { status, text } = await ask([image, "What is the total?", "--tiles", "msac", "--scm", "0.5", "--json"]);
    expect(status).toBe(0);
    const record = JSON.parse(text);
    expect(Object.keys(record).sort()).toEqual([
      "answer",
      "boxes",
      "confidence",
      "fields",
      "finish_reason",
      "guess",
      "images",
      "log_probability",
      "model",
      "peak_rss_bytes",
      "probability",
      "question",
      "shown",
      "timing_ms",
      "usage",
    ]);
    expect(record).toMatchObject({
      model: "babble",
      question: "What is the total?",
      finish_reason: "length",
      images: [{ source: image, width: 33, height: 47, tiles: { detailed: [2, 3], adaptive: [2, 2], global: true } }],
      usage: { visual_tokens: 44, visual_tokens_kept: 32, completion_tokens: 8 },
    });
    expect(record.timing_ms.load).toBeGreaterThan(0);
  });

  test("an answer held to a schema is JSON of it, with its values", async () => {
    const schema = join(home, "schema.json");
    writeFileSync(schema, JSON.stringify({ type: "object", properties: { a: { enum: [7] } }, required: ["a"] }));
    const whole = await ask([image, "--schema", schema, "--json", "--max-tokens", "20"]);
    const record = JSON.parse(whole.text);
    expect(JSON.parse(record.answer)).toEqual({ a: 7 });
    expect(record).toMatchObject({ finish_reason: "stop", fields: [{ path: "/a", value: 7, confidence: 1 }] });
    const cut = await ask([image, "Which?", "--schema", schema, "--json", "--max-tokens", "3"]);
    expect(JSON.parse(cut.text)).toMatchObject({ finish_reason: "length", question: "Which?", fields: null });
    expect(cut.stderr).toContain("so it is no JSON");
  });

  test.each([
    ["{", "schema.json: is not JSON"],
    ['{ "uniqueItems": true }', '#: "uniqueItems" is not supported; supported: $ref'],
  ])("a schema that is %s ends in one sentence", async (text, message) => {
    const schema = join(home, "schema.json");
    writeFileSync(schema, text);
    const { status, stderr } = await ask([image, "--schema", schema]);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
  });

  test("an image from standard input gives the answer of the file", async () => {
    const [file, stream] = await Promise.all([
      ask([image, "?", "--json"]),
      ask(["-", "?", "--json"], readFileSync(image)),
    ]);
    expect(JSON.parse(stream.text).images[0].source).toBe("standard input");
    expect(JSON.parse(stream.text).answer).toBe(JSON.parse(file.text).answer);
  });

  test.each([
    ["one page", [`${pdf}#2`], ["#2"]],
    ["a range of pages", [`${pdf}#2-3`], ["#2", "#3"]],
    ["pages with a gap", [`${pdf}#1,3`], ["#1", "#3"]],
    ["all pages, beside an image", [pdf, image], ["#1", "#2", "#3", undefined]],
  ])("%s of a PDF", async (_, sources, names) => {
    const { images, usage } = JSON.parse((await ask([...sources, "?", "--json"])).text);
    const expected = names.map((name) => (name ? pdf + name : image));
    expect(images.map(({ source }: { source: string }) => source)).toEqual(expected);
    expect(images[0]).toMatchObject({ width: 400, height: 200 });
    expect(usage.visual_tokens).toBe(4 * names.length);
  });

  test("--compress keeps the part of the detailed tokens that it names", async () => {
    const { text } = await ask([image, "?", "--tiles", "msac", "--compress", "divprune:0.25", "--json"]);
    expect(JSON.parse(text).usage).toMatchObject({ visual_tokens: 44, visual_tokens_kept: 26 });
  });

  test("--skip-blank leaves out the tiles of a page that hold nothing, unless all do", async () => {
    const tokens = async (...words: string[]) =>
      JSON.parse((await ask([...words, "?", "--tiles", "native:1..12", "--skip-blank", "--json"])).text).usage
        .visual_tokens;
    expect(await tokens(`${pdf}#1`)).toBe(4 * 4 * 2);
    expect(await tokens(image)).toBe(4);
  });

  test("--cache keeps what the tower saw, and the next call answers the same from it", async () => {
    const folder = join(home, "seen");
    const [first, second] = [
      await ask([image, "?", "--cache", folder, "--json"]),
      await ask([image, "?", "--cache", folder, "--json"]),
    ];
    expect(readdirSync(folder)).toHaveLength(1);
    expect(JSON.parse(second.text).answer).toBe(JSON.parse(first.text).answer);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("a seed repeats a drawn answer", async () => {
    const drawn = async (seed: string) => {
      const words = [image, "?", "--temperature", "1.5", "--top-k", "50", "--top-p", "0.9", "--seed", seed];
      return JSON.parse((await ask([...words, "--max-tokens", "24", "--json"])).text).answer;
    };
    expect(await drawn("7")).toBe(await drawn("7"));
    expect(await drawn("8")).not.toBe(await drawn("7"));
  });
});

describe("a folder", () => {
  const folder = join(home, "page images");
  beforeAll(() => {
    mkdirSync(folder);
    copyFileSync(wide, join(folder, "b.png"));
    copyFileSync(image, join(folder, "a.png"));
    copyFileSync(pdf, join(folder, "c.pdf"));
    writeFileSync(join(folder, "notes.txt"), "no image");
  });
  const names = ["a.png", "b.png", "c.pdf#1", "c.pdf#2", "c.pdf#3"];

  test("is asked about image by image, in the order of their names, whatever is asked at once", async () => {
    const one = await ask([folder, "Which?", "--json"]);
    const three = await ask([folder, "Which?", "--json", "--batch", "3"]);
    const [alone, together] = [one, three].map(({ text }) =>
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    );
    expect(together.map(({ images }) => images.map(({ source }: { source: string }) => source))).toEqual(
      names.map((name) => [join(folder, name)]),
    );
    expect(together.map(({ answer }) => answer)).toEqual(alone.map(({ answer }) => answer));
    expect(alone[0].answer).toBe(JSON.parse((await ask([image, "Which?", "--json"])).text).answer);
  });

  test("without --json each answer is a line behind its image", async () => {
    const { text } = await ask([folder, "?", "--model", "always", "--max-tokens", "2", "--batch", "8"]);
    expect(text).toBe(names.map((name) => `${join(folder, name)}: AA\n`).join(""));
  });
});

test("without --json the answer streams and ends with a newline", async () => {
  const { status, text, stderr } = await ask([image, "?", "--model", "always", "--max-tokens", "5"]);
  expect([status, text]).toEqual([0, "AAAAA\n"]);
  expect(stderr).toBe("galago: the answer was cut after 5 tokens; see --max-tokens\n");
});

test("boxes in the answer are in pixels of the image, in the document and on stderr", async () => {
  const llm_config = { ...tinyConfig().llm_config, vocab_size: 268 };
  const folder = tinyModel(join(home, "models", "boxes"), { config: { llm_config }, says: 267 });
  const tokenizer = JSON.parse(readFileSync(join(folder, "tokenizer.json"), "utf8"));
  const words = ["<ref>", "</ref>", "<box>"].map((content, i) => ({ id: 264 + i, content, special: true }));
  const text = "<ref>a cup</ref><box>[[0, 500, 1000, 1000]]</box>";
  tokenizer.added_tokens.push(...words, { id: 267, content: text, special: true });
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  const {
    status,
    text: json,
    stderr,
  } = await ask([image, "a cup", "--task", "refer", "--model", "boxes", "--max-tokens", "1", "--json"]);
  expect(status).toBe(0);
  expect(JSON.parse(json)).toMatchObject({ answer: "", boxes: [{ phrase: "a cup", box: [0, 23.5, 33, 47] }] });
  expect(stderr).toContain('galago: "a cup" is at 0,24,33,47 (left, top, right, bottom in pixels)\n');
});

test("an image that no grid sees whole is told on stderr, with its scale", async () => {
  const { stderr } = await ask([wide, "?"]);
  expect(stderr).toContain(`"${wide}" was seen at 0.087 times its size, so detail is lost`);
  expect((await ask([image, "?"])).stderr).not.toContain("detail is lost");
});

test("a model that repeats itself is stopped, and stderr says so", async () => {
  const { text, stderr } = await ask([image, "?", "--model", "always", "--max-tokens", "4000", "--json"]);
  expect(JSON.parse(text).finish_reason).toBe("loop");
  expect(stderr).toBe("galago: the model repeated itself and was stopped\n");
});

describe("bad input ends with one line that names it", () => {
  const damaged = join(home, "damaged.png");
  beforeAll(() => {
    writeFileSync(damaged, readFileSync(image).subarray(0, 200));
    copyFileSync(image, join(home, "image.pdf"));
  });
  test.each([
    ["a missing image", ["none.png", "?"], 1, /"none\.png": no such file/],
    ["an empty image", ["-", "?"], 1, /"standard input": empty file/],
    ["a damaged image", [damaged, "?"], 1, /damaged\.png": damaged or cut short/],
    ["a page that is not there", [`${pdf}#4`, "?"], 1, /Two\.PDF": no page 4; it has pages 1 to 3/],
    ["page 0", [`${pdf}#0`, "?"], 1, /Two\.PDF": no page 0; it has pages 1 to 3/],
    ["a PDF that is none", [`${join(home, "image.pdf")}#1`, "?"], 1, /image\.pdf": cannot be opened as a PDF/],
    ["pages that are none", [`${pdf}#1,,3`, "?"], 2, /Two\.PDF": "1,,3" is no list of pages; expected one as 3, 2-5/],
    ["words for pages", [`${pdf}#page`, "?"], 2, /Two\.PDF": "page" is no list of pages/],
    ["a page twice", [`${pdf}#1-3,2`, "?"], 2, /Two\.PDF": page 2 is named twice/],
    ["pages backwards", [`${pdf}#3-2`, "?"], 2, /pages 3 to 2 are in no order/],
    ["no model of that name", [image, "?", "--model", "smolvm"], 1, /no model "smolvm"; there are .*babble/],
    [
      "four bits of a folder that holds floats",
      [image, "?", "--precision", "int4"],
      1,
      /is not stored in int4; convert the published files: galago convert/,
    ],
    ["a precision of no build", [image, "?", "--precision", "int3"], 2, /--precision: "int3" is no precision/],
    ["a folder beside an image", [home, image, "?"], 2, /" is a folder beside other sources; expected it alone/],
    ["a folder without images", [join(home, "models"), "?"], 1, /models": holds no image; expected files as \.png/],
    ["a batch of one image", [image, "?", "--batch", "2"], 2, /--batch is about the images of a folder; name one/],
    ["no question", [image], 2, /at least one image and a question; see galago ask --help/],
    ["a task of no model", [image, "?", "--task", "draw"], 2, /--task: "draw" is no task, expected vqa, refer/],
    ["a task of other models", [image, "--task", "caption"], 1, /not trained for the task "caption"; there are refer/],
    ["a task without its words", [image, "--task", "refer"], 1, /the task "refer" needs words/],
    ["a box of three numbers", [image, "--box", "1,2,3"], 2, /--box: "1,2,3" is no box, expected LEFT,TOP/],
    ["a box that nobody asks about", [image, "?", "--box", "1,2,3,4"], 1, /a box is only asked about by identify/],
    ["no tokens", [image, "?", "--max-tokens", "0"], 2, /--max-tokens: "0" is no whole number of at least 1/],
    ["a share above all", [image, "?", "--top-p", "1.5"], 2, /--top-p: "1.5" is no number from/],
    [
      "a compression of no kind",
      [image, "?", "--compress", "half"],
      2,
      /--compress: no compression "half"; there are scm:/,
    ],
    ["tiles of no kind", [image, "?", "--tiles", "mosaic"], 2, /--tiles: no tiling "mosaic"/],
  ])("%s", async (_, words, expected, message) => {
    const { status, text, stderr } = await ask(words);
    expect([status, text]).toEqual([expected, ""]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^galago: [^\n]+\n$/);
  });
});
