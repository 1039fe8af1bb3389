/** ID cards: captions and values beside a picture, on a coloured ground. */

import { Sheet, type Style } from "./canvas.ts";
import { pickFamily } from "./fonts.ts";
import { color, fitted } from "./layout.ts";
import type { FontSet, Question } from "./page.ts";
import { characters, date, digits, person, street } from "./phrases.ts";
import { asked, type Draft, isThere } from "./questions.ts";
import type { Random } from "./random.ts";
import { professions, towns, trade } from "./words.ts";

const kinds = [
  "IDENTITY CARD",
  "STUDENT CARD",
  "STAFF PASS",
  "MEMBER CARD",
  "LIBRARY CARD",
  "DRIVING LICENCE",
  "VISITOR",
];

const cardNumber = (random: Random): string =>
  `${characters(random, "ABCDEFGHKLMNPRSTX", 2)}${digits(random, random.int(5, 8))}`;

/** What cards state: the field, its captions, its value. */
const entries: readonly [string, readonly string[], (random: Random) => string][] = [
  ["number", ["No.", "Card No.", "ID"], cardNumber],
  ["birth", ["Born", "Date of birth", "DOB"], date],
  ["sex", ["Sex"], (random) => random.pick(["F", "M"])],
  ["nationality", ["Place of birth", "Birthplace"], (random) => random.pick(towns)],
  ["address", ["Address"], street],
  ["expires", ["Expires", "Valid until", "Expiry"], date],
  ["profession", ["Position", "Job"], (random) => random.pick(professions)],
];

/** A card of 400 to 520 pixels' width with a name and 2 to 5 entries. */
export function card(random: Random, fonts: FontSet): Draft {
  const width = random.int(380, 500);
  const height = Math.round(width * random.real(0.6, 0.68));
  const { regular, bold } = pickFamily(
    random,
    fonts,
    random.pick([["sans"], ["condensed", "sans"], ["mono"]] as const),
  );
  const sheet = new Sheet(width, height, color(random, 215, 250));
  const accent = color(random, 20, 110);
  const size = height / random.real(15, 17);
  ground(sheet, random);
  const organisation = `${random.pick(trade)} ${random.pick(["University", "College", "Republic", "Club", "Institute", "Group"])}`;
  const title = random.pick(kinds);
  const head: Style = { face: bold, size: size * 1.25, color: "#ffffff" };
  const banner = size * 3.3;
  sheet.box(0, 0, width, banner, accent);
  const room = width - 2 * size;
  sheet.write({ text: organisation, x: size, y: size * 1.45, style: fitted(organisation, head, room) });
  const second: Style = { ...head, face: regular, size };
  sheet.write({ text: title, x: size, y: size * 2.8, style: fitted(title, second, room) });
  const left = random.chance(0.75);
  const photo = width * 0.24;
  picture(sheet, random, left ? size : width - size - photo, banner + size * 0.9, photo);
  const x = left ? size * 2 + photo : size;
  const space = width - photo - 3 * size;
  const fields: Record<string, string> = { title, organisation, name: person(random) };
  let y = banner + size * 1.9;
  const strong: Style = { face: bold, size: size * 1.2, color: "#111111" };
  sheet.write({ text: fields.name, x, y, style: fitted(fields.name, strong, space) });
  const questions: Question[] = [
    asked(random, "name", fields.name, ["What is the name?", "Whose card is it?", "Name?"]),
    asked(random, "title", title, ["What kind of card is it?"]),
    asked(random, "organisation", organisation, ["Who issued the card?"]),
  ];
  const caption: Style = { face: regular, size: size * 0.95, color: "#444444" };
  const value: Style = { face: random.chance(0.4) ? bold : regular, size, color: "#111111" };
  const pitch = size * random.real(1.55, 1.75);
  for (const [name, captions, make] of random.sample(entries, random.int(2, 5))) {
    y += pitch;
    const label = random.pick(captions);
    const text = make(random);
    fields[name] = text;
    sheet.write(
      { text: label, x, y, style: fitted(label, caption, space * 0.38) },
      { text, x: x + space * 0.42, y, style: fitted(text, value, space * 0.58) },
    );
    questions.push(
      asked(random, name, text, [
        `What is the ${name === "number" ? "card number" : label.toLowerCase()}?`,
        `${label}?`,
      ]),
    );
  }
  questions.push(isThere("Does the card have an expiry date?", fields.expires));
  questions.push(isThere("Is there an address on the card?", fields.address));
  return { sheet, fields, questions };
}

/** Faint waves, as printed against copying. */
function ground(sheet: Sheet, random: Random): void {
  const [waves, tone] = [random.int(0, 9), color(random, 185, 225)];
  const { width, height } = sheet;
  sheet.paint((context) => {
    context.strokeStyle = tone;
    context.lineWidth = 1;
    for (let i = 0; i < waves; i++) {
      const y = (height * (i + 0.5)) / waves;
      context.beginPath();
      context.moveTo(0, y);
      context.bezierCurveTo(width * 0.3, y - 30, width * 0.6, y + 30, width, y);
      context.stroke();
    }
  });
}

/** A head and shoulders. */
function picture(sheet: Sheet, random: Random, x: number, y: number, width: number): void {
  const height = width * 1.25;
  const skin = random.pick(["#e8c4a0", "#c68642", "#8d5524", "#f1d3b8"]);
  sheet.box(x, y, width, height, color(random, 150, 235));
  sheet.box(x + width * 0.14, y + height * 0.68, width * 0.72, height * 0.32, color(random, 20, 160), width * 0.12);
  sheet.box(x + width * 0.28, y + height * 0.14, width * 0.44, height * 0.5, color(random, 10, 90), width * 0.2);
  sheet.box(x + width * 0.31, y + height * 0.24, width * 0.38, height * 0.46, skin, width * 0.18);
  sheet.frame(x, y, width, height, "#555555");
}
