/** Bar, line and pie charts, with their labels and values printed. */

import { measure, Sheet, type Style } from "./canvas.ts";
import { type Family, pickFamily } from "./fonts.ts";
import { fitted } from "./layout.ts";
import type { FontSet } from "./page.ts";
import type { Draft } from "./questions.ts";
import type { Random } from "./random.ts";
import { type Series, series, seriesFields, seriesQuestions } from "./series.ts";

const palettes: readonly (readonly string[])[] = [
  ["#4472c4", "#ed7d31", "#a5a5a5", "#ffc000", "#5b9bd5", "#70ad47", "#9e480e", "#997300"],
  ["#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#66a61e", "#e6ab02", "#a6761d", "#888888"],
  ["#c0392b", "#2980b9", "#27ae60", "#f39c12", "#8e44ad", "#16a085", "#7f8c8d", "#d35400"],
  ["#333333", "#666666", "#999999", "#bbbbbb", "#555555", "#888888", "#aaaaaa", "#777777"],
];

/** The frame of a chart: sizes, styles and the area that is left for the drawing. */
interface Frame {
  sheet: Sheet;
  text: Style;
  colors: readonly string[];
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Title at the top, the rest free. */
function frame(random: Random, fonts: FontSet, { title: text, axis }: Series): Frame {
  const family: Family = pickFamily(
    random,
    fonts,
    random.pick([["sans"], ["sans", "condensed"], ["serif"], ["mono"]] as const),
  );
  const [width, height] = [random.int(380, 520), random.int(260, 420)];
  const size = random.real(14, 18);
  const sheet = new Sheet(width, height, random.pick(["#ffffff", "#ffffff", "#f7f7f7", "#fffdf5"]));
  const heading: Style = { face: family.bold, size: size * random.real(1.1, 1.5), color: "#1a1a1a" };
  const margin = random.int(10, 22);
  const style = fitted(text, heading, width - 2 * margin);
  const y = margin + heading.size;
  sheet.write(random.chance(0.6) ? { text, x: width / 2, y, style, align: "center" } : { text, x: margin, y, style });
  const plain: Style = { face: family.regular, size, color: "#222222" };
  if (axis) sheet.write({ text: axis, x: margin, y: y + size * 1.35, style: { ...plain, size: size * 0.9 } });
  return {
    sheet,
    text: plain,
    colors: random.pick(palettes),
    left: margin,
    top: y + size * (axis ? 1.9 : 0.8),
    right: width - margin,
    bottom: height - margin,
  };
}

const draft = (random: Random, { sheet }: Frame, data: Series, part: string): Draft => ({
  sheet,
  fields: seriesFields(data),
  questions: seriesQuestions(random, data, part),
  more: (random) => seriesQuestions(random, data, part),
});

/** A smaller style for which every text fits the width. */
const allFitted = (texts: readonly string[], style: Style, width: number): Style =>
  texts.reduce((style, text) => fitted(text, style, width), style);

/** 3 to 7 bars, upright or lying. */
export function bar(random: Random, fonts: FontSet): Draft {
  const data = series(random, random.int(3, 7), random.pick([1, 1, 5, 10]), random.pick([50, 100, 200, 1000]));
  const f = frame(random, fonts, data);
  if (random.chance(0.4)) lying(random, f, data);
  else upright(random, f, data);
  return draft(random, f, data, "bar");
}

/** Bars from left to right; each label is one line of text with its value. */
function lying(
  random: Random,
  { sheet, text, colors, left, top, right, bottom }: Frame,
  { labels, values }: Series,
): void {
  const label = allFitted(labels, text, (right - left) * 0.3);
  const zero = left + Math.max(...labels.map((name) => measure(name, label))) + 8;
  const room = right - zero - measure("00000", text);
  const pitch = (bottom - top) / labels.length;
  const style = { ...label, size: Math.min(label.size, pitch * 0.75) };
  const many = random.chance(0.4);
  const thick = pitch * random.real(0.45, 0.8);
  const scale = room / Math.max(...values);
  labels.forEach((name, i) => {
    const middle = top + (i + 0.5) * pitch;
    const y = middle + style.size * style.face.cap * 0.5;
    const length = Math.max(2, values[i] * scale);
    sheet.box(zero, middle - thick / 2, length, thick, colors[many ? i % colors.length : 0]);
    const value = { text: String(values[i]), x: zero + length + 6, y, style };
    sheet.write({ text: name, x: zero - 6, y, style, align: "right" }, value);
  });
  sheet.rule(zero, top, zero, bottom, "#444444");
}

/** Bars from the ground up: each value stands on its bar, each label under it; a bar's two texts are one line. */
function upright(
  random: Random,
  { sheet, text, colors, left, top, right, bottom }: Frame,
  { labels, values }: Series,
): void {
  const pitch = (right - left) / labels.length;
  const style = allFitted([...labels, ...values.map(String)], text, pitch - 5);
  const zero = bottom - style.size * 1.5;
  const many = random.chance(0.4);
  const thick = pitch * random.real(0.45, 0.8);
  const scale = (zero - top - style.size * 1.4) / Math.max(...values);
  if (random.chance(0.4))
    for (let i = 1; i <= 4; i++)
      sheet.rule(left, zero - (i * (zero - top)) / 5, right, zero - (i * (zero - top)) / 5, "#dddddd");
  labels.forEach((name, i) => {
    const x = left + (i + 0.5) * pitch;
    const height = Math.max(2, values[i] * scale);
    sheet.box(x - thick / 2, zero - height, thick, height, colors[many ? i % colors.length : 0]);
    sheet.write(
      { text: name, x, y: zero + style.size * 1.15, style, align: "center" },
      { text: String(values[i]), x, y: zero - height - style.size * 0.25, style, align: "center" },
    );
  });
  sheet.rule(left, zero, right, zero, "#444444");
}

/** A line through 4 to 8 points, each with its value above and its label below. */
export function lineChart(random: Random, fonts: FontSet): Draft {
  const data = series(random, random.int(4, 8), random.pick([1, 1, 5]), random.pick([40, 100, 300]));
  const f = frame(random, fonts, data);
  const { sheet, text, colors, left, top, right, bottom } = f;
  const { labels, values } = data;
  const pitch = (right - left) / labels.length;
  const style = allFitted([...labels, ...values.map(String)], text, pitch - 5);
  const zero = bottom - style.size * 1.7;
  const scale = (zero - top - style.size * 1.8) / Math.max(...values);
  const points = values.map((value, i) => [left + (i + 0.5) * pitch, zero - 6 - value * scale] as const);
  if (random.chance(0.5))
    for (let i = 1; i <= 4; i++)
      sheet.rule(left, zero - (i * (zero - top)) / 5, right, zero - (i * (zero - top)) / 5, "#dddddd");
  sheet.rule(left, zero, right, zero, "#444444");
  for (let i = 1; i < points.length; i++)
    sheet.rule(...points[i - 1], ...points[i], colors[0], random.pick([1.5, 2, 2]));
  points.forEach(([x, y], i) => {
    sheet.box(x - 3, y - 3, 6, 6, colors[0], 3);
    // A patch of paper keeps the value clear of the line that climbs past it.
    const above = y - style.size * 0.45;
    const wide = measure(String(values[i]), style) + 4;
    sheet.box(x - wide / 2, above - style.size * 0.85, wide, style.size, sheet.paper, 2);
    sheet.write(
      { text: labels[i], x, y: zero + style.size * 1.25, style, align: "center" },
      { text: String(values[i]), x, y: above, style, align: "center" },
    );
  });
  return draft(random, f, data, "point");
}

/** A pie of 3 to 6 slices that add up to 100, named in a legend or around it. */
export function pie(random: Random, fonts: FontSet): Draft {
  const about = series(random, random.int(3, 6), 1, 100);
  const names = about.labels;
  const data: Series = {
    title: about.title.replace(/ \(.*\)/, "") + random.pick(["", " (%)"]),
    labels: names,
    values: shares(random, names.length),
    suffix: "%",
  };
  const f = frame(random, fonts, data);
  const { sheet, text, colors, left, top, right, bottom } = f;
  const hollow = random.chance(0.25);
  const legend = names.map((name, i) => [name, data.values[i] + data.suffix]);
  const radius = Math.min((bottom - top) / 2 - 2, (right - left) * 0.27);
  const [x, y] = [left + radius + 4, (top + bottom) / 2];
  const begin = random.real(0, 2 * Math.PI);
  sheet.paint((context) => {
    let angle = begin;
    data.values.forEach((value, i) => {
      const end = angle + (value / 100) * 2 * Math.PI;
      context.fillStyle = colors[i % colors.length];
      context.strokeStyle = "#ffffff";
      context.lineWidth = 1.5;
      context.beginPath();
      context.moveTo(x, y);
      context.arc(x, y, radius, angle, end);
      context.closePath();
      context.fill();
      context.stroke();
      angle = end;
    });
  });
  if (hollow) sheet.box(x - radius / 2, y - radius / 2, radius, radius, sheet.paper, radius / 2);
  const start = x + radius + 16;
  const pitch = Math.min(text.size * 1.9, (bottom - top) / names.length);
  const room = right - start - pitch;
  const style = {
    ...allFitted(
      legend.map((row) => row.join(" ")),
      text,
      room,
    ),
  };
  legend.forEach(([name, value], i) => {
    const line = y + (i - (names.length - 1) / 2) * pitch + style.size * 0.35;
    sheet.box(start, line - style.size * 0.7, style.size * 0.75, style.size * 0.75, colors[i % colors.length]);
    const from = start + style.size * 1.2;
    sheet.write({ text: name, x: from, y: line, style }, { text: value, x: right, y: line, style, align: "right" });
  });
  return draft(random, f, data, "slice");
}

/** `count` different whole percentages that add up to 100. */
function shares(random: Random, count: number): number[] {
  for (;;) {
    const parts = Array.from({ length: count }, () => random.int(4, 60));
    const sum = parts.reduce((a, b) => a + b);
    const scaled = parts.map((part) => Math.max(2, Math.round((part / sum) * 100)));
    scaled[0] += 100 - scaled.reduce((a, b) => a + b);
    if (scaled[0] >= 2 && new Set(scaled).size === count) return scaled;
  }
}
