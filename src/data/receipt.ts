/** Till receipts: narrow paper, a shop's head, items with prices, and sums that are right. */

import { type Genre, pickFamily } from "./fonts.ts";
import { gstReceipt, type Till } from "./gst.ts";
import type { FontSet } from "./page.ts";
import {
  amount,
  type Currency,
  code,
  company,
  currency,
  date,
  phone,
  street,
  tillDate,
  time,
  town,
} from "./phrases.ts";
import type { Draft } from "./questions.ts";
import type { Random } from "./random.ts";
import { named, type Sale, sale, saleQuestions, worth } from "./sale.ts";
import { type Row, tillRoll } from "./till-roll.ts";
import { firstNames } from "./words.ts";

const totals = [
  ..."TOTAL|TOTAL|TOTAL|Total|Total|GRAND TOTAL|Grand Total|TOTAL DUE|AMOUNT DUE|Amount Due".split("|"),
  ..."Balance|BALANCE DUE|Total Amount|TOTAL PAYABLE|NET TOTAL|Total (incl. tax)|Sum".split("|"),
];

/** What tills print with, the common ones more often. */
const genres: readonly (readonly Genre[])[] = [
  ["mono"],
  ["mono"],
  ["mono", "dot"],
  ["dot"],
  ["sans", "condensed"],
  ["sans"],
];

/** How amounts are written where tax is included and the comma is the decimal mark. */
const comma: readonly Currency[] = [
  { before: "", after: "", mark: "," },
  { before: "", after: " €", mark: "," },
  { before: "€ ", after: "", mark: "," },
  { before: "", after: " EUR", mark: "," },
];

/** A receipt of 6 to 50 lines: half of them Malaysian tax invoices, half from anywhere. */
export function receipt(random: Random, fonts: FontSet): Draft {
  const malay = random.chance(0.5);
  const money = malay
    ? { before: "", after: "", mark: "." as const }
    : random.chance(0.15)
      ? random.pick(comma)
      : currency(random);
  const { rows, fields, sold, upper } = malay ? gstReceipt(random) : plainReceipt(random, money);
  const family = pickFamily(random, fonts, random.pick([...genres, [malay ? "serif" : "slab"]]));
  const sheet = tillRoll(random, family, rows, random.chance(malay ? 0.8 : 0.4));
  return { sheet, fields, questions: saleQuestions(random, sold, fields, money, upper) };
}

/** A receipt of 6 to 28 lines from anywhere. */
function plainReceipt(random: Random, money: Currency): Till {
  const short = random.chance(0.3);
  const sold = sale(random, short ? random.int(1, 3) : random.int(2, 9));
  const upper = random.chance(0.4);
  const fields: Record<string, string> = {};
  const rows = [
    ...head(random, fields, short, upper),
    ...items(random, sold, money, upper),
    ...sums(random, sold, money, fields),
    ...foot(random, short),
  ];
  return { rows, fields, sold, upper };
}

/** The shop, then what identifies the sale. Writes what it prints into `fields`. */
function head(random: Random, fields: Record<string, string>, short: boolean, upper: boolean): Row[] {
  const say = (text: string) => (upper ? text.toUpperCase() : text);
  const rows: Row[] = [];
  fields.company = say(company(random));
  rows.push({ center: fields.company, strong: random.chance(0.6), scale: random.pick([1, 1, 1.15, 1.3, 1.5]) });
  if (!short || random.chance(0.4)) {
    const comma = random.pick([",", ",", ""]);
    const parts = [say(street(random)) + comma, say(town(random))];
    fields.address = parts.join(" ");
    rows.push(...parts.map((center) => ({ center })));
  }
  if (random.chance(short ? 0.2 : 0.5)) {
    fields.phone = phone(random);
    rows.push({ center: random.pick(["Tel: ", "TEL ", "Phone: ", "Tel. ", ""]) + fields.phone });
  }
  if (random.chance(0.3)) {
    rows.push({ gap: random.real(0.2, 0.6) });
    rows.push({ center: random.pick(["RECEIPT", "TAX INVOICE", "CASH BILL", "Receipt", "INVOICE", "SALES SLIP"]) });
  }
  rows.push(random.chance(0.5) ? { rule: true } : { gap: random.real(0.3, 1) });
  if (random.chance(0.95)) fields.date = random.chance(0.4) ? tillDate(random) : date(random);
  if (random.chance(fields.date ? 0.75 : 0)) fields.time = time(random);
  const apart = random.chance(0.6);
  const label = apart ? random.pick(["Date: ", "DATE ", "Date ", ""]) : "Date: ";
  const dated: Row = fields.time
    ? apart
      ? { left: label + fields.date, right: fields.time }
      : { left: `${label}${fields.date} ${fields.time}` }
    : { left: label + fields.date };
  const meta: Row[] = fields.date ? [dated] : [];
  if (random.chance(short ? 0.4 : 0.75)) {
    fields.number = code(random);
    const label = random.pick(["Receipt No:", "Invoice No:", "Bill No:", "No.", "RCPT", "Trans:", "Doc No:"]);
    meta.push(random.chance(0.7) ? { left: `${label} ${fields.number}` } : { left: label, right: fields.number });
  }
  if (!short && random.chance(0.35)) {
    fields.cashier = random.pick(firstNames);
    meta.push({ left: `${random.pick(["Cashier:", "Served by", "Cashier :", "Server:"])} ${fields.cashier}` });
  }
  rows.push(...random.sample(meta, meta.length));
  rows.push(random.chance(0.6) ? { rule: true } : { gap: random.real(0.3, 1) });
  return rows;
}

/** The items, all in one of four layouts. */
function items(random: Random, { items }: Sale, { mark, before, after }: Currency, upper: boolean): Row[] {
  const symbols = random.chance(0.15);
  const cost = (cents: number) => (symbols ? before + amount(cents, mark) + after : amount(cents, mark));
  const layout = random.pick(["quantity first", "two rows", "times", "quantity first"] as const);
  const times = random.pick(["x", "X", "@"]);
  const rows: Row[] = [];
  if (random.chance(0.2))
    rows.push({ left: random.pick(["Item", "ITEM", "Description", "Qty Item"]), right: "Amount" });
  for (const item of items) {
    const { quantity, each } = item;
    const name = named(item, upper);
    const right = cost(worth(item));
    if (quantity === 1 && layout !== "quantity first") rows.push({ left: name, right });
    else if (layout === "quantity first") rows.push({ left: `${quantity} ${name}`, right });
    else if (layout === "times") rows.push({ left: `${name} ${times}${quantity}`, right });
    else rows.push({ left: name }, { left: `  ${quantity} ${times} ${cost(each)}`, right });
  }
  rows.push(random.chance(0.5) ? { rule: true } : { gap: random.real(0.3, 0.9) });
  return rows;
}

/** Subtotal to change. Writes what it prints into `fields`, numbers without their currency. */
function sums(random: Random, sold: Sale, { before, after, mark }: Currency, fields: Record<string, string>): Row[] {
  const everywhere = random.chance(0.3);
  const priced = (cents: number, always: boolean) =>
    always ? before + amount(cents, mark) + after : amount(cents, mark);
  const rows: Row[] = [];
  const add = (name: string, caption: string, cents: number) => {
    fields[name] = amount(cents, mark);
    rows.push({ left: caption, right: priced(cents, everywhere && cents >= 0) });
  };
  const colon = random.chance(0.25) ? ":" : "";
  const adds = sold.discount || (sold.tax && !sold.included);
  if (adds || random.chance(0.35)) {
    add(
      "subtotal",
      random.pick(["Subtotal", "SUBTOTAL", "Sub Total", "SUB-TOTAL", "Sub-total"]) + colon,
      sold.subtotal,
    );
  }
  if (sold.discount) add("discount", random.pick(["Discount", "DISCOUNT", "Disc."]) + colon, -sold.discount);
  const rate = random.chance(0.6) ? ` ${sold.rate}%` : "";
  if (sold.tax && !sold.included) add("tax", sold.taxName + rate + colon, sold.tax);
  if (sold.rounding) add("rounding", random.pick(["Rounding", "ROUNDING ADJ", "Round Off"]) + colon, sold.rounding);
  const strong = random.chance(0.55);
  fields.total = amount(sold.total, mark);
  if (random.chance(0.2)) rows.push({ rule: true });
  rows.push({
    left: random.pick(totals) + colon,
    right: priced(sold.total, everywhere || random.chance(0.6)),
    strong,
    scale: strong ? random.pick([1, 1, 1.2, 1.4]) : 1,
  });
  if (random.chance(0.2)) rows.push({ rule: true });
  if (sold.cash !== undefined) {
    add("cash", random.pick(["CASH", "Cash", "CASH PAID", "Cash Tendered", "Tendered"]) + colon, sold.cash);
    add("change", random.pick(["CHANGE", "Change", "Change Due", "CHANGE DUE"]) + colon, sold.cash - sold.total);
  } else if (random.chance(0.5)) {
    rows.push({
      left: random.pick(["VISA", "MASTERCARD", "DEBIT CARD", "Card", "Credit Card"]),
      right: amount(sold.total, mark),
    });
  }
  if (sold.tax && sold.included) add("tax", `Incl. ${sold.taxName}${rate}${colon}`, sold.tax);
  if (random.chance(0.2)) rows.push({ left: `Items: ${sold.items.length}` });
  return rows;
}

const thanks = [
  ..."THANK YOU|Thank you!|Thank You|THANK YOU PLEASE COME AGAIN|Have a nice day!|*** THANK YOU ***".split("|"),
  ..."See you soon|GOODS SOLD ARE NOT RETURNABLE|Please keep your receipt|WWW.EXAMPLE.COM|Customer copy".split("|"),
];

function foot(random: Random, short: boolean): Row[] {
  if (random.chance(short ? 0.5 : 0.25)) return [];
  return [
    { gap: random.real(0.3, 1.2) },
    ...random.sample(thanks, random.chance(0.3) ? 2 : 1).map((center) => ({ center })),
  ];
}
