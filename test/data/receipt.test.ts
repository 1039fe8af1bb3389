import { describe, expect, it } from "vitest";
import { draw } from "../../src/data/draw.ts";
import { amount } from "../../src/data/phrases.ts";
import { Random } from "../../src/data/random.ts";
import { receipt } from "../../src/data/receipt.ts";
import { gstSale, sale, worth } from "../../src/data/sale.ts";

const drafts = Array.from({ length: 400 }, (_, seed) => receipt(new Random("receipt content", seed), "train"));
const malay = drafts.filter(({ fields }) => fields.taxNumber);
const cents = (text: string | undefined): number => Number((text ?? "0").replace(/[.,]/, ""));

describe.each([
  ["sale", sale],
  ["gstSale", gstSale],
])("a %s", (_, make) => {
  it("adds up from its items to its total, and is paid with enough", () => {
    for (let seed = 0; seed < 300; seed++) {
      const sold = make(new Random("sale", seed), 1 + (seed % 9));
      const { subtotal, discount = 0, service = 0, tax = 0, included, rounding = 0, total, cash = total } = sold;
      expect(sold.items.reduce((sum, item) => sum + worth(item), 0)).toBe(subtotal);
      expect(subtotal - discount + service + (included ? 0 : tax) + rounding).toBe(total);
      expect(Math.abs(rounding)).toBeLessThanOrEqual(2);
      expect(cash).toBeGreaterThanOrEqual(total);
    }
  });
});

describe("a receipt", () => {
  it("prints sums that lead to its total, with the tax added or within", () => {
    let checked = 0;
    for (const { fields } of drafts) {
      if (fields.cash) expect(cents(fields.cash) - cents(fields.total)).toBe(cents(fields.change));
      if (fields.net) expect(cents(fields.net) + cents(fields.tax)).toBe(cents(fields.total) - cents(fields.rounding));
      if (!fields.subtotal) continue;
      const within = cents(fields.subtotal) + cents(fields.discount) + cents(fields.service) + cents(fields.rounding);
      expect([within, within + cents(fields.tax)]).toContain(cents(fields.total));
      checked++;
    }
    expect(checked).toBeGreaterThan(100);
  });

  it("names as total the last of several, after rounding", () => {
    const rounded = malay.filter(({ fields }) => fields.rounding && fields.rounding !== "0.00");
    expect(rounded.length).toBeGreaterThan(30);
    for (const { sheet, fields } of rounded) {
      const before = amount(cents(fields.total) - cents(fields.rounding));
      const at = (value: string) => sheet.lines.findIndex((line) => line.endsWith(value));
      expect(fields.total).not.toBe(before);
      const rounding = sheet.lines.findIndex((line) => /^round/i.test(line));
      expect(sheet.lines.findIndex((line, i) => i > rounding && line.endsWith(fields.total))).toBe(rounding + 1);
      expect(at(before)).toBeLessThan(rounding);
    }
  });

  it("has 5 to 65 lines, and is 0.75 to 4.3 times as tall as wide", () => {
    const lines = drafts.map(({ sheet }) => sheet.lines.length);
    expect(Math.min(...lines)).toBeGreaterThanOrEqual(5);
    expect(Math.max(...lines)).toBeLessThanOrEqual(65);
    expect(Math.max(...lines)).toBeGreaterThan(35);
    const shapes = drafts.map(({ sheet }) => sheet.height / sheet.width);
    expect(Math.min(...shapes)).toBeGreaterThan(0.75);
    expect(Math.max(...shapes)).toBeLessThan(4.3);
    expect(Math.max(...shapes) - Math.min(...shapes)).toBeGreaterThan(1);
  });

  it("is Malaysian about every other time, with its tax number and the day before the month", () => {
    expect(malay.length / drafts.length).toBeGreaterThan(0.35);
    for (const { sheet, fields } of malay) {
      expect(fields.taxNumber).toMatch(/^00\d{10}$/);
      expect(sheet.lines.some((line) => line.includes(fields.date))).toBe(true);
      const [, day, month] = /^(\d\d)[-/.](\d\d)[-/.]/.exec(fields.date) ?? ["", "01", "01"];
      expect(Number(day)).toBeLessThanOrEqual(31);
      expect(Number(month)).toBeLessThanOrEqual(12);
    }
  });

  it("states its date as printed, in many forms", () => {
    const dates = drafts.flatMap(({ fields }) => (fields.date ? [fields.date] : []));
    const forms = new Set(dates.map((date) => date.replace(/\d/g, "0").replace(/[A-Za-z]+/g, "A")));
    expect(forms.size).toBeGreaterThan(12);
    expect(dates.length).toBeGreaterThan(0.9 * drafts.length);
    expect(dates.length).toBeLessThan(drafts.length);
  });

  it("asks for the total first among its fields, in words that vary", () => {
    const asked = drafts.map(({ questions }) => questions[0]);
    expect(new Set(asked.map(({ name }) => name))).toEqual(new Set(["total"]));
    expect(new Set(asked.map(({ question }) => question)).size).toBeGreaterThan(10);
  });

  it("states the total as printed, without its currency", () => {
    for (const { sheet, fields } of drafts) {
      expect(fields.total).toMatch(/^\d+[.,]\d\d$/);
      expect(sheet.lines.some((line) => line.includes(fields.total))).toBe(true);
    }
  });

  it("keeps the ink of every letter visible under the stains and the scanner", () => {
    for (const seed of [3, 5, 8, 200, 210]) {
      const { image, glyphs } = draw("receipt", seed, { effects: 0.4 });
      const lost = glyphs.filter(({ x, y, width, height }) => {
        let [low, high] = [255, 0];
        for (let v = Math.max(0, Math.floor(y - height)); v < Math.min(image.height, y + height); v++)
          for (let u = Math.max(0, Math.floor(x - width)); u < Math.min(image.width, x + width); u++) {
            const level = image.data[(v * image.width + u) * 3];
            [low, high] = [Math.min(low, level), Math.max(high, level)];
          }
        return high - low < 40;
      });
      expect(lost.length / glyphs.length, `seed ${seed}`).toBeLessThan(0.01);
    }
  });
});
