import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { readConversations, readTruth, writePages } from "../../src/data/conversations.ts";
import { draw } from "../../src/data/draw.ts";
import { FormatError } from "../../src/errors.ts";
import { decoder } from "../../src/vision/decode.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-conversations-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe("writePages", () => {
  const pages = [draw("line", 1), draw("receipt", 2)];

  it("writes what readConversations and readTruth read, and the pixels themselves", async () => {
    const seen: number[] = [];
    expect(await writePages(folder, pages, (done) => seen.push(done))).toBe(2);
    expect(seen).toEqual([1, 2]);
    expect(readdirSync(folder).sort()).toEqual(["conversations.jsonl", "images", "truth.jsonl"]);
    const said = await all(readConversations(join(folder, "conversations.jsonl")));
    const truth = await all(readTruth(join(folder, "truth.jsonl")));
    for (const [i, page] of pages.entries()) {
      const { image, text, lines, fields, questions, kind, seed } = page;
      expect(truth[i]).toMatchObject({ kind, seed, text, lines, fields, questions });
      expect(said[i]).toMatchObject({ width: image.width, height: image.height, image: truth[i].image });
      expect(said[i].conversations[0]).toEqual({ from: "human", value: `<image>\n${questions[0].question}` });
      expect(said[i].conversations[1]).toEqual({ from: "gpt", value: questions[0].answer });
      expect(said[i].conversations.length).toBe(questions.length * 2);
      const decoded = await decoder.decode(readFileSync(join(folder, said[i].image)));
      expect(Buffer.compare(Buffer.from(decoded.data), Buffer.from(image.data))).toBe(0);
    }
  });

  it("leaves the older files whole and nothing half-written when a page fails", async () => {
    const before = readFileSync(join(folder, "conversations.jsonl"), "utf8");
    const failing = function* () {
      yield pages[0];
      throw new Error("no ink");
    };
    await expect(writePages(folder, failing())).rejects.toThrow("no ink");
    expect(readFileSync(join(folder, "conversations.jsonl"), "utf8")).toBe(before);
    expect(
      readdirSync(folder)
        .concat(readdirSync(join(folder, "images")))
        .filter((name) => name.endsWith(".part")),
    ).toEqual([]);
  });
});

const good = {
  id: 7,
  image: "a.png",
  width: 3,
  height: 4,
  conversations: [
    { from: "human", value: "<image>\nTotal?" },
    { from: "gpt", value: "1.00" },
  ],
};

describe("readConversations", () => {
  const path = join(folder, "given.jsonl");
  const read = (text: string) => {
    writeFileSync(path, text);
    return all(readConversations(path));
  };

  it("reads numbers as ids, and passes over empty lines", async () => {
    expect(await read(`\n${JSON.stringify(good)}\r\n\n`)).toEqual([good]);
  });

  it.each([
    ["half a line", `${JSON.stringify(good).slice(0, 40)}\n`, "given.jsonl:2: is not JSON"],
    ["no image", JSON.stringify({ ...good, image: undefined }), "given.jsonl:2: image: "],
    ["a width of nothing", JSON.stringify({ ...good, width: 0 }), "given.jsonl:2: width: "],
    [
      "two questions in a row",
      JSON.stringify({ ...good, conversations: [good.conversations[0], good.conversations[0]] }),
      "human and gpt in turn",
    ],
    [
      "a third speaker",
      JSON.stringify({ ...good, conversations: [{ from: "cat", value: "" }, good.conversations[1]] }),
      "given.jsonl:2: conversations.0.from",
    ],
    ["a bare number", "12", "given.jsonl:2: the line"],
  ])("names the file and the line of %s", async (_, line, message) => {
    await expect(read(`${JSON.stringify(good)}\n${line}\n`)).rejects.toThrow(FormatError);
    await expect(read(`${JSON.stringify(good)}\n${line}\n`)).rejects.toThrow(message);
  });

  it("reads or throws FormatError, whatever bytes are damaged", async () => {
    const line = JSON.stringify(good);
    await fc.assert(
      fc.asyncProperty(fc.nat(line.length - 1), fc.string({ maxLength: 3 }), async (at, piece) => {
        try {
          expect(Array.isArray(await read(line.slice(0, at) + piece + line.slice(at + 1)))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 60 },
    );
  });
});
