/** Images as a model looks at them. */
import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { planned } from "../../src/run/views.ts";
import { decoder } from "../../src/vision/decode.ts";
import { parseTiling } from "../../src/vision/tilings.ts";

const [receipt, till] = ["receipt", "till"].map((name) =>
  readFileSync(new URL(`../../examples/${name}.png`, import.meta.url)),
);
afterEach(() => vi.restoreAllMocks());

test("the pixels of an image are looked at for its print once, whatever it is called, and of another image or for other tiles again", async () => {
  const decodes = vi.spyOn(decoder, "decode");
  const looks = new Map();
  const plan = async (image: Uint8Array, spec: string, name = "a") => {
    const [[{ part, plan }]] = await planned([{ name, image }], parseTiling(spec), 224, {}, looks);
    return { part, plan };
  };
  const first = await plan(receipt, "print:1..12");
  expect(await plan(Uint8Array.from(receipt), "print:1..12", "b")).toEqual(first);
  expect(decodes).toHaveBeenCalledTimes(1);
  expect(await plan(till, "print:1..12")).not.toEqual(first);
  await plan(receipt, "print:1..4");
  expect(decodes).toHaveBeenCalledTimes(3);
  await plan(receipt, "native:1..12");
  expect(decodes).toHaveBeenCalledTimes(3);
});
