import { describe, expect, it } from "vitest";
import { card } from "../../src/data/card.ts";
import { bar } from "../../src/data/charts.ts";
import { kinds, laidOut } from "../../src/data/draw.ts";
import { form } from "../../src/data/form.ts";
import { invoice } from "../../src/data/invoice.ts";
import { letter } from "../../src/data/letter.ts";
import { hasty, readings, threshold } from "../../src/data/questions.ts";
import { Random } from "../../src/data/random.ts";
import { receipt } from "../../src/data/receipt.ts";
import { sign } from "../../src/data/sign.ts";
import { table } from "../../src/data/table.ts";
import { tag } from "../../src/data/tag.ts";
import { lacking } from "../../src/text/tasks.ts";

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

  it.each(kinds)("of a %s as drawn are answered yes about as often as no", (kind) => {
    // A coin strays by 0.12 in 250 questions once in 6,000 times.
    const pages = ["word", "line", "lines", "block"].includes(kind) ? 1200 : 150;
    const asked = Array.from({ length: pages }, (_, seed) => laidOut(kind, seed, "train").questions).flat();
    const answers = asked.filter((question) => question.kind === "yesno").map(({ answer }) => answer);
    expect(answers.length).toBeGreaterThan(250);
    const share = answers.filter((answer) => answer === "yes").length / answers.length;
    expect(Math.abs(share - 0.5)).toBeLessThan(0.12);
  });

  it.each(kinds)("of a %s say of what is not there that it is not on the page, of nothing else", (kind) => {
    for (let seed = 0; seed < 100; seed++) {
      const { fields, questions } = laidOut(kind, seed, "train");
      for (const { kind: asked, name, answer } of questions) {
        expect(answer === lacking).toBe(asked === "absent");
        if (asked === "absent") expect(fields[name!]).toBeUndefined();
        if (asked === "describe") expect(answer).toMatch(/^[A-Z].*\.$/s);
        expect(answer).not.toContain("undefined");
      }
    }
  });

  it.each(kinds)("of a %s go on as they were in further rounds, with claims that were not made before", (kind) => {
    let claims = [0, 0];
    for (let seed = 0; seed < 60; seed++) {
      const [once, thrice] = [1, 3].map((rounds) => laidOut(kind, seed, "heldout", rounds).questions);
      expect(thrice.slice(0, once.length)).toEqual(once);
      const added = thrice.slice(once.length).map(({ question }) => question);
      const before = new Set(once.map(({ question }) => question));
      expect(added.filter((question) => before.has(question))).toEqual([]);
      expect(new Set(added).size).toBe(added.length);
      expect(thrice.filter((q) => q.kind === "describe").length).toBe(once.filter((q) => q.kind === "describe").length);
      claims = [once, thrice].map((asked, i) => claims[i] + asked.filter((q) => q.kind === "yesno").length);
    }
    expect(claims[1]).toBeGreaterThan(1.3 * claims[0]);
  });

  it.each(["bar", "chart-line", "pie", "table"] as const)(
    "of a %s are for more values in further rounds, and right",
    (kind) => {
      let values = 0;
      for (let seed = 0; seed < 40; seed++) {
        const { fields, questions } = laidOut(kind, seed, "heldout", 4);
        const asked = questions.filter(({ name }) => name === "value");
        values += asked.length;
        for (const { question, answer } of asked) {
          const named = Object.keys(fields).filter((label) =>
            label.split(" ").every((word) => question.toLowerCase().includes(word.toLowerCase())),
          );
          expect(named.map((label) => fields[label])).toContain(answer);
        }
      }
      expect(values).toBeGreaterThan(40 * 5);
    },
  );

  it.each(kinds)("of a %s rest on what is printed, where they say on what", (kind) => {
    for (let seed = 0; seed < 40; seed++) {
      const { sheet, questions } = laidOut(kind, seed, "heldout", 3);
      const text = sheet.lines.join("\n");
      for (const { question, shown = [] } of questions) {
        // What kind of page it is, and sums so far, are said, not printed.
        if (/^Is this /i.test(question)) continue;
        const sums = /sum of \w+\??$/i.test(question);
        const printed = shown.filter((_, i) => !sums || i < 2 || i % 2 || i === shown.length - 1);
        for (const word of printed.flatMap((words) => words.split(" "))) expect(text, question).toContain(word);
      }
    }
  });

  it.each(["bar", "chart-line", "pie", "table", "receipt", "invoice"] as const)(
    "of a %s follow from what is read first",
    (kind) => {
      let followed = 0;
      const number = (text: string): number => Number(/-?[\d.]+(?=%?$)/.exec(text)![0]);
      for (let seed = 0; seed < 60; seed++)
        for (const { kind: asks, name = "", question, answer, shown } of laidOut(kind, seed, "heldout", 3).questions) {
          if (!shown || /[.,]\d{3}|,\d\d/.test(shown.join(" "))) continue;
          const values = () => shown.map(number);
          const last = shown.at(-1)!;
          const [a, b] = asks === "sum" ? values() : [0, 0];
          const follows: Record<string, () => boolean> = {
            sum: () =>
              shown.length === 2
                ? [a + b, Math.abs(a - b)].some((value) => Math.abs(value - number(answer)) < 0.001)
                : number(shown.at(-2)!) + number(last) >= number(answer),
            count: () => Number(answer) === shown.length,
            largest: () => shown[values().indexOf(Math.max(...values()))].startsWith(`${answer} `),
            smallest: () => shown[values().indexOf(Math.min(...values()))].startsWith(`${answer} `),
            maximum: () => number(answer) === Math.max(...values()),
            minimum: () => number(answer) === Math.min(...values()),
          };
          const rule = follows[asks === "chart" ? name : asks];
          if (!rule) continue;
          followed++;
          expect(rule(), `${question} ${shown} ${answer}`).toBe(true);
        }
      expect(followed).toBeGreaterThan(20);
    },
  );

  it("about limits are true as they are answered", () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = new Random("limit", seed);
      const value = random.int(1, 90000) / 100;
      const { question, answer } = threshold(random, "total", value, undefined);
      const limit = Number(/ (\d+)\?$/.exec(question)![1]);
      const truth = /below|less|under/.test(question) ? value < limit : value > limit;
      expect(answer).toBe(truth ? "yes" : "no");
    }
  });

  it("are asked in a hurry at times, and mean the same", () => {
    const random = new Random("hasty", 1);
    const asked = Array.from({ length: 300 }, () => hasty("What is the total?", random));
    expect(new Set(asked)).toEqual(new Set(["What is the total?", "what is the total?", "what is the total"]));
    expect(asked.filter((question) => question === "What is the total?").length).toBeGreaterThan(220);
  });

  it("ask for two different lines, or for none where there is only one", () => {
    const lines = ["a", "b", "c"];
    const asked = readings(lines, new Random("lines", 1)).filter(({ kind }) => kind === "line");
    expect(new Set(asked.map(({ answer }) => answer)).size).toBe(2);
    expect(readings(["only"], new Random("lines", 1)).map(({ answer }) => answer)).toEqual(["only"]);
  });
});
