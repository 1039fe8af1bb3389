import { describe, expect, it } from "vitest";
import { draw, kinds } from "../../src/data/draw.ts";
import type { Glyph, Kind, Page } from "../../src/data/page.ts";
import { RequestError } from "../../src/errors.ts";

const seeds = [1, 2];
const pages = (kind: Kind, effects: number): Page[] => seeds.map((seed) => draw(kind, seed, { effects }));

/** Darkest minus lightest level of the green channel within a glyph's box, widened a little. */
function contrast({ image: { data, width, height } }: Page, { x, y, width: w, height: h }: Glyph): number {
  let [low, high] = [255, 0];
  for (let v = Math.max(0, Math.floor(y - h)); v < Math.min(height, y + h); v++) {
    for (let u = Math.max(0, Math.floor(x - w / 2)); u < Math.min(width, x + w / 2); u++) {
      const level = data[(v * width + u) * 3 + 1];
      low = Math.min(low, level);
      high = Math.max(high, level);
    }
  }
  return high - low;
}

describe.each(kinds)("a %s", (kind) => {
  it("is the same for the same seed, another for the next", () => {
    const [page, again, other] = [draw(kind, 9), draw(kind, 9), draw(kind, 10)];
    expect(Buffer.compare(page.image.data, again.image.data)).toBe(0);
    expect({ ...again, image: 0 }).toEqual({ ...page, image: 0 });
    expect(other.text).not.toBe(page.text);
  });

  it("has three bytes a pixel, and a glyph for each character of its text but the blanks", () => {
    for (const { image, text, lines, glyphs } of pages(kind, 0.5)) {
      expect(image.data.length).toBe(image.width * image.height * 3);
      expect(lines.join("\n")).toBe(text);
      expect(glyphs.map(({ char }) => char).join("")).toBe(text.replace(/\s/g, ""));
      expect(text).toMatch(/^[\x20-\x7e\n£€]+$/);
      expect(text).not.toMatch(/ {2}|^ | $|\n | \n|\n\n/);
    }
  });

  it.each([0, 1])("shows every glyph inside the image at effects %i", (effects) => {
    for (const page of pages(kind, effects)) {
      for (const { x, y, width, height } of page.glyphs) {
        expect(x - width / 2).toBeGreaterThanOrEqual(-0.01);
        expect(y - height / 2).toBeGreaterThanOrEqual(-0.01);
        expect(x + width / 2).toBeLessThanOrEqual(page.image.width + 0.01);
        expect(y + height / 2).toBeLessThanOrEqual(page.image.height + 0.01);
      }
    }
  });

  it("has ink in the box of every glyph", () => {
    for (const page of pages(kind, 0)) {
      for (const glyph of page.glyphs) {
        expect(contrast(page, glyph), `"${glyph.char}" of seed ${page.seed}`).toBeGreaterThan(60);
      }
    }
  });

  it("asks questions with answers: read everything, and each line asked for is that line", () => {
    for (const { questions, text, lines } of pages(kind, 0)) {
      expect(questions[0]).toMatchObject({ kind: "read", answer: text });
      for (const { question, answer, kind } of questions) {
        expect(answer).not.toBe("");
        if (kind === "line") expect(answer).toBe(lines[Number(/\d+/.exec(question)![0]) - 1]);
        if (kind === "yesno") expect(["yes", "no"]).toContain(answer);
      }
    }
  });

  it("prints every field it names", () => {
    for (const { fields, text } of pages(kind, 0)) {
      const printed = text.replace(/\s+/g, " ");
      for (const value of Object.values(fields)) expect(printed).toContain(value);
    }
  });

  it("is drawn in the held-out fonts with the same truth about its content", () => {
    const page = draw(kind, 3, { fonts: "heldout" });
    expect(page.glyphs.length).toBeGreaterThan(0);
    expect(page.image.data).not.toEqual(draw(kind, 3).image.data);
  });
});

describe("draw", () => {
  it("leaves paper plain without effects", () => {
    const { data, width } = draw("receipt", 1, { effects: 0 }).image;
    const levels = new Set(Array.from({ length: width }, (_, x) => data[x * 3]));
    expect(levels.size).toBe(1);
    expect([...levels][0]).toBeGreaterThan(240);
  });

  it.each([
    [() => draw("poem" as Kind, 1), /no kind "poem"; there are word, line, /],
    [() => draw("line", 1.5), /seed is 1.5, expected an integer/],
    [() => draw("line", 1, { effects: 2 }), /effects is 2, expected 0 to 1/],
    [() => draw("line", 1, { effects: Number.NaN }), /effects is NaN/],
  ])("refuses what it cannot draw: %#", (call, message) => {
    expect(call).toThrow(RequestError);
    expect(call).toThrow(message);
  });
});
