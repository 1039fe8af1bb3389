/** Pages of bare text - a word, a line, some lines, a dense block - for learning to read before learning what documents are. */

import { measure, Sheet, type Style } from "./canvas.ts";
import { type Family, type Genre, pickFamily } from "./fonts.ts";
import type { FontSet } from "./page.ts";
import { pieces, token } from "./phrases.ts";
import type { Draft } from "./questions.ts";
import type { Random } from "./random.ts";

const genres: readonly Genre[] = ["sans", "condensed", "serif", "slab", "mono", "mono", "dot", "display"];

/** A family of any genre, the common ones more often. */
const anyFamily = (random: Random, fonts: FontSet): Family => pickFamily(random, fonts, [random.pick(genres)]);

const hex = (r: number, g: number, b: number): string =>
  `#${[r, g, b].map((v) => Math.round(v).toString(16).padStart(2, "0")).join("")}`;

/** Colours of ink and paper: mostly dark on light, at times coloured or the other way round. */
function inks(random: Random): { ink: string; paper: string } {
  const dark = random.int(0, 70);
  const light = random.int(225, 255);
  const tinted = random.chance(0.25);
  const shift = (v: number, by: number) => Math.min(255, Math.max(0, v + (tinted ? random.int(-by, by) : 0)));
  const ink = hex(shift(dark, 60), shift(dark, 60), shift(dark, 60));
  const paper = hex(shift(light, 30), shift(light, 30), shift(light, 30));
  return random.chance(0.12) ? { ink: paper, paper: ink } : { ink, paper };
}

/** The text as the family can show it. */
const shown = (family: Family, text: string): string => (family.caps ? text.toUpperCase() : text);

const face = (random: Random, family: Family) => (random.chance(0.3) ? family.bold : family.regular);

/** One short word or number on a crop of about its size. */
export function word(random: Random, fonts: FontSet): Draft {
  const family = anyFamily(random, fonts);
  const text = shown(family, token(random).slice(0, 14).trim());
  return crop(random, face(random, family), text, { height: random.int(32, 112), narrowest: 56, widest: 256 });
}

/** One printed line of 5 to 40 characters. */
export function line(random: Random, fonts: FontSet): Draft {
  const family = anyFamily(random, fonts);
  const text = shown(family, phrase(random));
  return crop(random, face(random, family), text, { height: random.int(32, 64), narrowest: 200, widest: 448 });
}

/** 5 to 40 characters. */
function phrase(random: Random): string {
  const goal = random.int(5, 40);
  const piece = pieces(random);
  let text = piece(random);
  while (text.length < goal) text += ` ${piece(random)}`;
  return text.slice(0, goal).trim();
}

/** 3 to 9 such lines below each other, often each in a face of its own: as much to read as on as many crops, on fewer tiles. */
export function lines(random: Random, fonts: FontSet): Draft {
  const { ink, paper } = inks(random);
  const width = random.int(300, 520);
  const sheet = new Sheet(width, 0, paper);
  const margin = random.int(4, 14);
  const room = width - 2 * margin;
  const ordinary = anyFamily(random, fonts);
  const mixed = random.chance(0.6);
  let y = margin;
  for (let count = random.int(3, 9); count > 0; count--) {
    const family = mixed ? anyFamily(random, fonts) : ordinary;
    const text = shown(family, phrase(random));
    const one: Style = { face: face(random, family), size: 1, color: ink };
    const size = Math.min(random.real(16, 34), room / measure(text, one));
    const style: Style = { ...one, size };
    y += one.face.cap * 1.12 * size;
    sheet.write({ text, x: margin + random.real(0, room - measure(text, style)), y, style });
    y += (one.face.descent + random.real(0.1, 0.9)) * size;
  }
  sheet.height = Math.ceil(y + margin);
  return { sheet, fields: {}, questions: [] };
}

/** A strip of paper with one run of text somewhere inside. */
function crop(
  random: Random,
  face: Style["face"],
  text: string,
  { height, narrowest, widest }: { height: number; narrowest: number; widest: number },
): Draft {
  const { ink, paper } = inks(random);
  const margin = random.int(3, 10);
  const one: Style = { face, size: 1, color: ink };
  const size = Math.min(height * random.real(0.4, 0.8), (widest - 2 * margin) / measure(text, one));
  const style: Style = { ...one, size };
  const width = measure(text, style);
  const total = Math.round(Math.min(widest, Math.max(narrowest, width + 2 * margin + random.int(0, 24))));
  const sheet = new Sheet(total, height, paper);
  const x = random.real(margin, Math.max(margin, total - margin - width));
  const [top, bottom] = [face.cap * size * 1.12 + 2, height - face.descent * size - 1];
  sheet.write({ text, x, y: top < bottom ? random.real(top, bottom) : bottom, style });
  return { sheet, fields: {}, questions: [] };
}

/** Side of a block in pixels, the most characters on it, and the height of the tallest capitals, as words and signs have them. */
const side = 224;
const most = 250;
const largest = 72;

/** A square densely filled with lines of text, capitals 9 to 28 pixels tall, at times taller. */
export function block(random: Random, fonts: FontSet): Draft {
  const { ink, paper } = inks(random);
  const sheet = new Sheet(side, side, paper);
  const margin = random.int(3, 12);
  const family = anyFamily(random, fonts);
  const ordinary = random.real(10.5, 19);
  const spacing = random.real(1.15, 1.7);
  const mixed = random.chance(0.3);
  let y = margin;
  let characters = 0;
  while (characters < most) {
    const here = mixed && random.chance(0.5) ? anyFamily(random, fonts) : family;
    const font = face(random, here);
    const cap = random.chance(0.22) ? random.real(9, random.chance(0.4) ? largest : 28) : ordinary;
    // A very wide face would leave room for a few letters only.
    const size = Math.min(cap / font.cap, (side - 2 * margin) / (8 * font.average));
    const style: Style = { face: font, size, color: ink };
    const baseline = y + font.cap * 1.1 * size;
    if (baseline + font.descent * size > side - 2) break;
    const x = margin + (random.chance(0.2) ? random.real(0, 40) : 0);
    const text = filled(random, here, style, Math.min(side - margin - x), most - characters);
    if (text) sheet.write({ text, x, y: baseline, style });
    characters += text.length;
    y = baseline + Math.max(font.descent * size, (spacing - 1) * size);
  }
  return { sheet, fields: {}, questions: [] };
}

/** As many pieces of text as fit the width; at least a part of one. */
function filled(random: Random, family: Family, style: Style, width: number, room: number): string {
  const piece = pieces(random);
  let text = "";
  for (;;) {
    const next = shown(family, text ? `${text} ${piece(random)}` : piece(random));
    if (measure(next, style) <= width && next.length <= room) {
      text = next;
      continue;
    }
    if (text) return text;
    let part = next.slice(0, room);
    while (part && measure(part, style) > width) part = part.slice(0, -1);
    return part.trim();
  }
}
