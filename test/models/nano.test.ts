/** The shipped model and the README's ways of using it. What it scores is in its card, not here. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { load } from "../../src/index.ts";
import type { AnswerRecord } from "../../src/run/answer.ts";
import { openModel } from "../../src/run/model.ts";
import { modelFolder } from "../../src/run/models.ts";
import { root } from "../project/source.ts";

const receipt = join(root, "examples/receipt.png");
// Inside the project, so that the compiled examples find the package by its own name.
const folder = mkdtempSync(join(root, "dist/example-"));
afterAll(() => rmSync(folder, { recursive: true }));

const answer = (precision: string): Promise<AnswerRecord> =>
  answered("nano", precision, receipt, "What is the total?", 12);

async function answered(name: string, precision: string, image: string, content: string, maxTokens: number) {
  const model = await openModel(modelFolder(name), { precision, threads: 1 });
  const messages = [{ role: "user" as const, content }];
  const answering = model.answer({ images: [{ name: image, image }], messages }, { maxTokens });
  try {
    for (;;) {
      const { done, value } = await answering.next();
      if (done) return value;
    }
  } finally {
    await model.close();
  }
}

test("nano answers greedily the same every time", async () => {
  expect(await answer("f32")).toEqual({
    ...(await answer("f32")),
    timing_ms: expect.anything(),
    peak_rss_bytes: expect.any(Number),
  });
});

test("in int8 nano is as sure of its answer as in f32, to 0.05", async () => {
  const [whole, eight] = [await answer("f32"), await answer("int8")];
  expect(Math.abs(whole.probability! - eight.probability!)).toBeLessThan(0.05);
});

test.each(["f32", "int8"])("in %s nano-tinygpt-v says what is on a scene, and where", async (precision) => {
  const scene = join(root, "examples/scene.png");
  const ask = (content: string) => answered("nano-tinygpt-v", precision, scene, content, 60);
  const { answer } = await ask("[caption] Briefly describe this image.");
  expect(answer).toBe("a red heart, a blue heart and a green star");
  const { boxes } = await ask("[refer] give me the location of the green star");
  // Where the star was drawn, to a twentieth of the picture.
  for (const [i, edge] of [80.6, 93.1, 108.4, 119.6].entries())
    expect(Math.abs(boxes[0].box[i] - edge)).toBeLessThan(10);
});

test("a misspelt model is refused with the names that there are", async () => {
  await expect(load("nona")).rejects.toThrow(/nona.*nano/);
});

test("the examples compile and answer", () => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const options = [
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--types",
    "node",
    "--skipLibCheck",
    "--rootDir",
    join(root, "examples"),
    "--outDir",
    folder,
  ];
  const sources = ["ask", "extract"].map((name) => join(root, `examples/${name}.ts`));
  execFileSync(process.execPath, [tsc, "--ignoreConfig", ...sources, ...options], { cwd: root });
  const printed = (name: string, ...words: string[]): string =>
    execFileSync(process.execPath, [join(folder, `${name}.js`), receipt, ...words], {
      cwd: root,
      encoding: "utf8",
      stdio: "pipe",
    });
  expect(printed("ask", "What is the total?")).toBe("295.20");
  const values = JSON.parse(printed("extract", join(root, "examples/receipt.json")));
  expect(values).toMatchObject({ shop: "ALPINE TOYS", total: 295.2, currency: "GBP" });
});
