/** Tables of numbers under column heads. */

import { Sheet, type Style } from "./canvas.ts";
import { pickFamily } from "./fonts.ts";
import { color, fitted } from "./layout.ts";
import type { FontSet, Question } from "./page.ts";
import { asked, type Draft, threshold, yesno } from "./questions.ts";
import type { Random } from "./random.ts";
import { subjects } from "./words.ts";

/** A table of 2 to 8 rows and 2 to 5 columns of numbers. */
export function table(random: Random, fonts: FontSet): Draft {
  const [about, across] = random.sample(subjects, 2);
  const rows = random.sample(about.labels, random.int(2, 8));
  const columns = across.labels.slice(0, random.int(2, Math.min(4, across.labels.length)));
  const most = random.pick([9, 99, 999, 9999]);
  const cells = rows.map(() => columns.map(() => random.int(0, most)));
  const sheet = typeset(random, fonts, about.title, [
    ["", ...columns],
    ...rows.map((row, i) => [row, ...cells[i].map(String)]),
  ]);
  const fields: Record<string, string> = { title: about.title };
  for (const [i, row] of rows.entries()) {
    for (const [j, column] of columns.entries()) fields[`${row} ${column}`] = String(cells[i][j]);
  }
  const told: Cells = { title: about.title, rows, columns, cells };
  return { sheet, fields, questions: tableQuestions(random, told), more: (random) => tableQuestions(random, told) };
}

/** What a table says. */
interface Cells {
  title: string;
  rows: readonly string[];
  columns: readonly string[];
  cells: readonly (readonly number[])[];
}

/** Questions about a table: its title, cells, extremes, sums, counts, claims. */
function tableQuestions(random: Random, { title, rows, columns, cells }: Cells): Question[] {
  const [r, c] = [random.int(0, rows.length - 1), random.int(0, columns.length - 1)];
  const [other, second] = [random.int(0, columns.length - 1), random.sample([...rows.keys()], 2)];
  const [a, b] = second;
  const both = [a, b].map((row) => String(cells[row][c]));
  const total = cells.reduce((sum, row) => sum + row[c], 0);
  const here = rows.includes(rows[r]) && random.chance(0.5);
  const missing = random.pick(
    subjects.flatMap(({ labels }) => labels).filter((label) => !rows.includes(label) && !columns.includes(label)),
  );
  const asks: Question[] = [
    asked(random, "title", title, ["What is the title?", "What is the table about?"]),
    ...[
      [r, c],
      [a, other],
      [b, c],
    ].map(
      ([row, column]): Question => ({
        kind: "chart",
        name: "value",
        question: cellAsked(random, rows[row], columns[column]),
        answer: String(cells[row][column]),
      }),
    ),
    ...extremes(
      random,
      rows,
      columns[c],
      cells.map((row) => row[c]),
    ),
    {
      kind: "sum",
      question: `What is the sum of ${columns[c]}?`,
      answer: String(total),
      shown: addends(cells.map((row) => row[c])),
    },
    {
      kind: "sum",
      question: `What is the sum of ${rows[a]} and ${rows[b]} in ${columns[c]}?`,
      answer: String(cells[a][c] + cells[b][c]),
      shown: both,
    },
    {
      kind: "sum",
      question: `What is the difference between ${rows[a]} and ${rows[b]} in ${columns[c]}?`,
      answer: String(Math.abs(cells[a][c] - cells[b][c])),
      shown: both,
    },
    { kind: "count", question: "How many rows are there?", answer: String(rows.length), shown: rows },
    {
      kind: "count",
      question: "How many columns of numbers are there?",
      answer: String(columns.length),
      shown: columns,
    },
    threshold(random, `value of ${rows[a]} in ${columns[other]}`, cells[a][other], String(cells[a][other])),
    yesno(`Is there a row ${here ? rows[r] : missing}?`, here, ...rows),
  ];
  if (cells[a][c] !== cells[b][c]) {
    const question = `Is ${columns[c]} of ${rows[a]} larger than of ${rows[b]}?`;
    asks.push(yesno(question, cells[a][c] > cells[b][c], ...both));
  }
  return asks;
}

/** Numbers to be added up, and from the second to the last but one the sum so far. */
function addends(values: readonly number[]): string[] {
  let sum = 0;
  return values.flatMap((value, i) => {
    sum += value;
    return i && i < values.length - 1 ? [String(value), String(sum)] : [String(value)];
  });
}

const cellAsked = (random: Random, row: string, column: string): string =>
  random.pick([
    `What is ${column} for ${row}?`,
    `What is the value of ${row} under ${column}?`,
    `${row}, ${column}?`,
    `How much is ${row} in ${column}?`,
  ]);

/** Which row has the most and the least in a column; not asked where two have. */
function extremes(random: Random, rows: readonly string[], column: string, values: readonly number[]): Question[] {
  const [most, least] = [Math.max(...values), Math.min(...values)];
  const only = (value: number): boolean => values.filter((other) => other === value).length === 1;
  const which = (words: string[]): string => `Which row has the ${random.pick(words)} ${column}?`;
  const shown = rows.map((row, i) => `${row} ${values[i]}`);
  const result: Question[] = [];
  if (only(most))
    result.push({
      kind: "chart",
      name: "largest",
      question: which(["largest", "highest"]),
      answer: rows[values.indexOf(most)],
      shown,
    });
  if (only(least))
    result.push({
      kind: "chart",
      name: "smallest",
      question: which(["smallest", "lowest"]),
      answer: rows[values.indexOf(least)],
      shown,
    });
  return result;
}

/** Sets a title and rows of cells; the first row is the head, its first cell empty. */
function typeset(random: Random, fonts: FontSet, title: string, rows: string[][]): Sheet {
  const columns = rows[0].length;
  const { regular, bold } = pickFamily(
    random,
    fonts,
    random.pick([["sans"], ["serif"], ["condensed"], ["mono"], ["slab"]] as const),
  );
  const size = random.real(14, 20);
  const margin = random.real(12, 34);
  const cell = size * random.real(4.2, 6);
  const first = size * random.real(5, 7);
  const width = Math.ceil(2 * margin + first + (columns - 1) * cell);
  const pitch = size * random.real(1.5, 2.2);
  const accent = color(random, 20, 130);
  const striped = random.chance(0.3);
  const grid = random.pick(["all", "rows", "head", "none"] as const);
  const inverted = random.chance(0.3);
  const sheet = new Sheet(width, 0, "#ffffff");
  const heading: Style = { face: bold, size: size * random.real(1.05, 1.4), color: "#111111" };
  let y = margin + size;
  sheet.write({ text: title, x: margin, y, style: fitted(title, heading, width - 2 * margin) });
  y += pitch * 1.3;
  const top = y - pitch * 0.68;
  for (const [i, row] of rows.entries()) {
    const upper = y - pitch * 0.68;
    if (i === 0 && inverted) sheet.box(margin, upper, width - 2 * margin, pitch, accent);
    else if (striped && i % 2) sheet.box(margin, upper, width - 2 * margin, pitch, "#e9edf2");
    const style: Style = { face: i ? regular : bold, size, color: i || !inverted ? "#1c1c1c" : "#ffffff" };
    const [label, ...numbers] = row;
    sheet.write(
      ...(label ? [{ text: label, x: margin + 4, y, style: fitted(label, style, first - 8) }] : []),
      ...numbers.map((text, j) => {
        const x = margin + first + (j + 1) * cell - 6;
        return { text, x, y, style: fitted(text, style, cell - 10), align: "right" as const };
      }),
    );
    const lower = upper + pitch;
    if (grid === "all" || grid === "rows" || (grid === "head" && i === 0))
      sheet.rule(margin, lower, width - margin, lower, "#666666");
    y += pitch;
  }
  if (grid === "all") {
    const bottom = top + rows.length * pitch;
    sheet.frame(margin, top, width - 2 * margin, bottom - top, "#666666");
    for (let j = 0; j < columns - 1; j++)
      sheet.rule(margin + first + j * cell, top, margin + first + j * cell, bottom, "#666666");
  }
  sheet.height = Math.ceil(y - pitch * 0.5 + margin);
  return sheet;
}
