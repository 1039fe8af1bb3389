/** Small pieces of text as documents have them: dates, prices, names, addresses, codes, and text that no language predicts. */

import type { Random } from "./random.ts";
import {
  business,
  common,
  firstNames,
  lastNames,
  legalForms,
  malayForms,
  malayPlaces,
  malayStates,
  malayTowns,
  malayTrades,
  months,
  streetKinds,
  streets,
  towns,
  trade,
} from "./words.ts";

/** How a document writes money: what stands before and after the number, and its decimal mark. */
export interface Currency {
  before: string;
  after: string;
  mark: "." | ",";
}

const currencies: readonly Currency[] = [
  { before: "$", after: "", mark: "." },
  { before: "RM", after: "", mark: "." },
  { before: "RM ", after: "", mark: "." },
  { before: "£", after: "", mark: "." },
  { before: "€", after: "", mark: "." },
  { before: "EUR ", after: "", mark: "." },
  { before: "GBP ", after: "", mark: "." },
  { before: "", after: " EUR", mark: "," },
];

const plain: Currency = { before: "", after: "", mark: "." };

/** A currency, or in two of five cases bare numbers. */
export const currency = (random: Random): Currency => (random.chance(0.4) ? plain : random.pick(currencies));

/** Cents as a number with two decimals: 1240 → "12.40". */
export function amount(cents: number, mark = "."): string {
  const digits = String(Math.abs(cents)).padStart(3, "0");
  return `${cents < 0 ? "-" : ""}${digits.slice(0, -2)}${mark}${digits.slice(-2)}`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** A date in one of the formats seen on paper. */
export function date(random: Random): string {
  const [day, month, year] = [random.int(1, 28), random.int(1, 12), random.int(2009, 2026)];
  const name = months[month - 1];
  const [d, m, y] = [two(day), two(month), two(year % 100)];
  return random.pick([
    `${d}/${m}/${year}`,
    `${d}/${m}/${year}`,
    `${m}/${d}/${year}`,
    `${d}-${m}-${year}`,
    `${year}-${m}-${d}`,
    `${d}.${m}.${year}`,
    `${d}/${m}/${y}`,
    `${d}-${m}-${y}`,
    `${day} ${name.slice(0, 3)} ${year}`,
    `${d} ${name.slice(0, 3).toUpperCase()} ${year}`,
    `${name.slice(0, 3)} ${day}, ${year}`,
    `${d}-${name.slice(0, 3)}-${year}`,
    `${day} ${name} ${year}`,
  ]);
}

/** A date with the day first, as tills outside America print it. */
export function tillDate(random: Random): string {
  const [d, month, year] = [two(random.int(1, 31)), random.int(1, 12), random.int(2009, 2026)];
  const [m, y, name] = [two(month), two(year % 100), months[month - 1].slice(0, 3)];
  const day = Number(d) > 28 && month === 2 ? "28" : Number(d) > 30 && [4, 6, 9, 11].includes(month) ? "30" : d;
  const shape = random.real();
  const mark = random.pick(["/", "/", "/", "-", "-", "."]);
  if (shape < 0.48) return `${day}${mark}${m}${mark}${year}`;
  if (shape < 0.66) return `${day}${mark}${m}${mark}${y}`;
  if (shape < 0.74) return [year, m, day].join(random.pick(["-", "-", "/"]));
  const spelled = random.chance(0.6) ? name.toUpperCase() : name;
  const between = random.pick([" ", " ", "-", "/"]);
  return `${day}${between}${spelled}${between}${year}`;
}

/** A time of day, on 12 or 24 hours, with or without seconds. */
export function time(random: Random): string {
  const [h, m, s] = [random.int(7, 22), two(random.int(0, 59)), two(random.int(0, 59))];
  const half = h < 12 ? "AM" : "PM";
  const twelve = ((h + 11) % 12) + 1;
  return random.pick([
    `${two(h)}:${m}`,
    `${two(h)}:${m}`,
    `${two(h)}:${m}:${s}`,
    `${two(h)}:${m}:${s}`,
    `${twelve}:${m} ${half}`,
    `${two(twelve)}:${m}${half}`,
    `${two(twelve)}:${m}:${s} ${half}`,
  ]);
}

/** `count` random characters of an alphabet. */
export function characters(random: Random, alphabet: string, count: number): string {
  let text = "";
  for (let i = 0; i < count; i++) text += alphabet[random.int(0, alphabet.length - 1)];
  return text;
}

export const digits = (random: Random, count: number): string => characters(random, "0123456789", count);

const capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const letters = capitals + capitals.toLowerCase();
const alphanumeric = `${letters}0123456789`;
/** All printable ASCII but the blank. */
const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join("");

/** A document, article or order number. */
export function code(random: Random): string {
  const head = characters(random, capitals, random.int(1, 3));
  return random.pick([
    digits(random, random.int(4, 8)),
    `${head}${digits(random, random.int(3, 6))}`,
    `${head}-${digits(random, random.int(3, 6))}`,
    `${digits(random, 3)}-${digits(random, 4)}`,
    `${head}${digits(random, 2)}/${digits(random, 4)}`,
    `#${digits(random, random.int(3, 6))}`,
  ]);
}

export function phone(random: Random): string {
  return random.pick([
    `0${digits(random, 1)}-${digits(random, 4)} ${digits(random, 4)}`,
    `0${digits(random, 2)}-${digits(random, 7)}`,
    `(${digits(random, 3)}) ${digits(random, 3)}-${digits(random, 4)}`,
    `${digits(random, 3)}-${digits(random, 3)}-${digits(random, 4)}`,
    `+${random.int(1, 99)} ${digits(random, 2)} ${digits(random, 4)} ${digits(random, 3)}`,
    `0${digits(random, 4)} ${digits(random, 6)}`,
  ]);
}

function price(random: Random): string {
  const { before, after, mark } = currency(random);
  return before + amount(random.int(5, random.pick([999, 9999, 99999])), mark) + after;
}

export const person = (random: Random): string => `${random.pick(firstNames)} ${random.pick(lastNames)}`;

export function company(random: Random): string {
  const head = random.pick([
    random.pick(trade),
    random.pick(trade),
    `${random.pick(lastNames)}'s`,
    random.pick(lastNames),
  ]);
  return `${head} ${random.pick(business)} ${random.pick(legalForms)}`.trim();
}

export const street = (random: Random): string =>
  random.pick([
    `${random.int(1, 399)} ${random.pick(streets)} ${random.pick(streetKinds)}`,
    `No. ${random.int(1, 99)}, ${random.pick(streets)} ${random.pick(streetKinds)}`,
    `Lot ${random.int(1, 999)}, ${random.pick(streets)} ${random.pick(streetKinds)}`,
  ]);

export function town(random: Random): string {
  const name = random.pick(towns);
  const letters = characters(random, capitals, 2);
  return random.pick([
    `${digits(random, 5)} ${name}`,
    `${name} ${digits(random, 5)}`,
    `${name} ${letters}${random.int(1, 9)} ${digits(random, 1)}${characters(random, capitals, 2)}`,
    name,
  ]);
}

/** A made-up Malaysian firm: a trade before a name, or a name before a trade, and a legal form. */
export function malayCompany(random: Random): string {
  const name = random.pick([random.pick(malayPlaces), random.pick(trade), random.pick(lastNames)]);
  const second = random.chance(0.3) ? ` ${random.pick([...malayPlaces, ...trade])}` : "";
  const form = random.chance(0.8) ? ` ${random.pick(malayForms)}` : "";
  if (random.chance(0.35)) return `${random.pick(malayTrades)} ${name}${second}${form}`;
  const what = random.chance(0.75) ? ` ${random.pick(business)}` : "";
  return `${name}${second}${what}${form}`;
}

/** A company's number in the register: digits and a letter. */
export const registration = (random: Random): string =>
  `${random.chance(0.3) ? "00" : ""}${digits(random, random.int(5, 7))}-${characters(random, "ABDHKMPTUVWX", 1)}`;

/** A made-up Malaysian address on two to four lines. */
export function malayAddress(random: Random): string[] {
  const place = () => random.pick(malayPlaces);
  const block = random.chance(0.4) ? ` ${random.int(1, 30)}${random.chance(0.5) ? `/${random.int(1, 60)}` : ""}` : "";
  const door = random.pick([
    `No. ${random.int(1, 299)}`,
    `No ${random.int(1, 99)}`,
    `Lot ${random.int(1, 2999)}`,
    `${random.int(1, 99)}`,
    `${random.int(1, 60)} & ${random.int(61, 99)}`,
    `G-${random.int(1, 40)}`,
    `Unit ${digits(random, 1)}-${random.int(1, 50)}`,
  ]);
  const first = `${door}, ${random.pick(["Jalan", "Jalan", "Jalan", "Jln", "Lorong"])} ${place()}${block},`;
  const quarter = `${random.pick(["Taman", "Taman", "Bandar", "Kampung", "Desa"])} ${place()}${random.chance(0.4) ? ` ${place()}` : ""},`;
  const state = random.chance(0.6) ? `, ${random.pick(malayStates)}` : "";
  const last = `${digits(random, 5)} ${random.pick(malayTowns)}${state}${random.pick([".", "", ""])}`;
  return random.chance(0.75) ? [first, quarter, last] : [first, last];
}

export const malayPhone = (random: Random): string =>
  random.pick([
    `0${random.int(3, 9)}-${digits(random, 8)}`,
    `0${random.int(3, 9)}-${digits(random, 4)} ${digits(random, 4)}`,
    `0${random.int(3, 9)}-${digits(random, 7)}`,
    `01${digits(random, 1)}-${digits(random, 7)}`,
    `+60${random.int(3, 9)}-${digits(random, 4)} ${digits(random, 4)}`,
  ]);

/** A mail address at one of the domains reserved for examples (RFC 2606). */
export const email = (random: Random): string =>
  `${random.pick(firstNames).toLowerCase()}.${random.pick(lastNames).toLowerCase()}@example.${random.pick(["com", "org", "net"])}`;

const title = (word: string): string => word[0].toUpperCase() + word.slice(1);

const endings = ["s", "s", "ed", "ing", "er", "ly", "al", "ness", "in", "y", "ful", "able"];

/** A word in small letters: in two of three cases a common one; else one with an ending, two in one, or the beginning of one with the end of another, so
 *  that a word is not known by its first letters. */
function lettered(random: Random): string {
  const first = random.pick(common);
  if (random.chance(0.66)) return first;
  const second = random.pick(common);
  return random.pick([
    first + random.pick(endings),
    first + second,
    first.slice(0, random.int(2, 5)) + second.slice(-random.int(2, 5)),
    first.slice(0, random.int(2, 5)) + second.slice(-random.int(2, 5)),
  ]);
}

/** A word: mostly small letters, at times Capitalised or IN CAPITALS. */
function word(random: Random): string {
  const word = lettered(random);
  const style = random.real();
  return style < 0.6 ? word : style < 0.8 ? title(word) : word.toUpperCase();
}

/** A sentence of words without meaning. */
export function sentence(random: Random, words: number): string {
  const text = Array.from(
    { length: words },
    (_, i) => lettered(random) + (i < words - 1 && random.chance(0.08) ? "," : ""),
  );
  return `${title(text.join(" "))}${random.pick([".", ".", ".", "?", "!"])}`;
}

/** Characters without sense, 1 to 8 of them. */
function noise(random: Random): string {
  const alphabet = random.pick([alphanumeric, alphanumeric, printable, letters, capitals, capitals.toLowerCase()]);
  return characters(random, alphabet, random.int(1, 8));
}

/** A price, date, number or code. */
const figure = (random: Random): string =>
  random.pick([price, price, date, time, phone, code, (r: Random) => digits(r, r.int(1, 7))])(random);

/** One piece of text: 40% English words, 30% characters without sense, 30% prices, dates, numbers and codes. */
export function token(random: Random): string {
  const mix = random.real();
  return mix < 0.4 ? word(random) : mix < 0.7 ? noise(random) : figure(random);
}

/** A piece of ordinary print: a sentence, a name, an address, or a label with its figure. */
const phrase = (random: Random): string =>
  random.pick([
    (r: Random) => sentence(r, r.int(3, 9)),
    (r: Random) => sentence(r, r.int(3, 9)),
    (r: Random) => `${word(r)} ${word(r)}`,
    (r: Random) => `${title(word(r))}: ${figure(r)}`,
    (r: Random) => `${title(word(r))} ${word(r)} ${figure(r)}`,
    person,
    company,
    street,
    town,
    email,
  ])(random);

/** What a line is made of: in two of five ordinary print, else text that no language predicts. */
export const pieces = (random: Random): ((random: Random) => string) => (random.chance(0.4) ? phrase : token);
