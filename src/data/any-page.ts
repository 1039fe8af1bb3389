/** What can be asked of any page: what it is, what it shows, what is not on it, and whether something is true of it. */

import { lacking } from "../text/tasks.ts";
import { describe, kindNames } from "./describe.ts";
import type { Kind, Question } from "./page.ts";
import { characters, token } from "./phrases.ts";
import { type Draft, isThere, yesno } from "./questions.ts";
import type { Random } from "./random.ts";
import { nouns, wordings } from "./wordings.ts";

const list = (text: string): readonly string[] => text.split(" ");

/** Fields that a page of a kind prints only if it has them: the others may be asked for in vain. */
const optional: Partial<Record<Kind, readonly string[]>> = {
  receipt: list(
    "date time phone address number cashier registration taxNumber subtotal discount service tax rounding cash change customer due account email",
  ),
  invoice: list("phone due account tax subtotal discount cash change time cashier rounding service"),
  letter: list("subject total phone due cashier account tax email time"),
  form: list("phone email account address total tax change cashier"),
  card: list("address phone email total account tax cashier"),
  tag: list("phone date address time cashier tax email"),
  sign: list("date total email cashier tax account"),
  table: list("phone address email cashier account customer date"),
  bar: list("phone address email cashier account customer date"),
  "chart-line": list("phone address email cashier account customer"),
  pie: list("phone address email cashier account customer"),
};

const text: readonly Kind[] = ["word", "line", "lines", "block"];

/** A few questions for a page that is laid out, as many of them answered yes as no. */
export function anyPage(kind: Kind, { sheet, fields, questions }: Draft, random: Random): Question[] {
  const result: Question[] = [];
  const often = text.includes(kind) ? 0.06 : 0.5;
  const what = ["What kind of document is this?", "What is this?", "What type of document is it?", "What is shown?"];
  const tell = ["Describe the image.", "Describe the image.", "Describe this page.", "What is in the image?"];
  const answer = `${kindNames[kind][0].toUpperCase()}${kindNames[kind].slice(1)}.`;
  if (random.chance(often)) result.push({ kind: "field", name: "kind", question: random.pick(what), answer });
  if (random.chance(often))
    result.push({
      kind: "describe",
      question: random.pick(tell),
      answer: describe(kind, fields, sheet.lines, questions),
    });
  if (random.chance(often)) result.push(kindClaim(kind, random));
  result.push(...missing(kind, fields, random), ...presence(kind, fields, random));
  if (random.chance(0.7)) result.push(...valueClaim(fields, random));
  if (random.chance(text.includes(kind) ? 0.3 : 0.6)) result.push(...textClaim(sheet.lines, random));
  return result;
}

function kindClaim(kind: Kind, random: Random): Question {
  const right = random.chance(0.5);
  const others = Object.values(kindNames).filter((name) => name !== kindNames[kind]);
  return yesno(`Is this ${right ? kindNames[kind] : random.pick(others)}?`, right, kindNames[kind]);
}

/** Up to two questions for fields that are not on the page. */
function missing(kind: Kind, fields: Record<string, string>, random: Random): Question[] {
  const names = (optional[kind] ?? []).filter((name) => fields[name] === undefined);
  return random
    .sample(names, random.int(0, 2))
    .map((name) => ({ kind: "absent", name, question: random.pick(wordings[name]), answer: lacking }));
}

/** Whether a field is there, of which one as often is as is not. */
function presence(kind: Kind, fields: Record<string, string>, random: Random): Question[] {
  const names = optional[kind] ?? [];
  const there = names.filter((name) => fields[name] !== undefined);
  const gone = names.filter((name) => fields[name] === undefined);
  if (!there.length || !gone.length) return [];
  const right = random.chance(0.5);
  const name = random.pick(right ? there : gone);
  const noun = nouns[name];
  const article = /^[aeiou]/.test(noun) ? "an" : "a";
  const ways = [`Is the ${noun} on this page?`, `Is the ${noun} given?`, `Is there ${article} ${noun} on this page?`];
  return [isThere(random.pick(ways), fields[name])];
}

/** Whether a field with digits has a value: its own, or one with some digits changed. */
function valueClaim(fields: Record<string, string>, random: Random): Question[] {
  const names = Object.keys(fields).filter(
    (name) => nouns[name] && /\d/.test(fields[name]) && fields[name].length < 25,
  );
  if (!names.length) return [];
  const name = random.pick(names);
  const right = random.chance(0.5);
  const value = right ? fields[name] : changed(fields[name], random);
  return [yesno(`Is the ${nouns[name]} ${value}?`, right, fields[name])];
}

/** The value with one to all of its digits changed. */
function changed(value: string, random: Random): string {
  const places = [...value].flatMap((char, i) => (/\d/.test(char) ? [i] : []));
  const result = [...value];
  for (const i of random.sample(places, random.int(1, places.length)))
    result[i] = characters(random, "0123456789".replace(value[i], ""), 1);
  return result.join("");
}

/** Whether a word is on the page: one that is, or one with a letter changed, or another. */
function textClaim(lines: readonly string[], random: Random): Question[] {
  const words = lines.flatMap((line) => line.split(" ")).filter((word) => /^[A-Za-z0-9]{3,14}$/.test(word));
  if (!words.length) return [];
  const right = random.chance(0.5);
  const word = random.pick(words);
  const at = random.int(0, word.length - 1);
  const miss = word.slice(0, at) + characters(random, "ABCDEFGHKLMNPRSTUVWXYZ023456789", 1) + word.slice(at + 1);
  const near = random.chance(0.5);
  const other = near ? miss : token(random).replace(/"/g, "");
  const said = right ? word : other;
  const printed = lines.join("\n").toLowerCase().includes(said.toLowerCase());
  return right === printed
    ? [
        yesno(
          random.pick([`Does it say "${said}"?`, `Is "${said}" on this page?`]),
          right,
          right || near ? word : undefined,
        ),
      ]
    : [];
}
