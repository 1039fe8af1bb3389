import { describe, expect, it } from "vitest";
import { card } from "../../src/data/card.ts";
import { bar } from "../../src/data/charts.ts";
import { form } from "../../src/data/form.ts";
import { invoice } from "../../src/data/invoice.ts";
import { letter } from "../../src/data/letter.ts";
import { readings } from "../../src/data/questions.ts";
import { Random } from "../../src/data/random.ts";
import { receipt } from "../../src/data/receipt.ts";
import { sign } from "../../src/data/sign.ts";
import { table } from "../../src/data/table.ts";
import { tag } from "../../src/data/tag.ts";

const layouts = { receipt, invoice, letter, form, table, bar, card, tag, sign };

describe("questions", () => {
  // 400 pages: a balanced coin strays by 0.1 once in 16,000 times; the rest is room for what pages really have.
  it.each(Object.entries(layouts))("of a %s are answered yes about as often as no", (kind, layout) => {
    const answers = Array.from({ length: 400 }, (_, seed) =>
      layout(new Random(`${kind} content`, seed), "train"),
    ).flatMap(({ questions }) => questions.filter((question) => question.kind === "yesno").map(({ answer }) => answer));
    const share = answers.filter((answer) => answer === "yes").length / answers.length;
    expect(answers.length).toBeGreaterThanOrEqual(400);
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
  });

  it("ask for two different lines, or for none where there is only one", () => {
    const lines = ["a", "b", "c"];
    const asked = readings(lines, new Random("lines", 1)).filter(({ kind }) => kind === "line");
    expect(new Set(asked.map(({ answer }) => answer)).size).toBe(2);
    expect(readings(["only"], new Random("lines", 1)).map(({ answer }) => answer)).toEqual(["only"]);
  });
});
