/** One sentence about a page, made from what is true of it. */

import type { Kind, Question } from "./page.ts";

/** What a page of each kind is called. */
export const kindNames: Record<Kind, string> = {
  word: "a word",
  line: "a line of text",
  lines: "some lines of text",
  block: "a block of text",
  receipt: "a receipt",
  invoice: "an invoice",
  letter: "a letter",
  form: "a form",
  table: "a table",
  bar: "a bar chart",
  "chart-line": "a line chart",
  pie: "a pie chart",
  card: "a card",
  tag: "a price tag",
  sign: "a sign",
};

type Fields = Record<string, string>;

/** A part of the sentence if its field is there. */
const part = (before: string, value: string | undefined): string => (value ? before + value : "");

const chart = (fields: Fields, largest = ""): string =>
  `with the title "${fields.title}"${part("; the largest is ", largest)}`;

/** What follows the name of the kind. */
const endings: Record<Kind, (fields: Fields, lines: readonly string[], largest?: string) => string> = {
  word: (_, [line]) => `: ${line}`,
  line: (_, [line]) => `: ${line}`,
  lines: (_, lines) => `: ${lines.length} lines`,
  block: (_, lines) => ` of ${lines.length} lines`,
  receipt: ({ company, date, total }) => ` from ${company}${part(" of ", date)}; the total is ${total}`,
  invoice: ({ company, customer, total }) => ` from ${company} to ${customer}; the total is ${total}`,
  letter: ({ sender, recipient, date }) => ` from ${sender} to ${recipient} of ${date}`,
  form: ({ title, name }) => ` with the title "${title}"${part(", filled in for ", name)}`,
  table: (fields) => ` ${chart(fields)}`,
  bar: (fields, _, largest) => ` ${chart(fields, largest)}`,
  "chart-line": (fields, _, largest) => ` ${chart(fields, largest)}`,
  pie: (fields, _, largest) => ` ${chart(fields, largest)}`,
  card: ({ title, name, organisation }) => ` of ${name}: ${title}, ${organisation}`,
  tag: ({ product, price }) => ` for ${product}: ${price}`,
  sign: (_, lines) => ` that says "${lines.join(" ")}"`,
};

/** The sentence. */
export function describe(kind: Kind, fields: Fields, lines: readonly string[], questions: readonly Question[]): string {
  const largest = questions.find(({ name }) => name === "largest")?.answer;
  const name = kindNames[kind];
  const sentence = `${name[0].toUpperCase()}${name.slice(1)}${endings[kind](fields, lines, largest)}`;
  return sentence.endsWith(".") ? sentence : `${sentence}.`;
}
