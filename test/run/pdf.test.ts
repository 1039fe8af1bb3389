/** Questions about PDFs, against the build: pages are drawn in a thread. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnswerRecord, ChatOptions, Galago, ImagePart } from "../../src/index.ts";
import { parseTiling } from "../../src/vision/tilings.ts";
import { built } from "../support/built.ts";
import { endlessPdf, pdf } from "../support/pdf.ts";
import { tinyModel } from "../support/tiny-model.ts";

const { load } = (await import(built("index.js").href)) as typeof import("../../src/index.ts");

const folder = mkdtempSync(join(tmpdir(), "galago-pages-"));
const write = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};
const line = (words: string): string => `BT /F1 20 Tf 10 60 Td (${words}) Tj ET`;
const three = write("three.pdf", pdf([line("one"), line("two"), line("three")]));

let model: Galago;
beforeAll(async () => {
  const tiny = tinyModel(join(folder, "tiny"));
  model = await load(tiny, { threads: 1, tiles: "single", pdf: { maxPages: 20, maxSeconds: 5 } });
});
afterAll(async () => {
  await model.close();
  rmSync(folder, { recursive: true });
});

async function asked(parts: Omit<ImagePart, "type">[], options: ChatOptions = {}): Promise<AnswerRecord> {
  const images = parts.map((part): ImagePart => ({ type: "image", ...part }));
  const content = [...images, { type: "text", text: "Which?" } as const];
  const answer = model.chat([{ role: "user", content }], { maxTokens: 4, ...options });
  for (;;) {
    const { done, value } = await answer.next();
    if (done) return value;
  }
}

const sources = ({ images }: AnswerRecord): string[] => images.map(({ source }) => source);

describe("the pages", () => {
  test.each([
    ["of a path", { image: `${three}#2-3` }, [2, 3]],
    ["of a file URL", { image: new URL(`${pathToFileURL(three).href}#3`) }, [3]],
    ["that a part names", { image: three, pages: "1-2" }, [1, 2]],
    ["of a path, with a gap and in its own order", { image: `${three}#3,1` }, [3, 1]],
    ["that a part names, with a gap", { image: three, pages: "1,3" }, [1, 3]],
    ["that a part names of bytes", { image: readFileSync(three), name: three, pages: "2" }, [2]],
    ["of a Blob, all", { image: new Blob([readFileSync(three)]), name: three }, [1, 2, 3]],
  ])("%s are images each", async (_, part, numbers) => {
    const record = await asked([part]);
    expect(sources(record).map((source) => source.replace(/^.*\//, ""))).toEqual(numbers.map((n) => `three.pdf#${n}`));
    expect(record.usage.visual_tokens).toBe(4 * numbers.length);
    expect(record.images[0]).toMatchObject({ width: 400, height: 200 });
  });

  test("stand where their file stood among the images, and each shows its own", async () => {
    const [second, third, both] = [
      await asked([{ image: `${three}#2` }]),
      await asked([{ image: `${three}#3` }]),
      await asked([{ image: `${three}#3` }, { image: `${three}#1-2` }]),
    ];
    expect(sources(both)).toEqual([`${three}#3`, `${three}#1`, `${three}#2`]);
    expect(second.log_probability).not.toBe(third.log_probability);
    const one = await asked([{ image: three, pages: "2-3" }]);
    const two = await asked([{ image: `${three}#2` }, { image: `${three}#3` }]);
    expect(one.log_probability).toBe(two.log_probability);
    expect(one.usage).toMatchObject({ prompt_tokens: two.usage.prompt_tokens });
  });

  test("are looked at once, however often they are asked about", async () => {
    await asked([{ image: `${three}#1` }]);
    const again = await asked([{ image: `${three}#1` }]);
    expect(again.timing_ms.encode).toBeLessThan(5);
  });
});

test.each(["native:1..40", "dynamic:1..12", "msac", "single"])(
  "%s sees a page as it sees a picture of it with 144 dots an inch",
  async (tiles) => {
    const { images } = await asked([{ image: `${three}#1` }], { tiles });
    const { detailed, adaptive, global } = parseTiling(tiles).plan(400, 200, 56);
    expect(images[0]).toMatchObject({ width: 400, height: 200, tiles: { detailed, adaptive, global } });
  },
);

test("print:1..12 finds the print of a page: small letters on a large sheet are drawn larger, and told where they lie", async () => {
  const words =
    "BT /F1 7 Tf 300 500 Td (Total due within thirty days 12.40) Tj 0 -12 Td (Thank you for your visit) Tj ET";
  const sheet = pdf([words], "0 0 600 800");
  const { images } = await asked([{ image: sheet }], { tiles: "print:1..12", cells: true });
  const [{ width, height, scale, cells }] = images;
  expect([width, height]).toEqual([1200, 1600]);
  const { images: whole } = await asked([{ image: sheet }], { tiles: "native:1..12" });
  expect(scale).toBeGreaterThan(3 * whole[0].scale);
  const box = [Math.min(...cells!.map(({ x }) => x)), Math.min(...cells!.map(({ y }) => y))];
  expect(Math.abs(box[0] - 600)).toBeLessThan(60);
  expect(Math.abs(box[1] - 2 * 293)).toBeLessThan(60);
});

test("only the pages that are asked about are drawn: a damaged one beside them does not matter", async () => {
  const bytes = readFileSync(three, "latin1").replace("/Kids [4 0 R 6 0 R 8 0 R]", "/Kids [4 0 R 99 0 R 8 0 R]");
  const broken = write("broken.pdf", Buffer.from(bytes, "latin1"));
  expect(sources(await asked([{ image: `${broken}#3` }]))).toEqual([`${broken}#3`]);
  await expect(asked([{ image: `${broken}#2` }])).rejects.toThrow(/broken\.pdf": page 2 is damaged/);
});

test("page 999 of a thousand takes no longer than page 1 of ten", { retry: 2 }, async () => {
  const pages = (n: number): string[] => Array.from({ length: n }, (_, i) => line(`page ${i + 1}`));
  const [ten, thousand] = [write("10.pdf", pdf(pages(10))), write("1000.pdf", pdf(pages(1000)))];
  const ms = async (image: string): Promise<number> => (await asked([{ image }])).timing_ms.image;
  await ms(`${ten}#2`);
  expect(await ms(`${thousand}#999`)).toBeLessThan((await ms(`${ten}#1`)) + 500);
});

describe("is refused in a sentence:", () => {
  const many = pdf(Array.from({ length: 21 }, () => line("x")));
  const secret = readFileSync(new URL("../vision/pdf/aes256.pdf", import.meta.url));
  test.each([
    [
      "more pages than the limit",
      { image: many },
      "RequestError",
      /image 1": 21 pages in one question, the limit is 20/,
    ],
    ["pages that are not there", { image: `${three}#4` }, "RequestError", /no page 4; it has pages 1 to 3/],
    ["pages in no order", { image: three, pages: "3-2" }, "RequestError", /pages 3 to 2 are in no order/],
    [
      "pages that are none",
      { image: three, pages: "two" },
      "RequestError",
      /"two" is no list of pages; expected one as 3/,
    ],
    ["a page named twice", { image: `${three}#1-3,2` }, "RequestError", /three\.pdf": page 2 is named twice/],
    ["no password", { image: secret, name: "s.pdf" }, "RequestError", /"s\.pdf": is encrypted, and opens with/],
    ["pages of what is no PDF", { image: Buffer.from("hi"), pages: "1" }, "FormatError", /cannot be opened as a PDF/],
    [
      "a page of forms of forms, 10^12 strokes",
      { image: endlessPdf(), name: "e.pdf" },
      "FormatError",
      // Whichever ends first, its time or PDFium's memory.
      /"e\.pdf#1": (not drawn after 5 s|PDFium failed)/,
    ],
  ])("%s", async (_, part, name, message) => {
    const error = await asked([part]).catch((error: Error) => error);
    expect(error).toMatchObject({ name, message: expect.stringMatching(message) });
    // The next question finds everything as it was.
    expect(sources(await asked([{ image: `${three}#1` }]))).toEqual([`${three}#1`]);
  });

  test("more tokens than the model reads", async () => {
    const pages = {
      image: pdf(
        Array.from({ length: 20 }, () => line("x")),
        "0 0 842 595",
      ),
    };
    const error = await asked([pages], { tiles: "native:1..200" }).catch((error: Error) => error);
    expect(error).toMatchObject({
      message: expect.stringMatching(/^the prompt is 1\d{4} tokens long, the model reads 4096/),
    });
  });
});

test("a page larger than any wall is drawn as large as its tiles show it, and says at which scale", async () => {
  const wall = write("wall.pdf", pdf([line("x")], "0 0 2000000 1000000"));
  const { images } = await asked([{ image: wall }], { tiles: "native:1..12" });
  expect(images[0].width).toBe(4_000_000);
  expect(images[0].scale).toBeLessThan(0.001);
});
