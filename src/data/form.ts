/** Filled forms: captions with values in boxes or on rules, and boxes that are ticked or not. */

import { measure, Sheet, type Style } from "./canvas.ts";
import { pickFamily } from "./fonts.ts";
import { fitted } from "./layout.ts";
import type { FontSet, Question } from "./page.ts";
import { code, date, digits, email, person, phone, street, town } from "./phrases.ts";
import { asked, type Draft, yesno } from "./questions.ts";
import type { Random } from "./random.ts";
import { professions, towns } from "./words.ts";

/** What forms ask for: the field, its captions, its value. */
const entries: readonly [string, readonly string[], (random: Random) => string][] = [
  ["name", ["Name", "Full name", "Applicant"], person],
  ["birth", ["Date of birth", "Born on", "Birth date"], date],
  ["address", ["Address", "Street"], street],
  ["town", ["Town", "City", "Place"], town],
  ["phone", ["Phone", "Telephone", "Tel."], phone],
  ["email", ["Email", "E-mail"], email],
  ["number", ["Number", "Reference", "File no."], code],
  ["account", ["Account", "Account no."], (random) => digits(random, random.int(6, 10))],
  ["profession", ["Profession", "Occupation"], (random) => random.pick(professions)],
  ["birthplace", ["Place of birth", "Birthplace"], (random) => random.pick(towns)],
  ["date", ["Date", "Date of issue"], date],
  ["weight", ["Weight", "Weight (kg)"], (random) => String(random.int(40, 120))],
];

const titles = [
  ..."Application Form|Registration|Membership Form|Order Form|Claim Form|Patient Record|Visitor Form".split("|"),
  ..."Change of Address|Travel Request|Enrolment|Parking Permit|Library Card".split("|"),
];

const ticks = [
  "Member",
  "Student",
  "Insured",
  "Married",
  "Smoker",
  "First visit",
  "Newsletter",
  "Urgent",
  "Paid",
  "Terms read",
];

/** A form with 3 to 8 entries and up to 4 boxes to tick. */
export function form(random: Random, fonts: FontSet): Draft {
  const width = random.int(380, 600);
  const margin = width * random.real(0.05, 0.09);
  const room = width - 2 * margin;
  const print = pickFamily(random, fonts, random.pick([["sans"], ["condensed"], ["serif"]] as const));
  const hand = random.chance(0.3) ? pickFamily(random, fonts, ["mono"]) : print;
  const size = Math.min(random.real(14, 20), room / 34 / print.regular.average);
  const caption: Style = { face: print.regular, size, color: "#333333" };
  const entry: Style = {
    face: hand.regular,
    size: size * random.real(1, 1.15),
    color: random.pick(["#111111", "#1a2a80"]),
  };
  const sheet = new Sheet(width, 0, random.pick(["#ffffff", "#fbfbf4", "#f2f6fa"]));
  const fields: Record<string, string> = { title: random.pick(titles) };
  const questions: Question[] = [asked(random, "title", fields.title, ["What is the title?", "What form is this?"])];
  let y = margin + size * 1.4;
  const heading: Style = { face: print.bold, size: size * random.real(1.2, 1.7), color: "#111111" };
  sheet.write({ text: fields.title, x: margin, y, style: fitted(fields.title, heading, room) });
  const boxed = random.chance(0.5);
  const above = random.chance(0.3);
  const left = margin + (above ? 0 : room * 0.38);
  for (const [name, captions, value] of random.sample(entries, random.int(3, 8))) {
    const text = value(random);
    const label = random.pick(captions);
    fields[name] = text;
    y += size * (above ? 1.9 : 2.3);
    const labelled = { text: label, x: margin, y, style: fitted(label, caption, above ? room : room * 0.35) };
    if (above) {
      sheet.write(labelled);
      y += size * 1.55;
    }
    const filled = { text, x: left + 6, y, style: fitted(text, entry, width - margin - left - 12) };
    if (above) sheet.write(filled);
    else sheet.write(labelled, filled);
    if (boxed) sheet.frame(left, y - size * 1.15, width - margin - left, size * 1.6, "#555555");
    else
      sheet.rule(
        left,
        y + size * 0.35,
        width - margin,
        y + size * 0.35,
        "#555555",
        1,
        random.chance(0.2) ? [2, 2] : [],
      );
    const lower = label.toLowerCase().replace(" (kg)", "");
    questions.push(
      asked(random, name, text, [`What is the ${lower}?`, `${label}?`, `What is written under ${label}?`]),
    );
  }
  y = boxes(sheet, random, caption, { margin, y: y + size * 2.2, questions });
  sheet.height = Math.ceil(y + margin * random.real(0.3, 1.2));
  const count = Object.keys(fields).length - 1;
  questions.push({ kind: "count", question: "How many entries are filled in?", answer: String(count) });
  return { sheet, fields, questions };
}

/** A row of boxes, some ticked; returns the baseline below. */
function boxes(
  sheet: Sheet,
  random: Random,
  style: Style,
  { margin, y, questions }: { margin: number; y: number; questions: Question[] },
): number {
  const { size } = style;
  const cross = random.chance(0.5);
  for (const label of random.sample(ticks, random.int(0, 4))) {
    const [x, top, side] = [margin + 2, y - size * 0.85, size * 0.95];
    const ticked = random.chance(0.5);
    sheet.frame(x, top, side, side, "#333333", 1.3);
    if (ticked) {
      const mark = cross
        ? [
            [0.15, 0.15, 0.85, 0.85],
            [0.85, 0.15, 0.15, 0.85],
          ]
        : [
            [0.15, 0.5, 0.4, 0.8],
            [0.4, 0.8, 0.9, 0.1],
          ];
      for (const [a, b, c, d] of mark) {
        sheet.rule(x + a * side, top + b * side, x + c * side, top + d * side, "#111144", size * 0.12);
      }
    }
    const beside = { text: label, x: x + side * 1.6, y, style };
    sheet.write({ ...beside, style: fitted(label, style, sheet.width - margin - x - side * 1.6) });
    questions.push(yesno(`Is ${label} ticked?`, ticked));
    y += Math.max(size * 1.7, measure("", style));
  }
  return y;
}
