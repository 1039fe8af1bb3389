/** Labelled numbers, as charts and tables show them, and what can be asked of them. */

import type { Question } from "./page.ts";
import { yesno } from "./questions.ts";
import type { Random } from "./random.ts";
import { subjects } from "./words.ts";

/** A titled list of labels with different whole values, in document order. */
export interface Series {
  title: string;
  labels: string[];
  values: number[];
  /** What stands after each value: "%" or nothing. */
  suffix: string;
}

/** A series of `count` parts (or as many as its subject has); values are different multiples of `grain`. */
export function series(random: Random, count: number, grain: number, most: number): Series {
  const { title, unit, labels } = random.pick(subjects);
  const first = random.int(0, Math.max(0, labels.length - count));
  const chosen = labels.slice(first, first + count);
  const steps = Array.from({ length: Math.max(count, Math.floor(most / grain)) }, (_, i) => (i + 1) * grain);
  return {
    title: random.chance(0.6) ? `${title} (${unit})` : title,
    labels: chosen,
    values: random.sample(steps, chosen.length),
    suffix: "",
  };
}

/** Questions about a series: title, values, extremes, sum, count, comparison. */
export function seriesQuestions(random: Random, { title, labels, values, suffix }: Series, part: string): Question[] {
  const shown = (value: number): string => value + suffix;
  const [most, least] = [Math.max(...values), Math.min(...values)];
  const [a, b] = random.sample([...labels.keys()], 2);
  const some = random.sample([...labels.keys()], 3);
  return [
    { kind: "field", name: "title", question: "What is the title?", answer: title },
    ...some.map(
      (i): Question => ({
        kind: "chart",
        name: "value",
        question: random.pick([`What is the value of ${labels[i]}?`, `How much is ${labels[i]}?`, `${labels[i]}?`]),
        answer: shown(values[i]),
      }),
    ),
    { kind: "chart", name: "largest", question: `Which ${part} is the largest?`, answer: labels[values.indexOf(most)] },
    {
      kind: "chart",
      name: "smallest",
      question: `Which ${part} is the smallest?`,
      answer: labels[values.indexOf(least)],
    },
    { kind: "chart", name: "maximum", question: "What is the largest value?", answer: shown(most) },
    {
      kind: "sum",
      question: `What is the sum of ${labels[a]} and ${labels[b]}?`,
      answer: shown(values[a] + values[b]),
    },
    { kind: "count", question: `How many ${part}s are there?`, answer: String(labels.length) },
    yesno(`Is ${labels[a]} larger than ${labels[b]}?`, values[a] > values[b]),
  ];
}

/** The series as fields: one a label, and the title. */
export function seriesFields({ title, labels, values, suffix }: Series): Record<string, string> {
  return { title, ...Object.fromEntries(labels.map((label, i) => [label, values[i] + suffix])) };
}
