/** Where the characters of an answer are printed. */
import { expect, test } from "vitest";
import { slots } from "../../src/data/dense.ts";
import { draw } from "../../src/data/draw.ts";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { chatTemplate } from "../../src/text/templates.ts";
import { parseTokenizer } from "../../src/text/tokenizer.ts";
import { glyphsOf, nowhere } from "../../src/train/looks.ts";
import { sampleOf } from "../../src/train/sample.ts";
import { parseTiling } from "../../src/vision/tilings.ts";
import { tinyConfig } from "../support/tiny-model.ts";

const text = "Tea 30\nCake 4.30\nRest € 300\nTea 7";
const glyphs = [...text.replace(/\s/g, "")].map((char) => ({ char, x: 0, y: 0, width: 1, height: 1 }));

test.each([
  ["what is printed once", "Cake", [5, 6, 7, 8]],
  ["a blank is read where the next character is", "Cake 4", "part of a number"],
  ["a line, its blank read where the next character is", "Cake 4.30", [5, 6, 7, 8, 9, 9, 10, 11, 12]],
  ["a number, not as the end or the beginning of another", "30", [3, 4]],
  ["a number that is only part of others", "3", "part of a number"],
  ["what is printed twice", "Tea", "in two places"],
  ["what is not printed", "Milk", "nowhere"],
  ["a character of three bytes", "€", [17, 17, 17]],
  ["nothing", "", "nowhere"],
  ["signs that mean something in patterns", "Cake (4.30)", "nowhere"],
])("%s: %j", (_, words, expected) => {
  const none = Array(Buffer.byteLength(words)).fill(nowhere);
  expect(glyphsOf({ text, glyphs }, words)).toEqual(typeof expected === "string" ? none : expected);
});

test("the whole text is read from its first character to its last", () => {
  const found = glyphsOf({ text, glyphs }, text);
  expect(found[0]).toBe(0);
  expect(found.at(-1)).toBe(glyphs.length - 1);
  expect(new Set(found).size).toBe(glyphs.length);
});

const c = { ...tinyConfig(), force_image_size: 224, vision_config: { ...tinyConfig().vision_config, image_size: 224 } };
const tokenizer = parseTokenizer(byteTokenizer(), "tokenizer.json");
const placeholder = tokenizer.id(chatTemplate(c.template).image.token);

test.each(["lines", "receipt", "table", "bar", "card"] as const)(
  "of a drawn %s every answer is looked for at visual tokens that show its characters",
  (kind) => {
    const side = c.force_image_size / c.vision_config.patch_size;
    let looked = 0;
    for (let seed = 0; seed < 6; seed++) {
      const page = draw(kind, seed, { fonts: "train", effects: 0, rounds: 2 });
      const plan = parseTiling("native:1..12").plan(page.image.width, page.image.height, c.force_image_size);
      const seen = sampleOf(page, page.questions, plan, c, tokenizer, 4000);
      const first = seen.ids.indexOf(placeholder);
      const shownBy = (token: number): string[] => {
        const perTile = (side / 2) ** 2;
        const [tile, at] = [Math.floor(token / perTile), token % perTile];
        const [x, y] = [at % (side / 2), Math.floor(at / (side / 2))];
        const patches = [0, 1].flatMap((i) => [0, 1].map((j) => (tile * side + 2 * y + i) * side + 2 * x + j));
        const codes = patches.flatMap((patch) => [...seen.dense.slice(slots * patch, slots * (patch + 1))]);
        return codes.filter((code) => code > 0).map((code) => String.fromCharCode(code));
      };
      seen.looks.forEach((look, i) => {
        if (look < 0) return;
        expect(seen.ids[look]).toBe(placeholder);
        const char = tokenizer.decode([seen.targets[i]]);
        const claims = ["y", "n"].includes(char);
        if (char.trim() === "" || char.codePointAt(0)! > 126 || claims) return;
        looked++;
        expect(shownBy(look - first)).toContain(char);
      });
    }
    expect(looked).toBeGreaterThan(100);
  },
);
