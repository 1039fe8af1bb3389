/** Labelled numbers, as charts and tables show them, and what can be asked of them. */

import type { Question } from "./page.ts";
import { asked, threshold, yesno } from "./questions.ts";
import type { Random } from "./random.ts";
import { subjects } from "./words.ts";

/** A titled list of labels with different whole values, in document order. */
export interface Series {
  title: string;
  /** What the values count, where it stands at their axis. */
  axis?: string;
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
  const place = random.pick(["title", "title", "axis", "axis", "nowhere"] as const);
  return {
    title: place === "title" ? `${title} (${unit})` : title,
    axis: place === "axis" ? unit : undefined,
    labels: chosen,
    values: random.sample(steps, chosen.length),
    suffix: "",
  };
}

/** Questions about a series: title, values, extremes, differences, sums, counts, comparisons. */
export function seriesQuestions(random: Random, about: Series, part: string): Question[] {
  const { title, axis, labels, values, suffix } = about;
  const shown = (value: number): string => value + suffix;
  const [a, b] = random.sample([...labels.keys()], 2);
  const both = [a, b].map((i) => shown(values[i]));
  const titled = ["What is the title?", "What is the title of the chart?", "What does the chart show?", "Title?"];
  const parts = [`How many ${part}s are there?`, `How many ${part}s?`, `How many ${part}s does the chart have?`];
  return [
    { kind: "field", name: "title", question: random.pick(titled), answer: title },
    ...(axis
      ? [asked(random, "axis", axis, ["What is the axis label?", "What is on the axis?", "What is the unit?"])]
      : []),
    ...random.sample([...labels.keys()], 4).map((i): Question => {
      const name = labels[i];
      const ways = [
        `What is the value of ${name}?`,
        `How much is ${name}?`,
        `${name}?`,
        `What is the value of the ${part} ${name}?`,
      ];
      return { kind: "chart", name: "value", question: random.pick(ways), answer: shown(values[i]) };
    }),
    ...extremes(random, about, part),
    {
      kind: "sum",
      question: `What is the sum of ${labels[a]} and ${labels[b]}?`,
      shown: both,
      answer: shown(values[a] + values[b]),
    },
    {
      kind: "sum",
      question: random.pick([
        `What is the difference between ${labels[a]} and ${labels[b]}?`,
        `How far apart are ${labels[a]} and ${labels[b]}?`,
      ]),
      shown: both,
      answer: shown(Math.abs(values[a] - values[b])),
    },
    { kind: "count", question: random.pick(parts), answer: String(labels.length), shown: labels },
    ...seriesClaims(random, about, part),
  ];
}

/** Which is the largest and the smallest, and how much they are. */
function extremes(random: Random, { labels, values, suffix }: Series, part: string): Question[] {
  const [most, least] = [Math.max(...values), Math.min(...values)];
  const which = (word: string, other: string): string =>
    random.pick([
      `Which ${part} is the ${word}?`,
      `Which is the ${word}?`,
      `What is the ${other}?`,
      `Which one is the ${other}?`,
    ]);
  const all = labels.map((label, i) => `${label} ${values[i]}${suffix}`);
  const printed = values.map((value) => value + suffix);
  return [
    {
      kind: "chart",
      name: "largest",
      question: which("largest", "highest"),
      answer: labels[values.indexOf(most)],
      shown: all,
    },
    {
      kind: "chart",
      name: "smallest",
      question: which("smallest", "lowest"),
      answer: labels[values.indexOf(least)],
      shown: all,
    },
    { kind: "chart", name: "maximum", question: "What is the largest value?", answer: most + suffix, shown: printed },
    { kind: "chart", name: "minimum", question: "What is the smallest value?", answer: least + suffix, shown: printed },
  ];
}

/** What may be true of a series: which of two is larger, how large one is, whether one is there. */
function seriesClaims(random: Random, { labels, values, suffix }: Series, part: string): Question[] {
  const [a, b] = random.sample([...labels.keys()], 2);
  const here = random.chance(0.5);
  const others = subjects.flatMap((subject) => subject.labels).filter((label) => !labels.includes(label));
  const more = random.chance(0.5);
  const limit = threshold(random, `value of ${labels[b]}`, values[b], values[b] + suffix);
  const name = random.pick(here ? labels : others);
  return [
    yesno(
      `Is ${labels[a]} ${more ? "larger" : "smaller"} than ${labels[b]}?`,
      values[a] > values[b] === more,
      values[a] + suffix,
      values[b] + suffix,
    ),
    limit,
    yesno(`Is there a ${part} ${name}?`, here, ...labels),
  ];
}

/** The series as fields: one a label, and the title. */
export function seriesFields({ title, axis, labels, values, suffix }: Series): Record<string, string> {
  return {
    title,
    ...(axis ? { axis } : {}),
    ...Object.fromEntries(labels.map((label, i) => [label, values[i] + suffix])),
  };
}
