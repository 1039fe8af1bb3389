import { describe, expect, it } from "vitest";
import { Random } from "../../src/data/random.ts";
import { receipt } from "../../src/data/receipt.ts";

const drafts = Array.from({ length: 300 }, (_, seed) => receipt(new Random("receipt content", seed), "train"));
const cents = (text: string | undefined): number => Number((text ?? "0").replace(/[.,]/, ""));

describe("a receipt", () => {
  it("adds up: items, subtotal, discount, tax, rounding, total, cash, change", () => {
    for (const { sheet, fields, questions } of drafts) {
      const items = questions.filter(({ name }) => name === "item").map(({ answer }) => cents(answer));
      const sum = items.reduce((a, b) => a + b, 0);
      if (fields.subtotal) expect(cents(fields.subtotal)).toBe(sum);
      const included = sheet.lines.some((line) => line.startsWith("Incl. "));
      const tax = included ? 0 : cents(fields.tax);
      const due = sum + cents(fields.discount) + tax + cents(fields.rounding);
      expect(cents(fields.total)).toBe(due);
      if (fields.cash) expect(cents(fields.cash) - cents(fields.total)).toBe(cents(fields.change));
    }
  });

  it("has 6 to 24 lines or nearly so, and is 0.75 to 3.1 times as tall as wide", () => {
    const lines = drafts.map(({ sheet }) => sheet.lines.length);
    expect(Math.min(...lines)).toBeGreaterThanOrEqual(5);
    expect(Math.max(...lines)).toBeLessThanOrEqual(28);
    const shapes = drafts.map(({ sheet }) => sheet.height / sheet.width);
    expect(Math.min(...shapes)).toBeGreaterThan(0.75);
    expect(Math.max(...shapes)).toBeLessThan(3.1);
    expect(Math.max(...shapes) - Math.min(...shapes)).toBeGreaterThan(1);
  });

  it("asks for the total first among its fields, in words that vary", () => {
    const asked = drafts.map(({ questions }) => questions[0]);
    expect(new Set(asked.map(({ name }) => name))).toEqual(new Set(["total"]));
    expect(new Set(asked.map(({ question }) => question)).size).toBeGreaterThan(3);
  });

  it("states the total as printed, without its currency", () => {
    for (const { sheet, fields } of drafts) {
      expect(fields.total).toMatch(/^\d+[.,]\d\d$/);
      expect(sheet.lines.some((line) => line.includes(fields.total))).toBe(true);
    }
  });
});
