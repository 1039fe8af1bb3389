/** Invoices: two parties, dates, a table of positions, and sums that are right. */

import { Sheet, type Style } from "./canvas.ts";
import { type Family, pickFamily } from "./fonts.ts";
import { color, fitted } from "./layout.ts";
import type { FontSet, Question } from "./page.ts";
import {
  amount,
  type Currency,
  code,
  company,
  currency,
  date,
  digits,
  email,
  person,
  phone,
  street,
  town,
} from "./phrases.ts";
import { askedFields, type Draft, isThere, threshold, yesno } from "./questions.ts";
import type { Random } from "./random.ts";
import { wordings } from "./wordings.ts";
import { products } from "./words.ts";

const invoiceWordings: Record<string, readonly string[]> = {
  ...wordings,
  company: ["Who sent the invoice?", "Which company is this from?", ...wordings.company],
  date: ["What is the invoice date?", "When was it issued?", "What is the date?", "Date?"],
};

interface Position {
  name: string;
  quantity: number;
  each: number;
}

/** An invoice with 1 to 7 positions. */
export function invoice(random: Random, fonts: FontSet): Draft {
  const width = random.int(480, 680);
  const margin = width * random.real(0.05, 0.09);
  const family = pickFamily(
    random,
    fonts,
    random.pick([["sans"], ["serif"], ["condensed", "sans"], ["slab"], ["mono"]] as const),
  );
  const size = Math.min(random.real(13, 17), (width / 44) * (0.55 / family.regular.average));
  const accent = random.chance(0.5) ? "#1a1a1a" : color(random, 10, 130);
  const sheet = new Sheet(width, 0, "#ffffff");
  const fields: Record<string, string> = {};
  let y = letterhead(sheet, random, family, { margin, size, accent, fields });
  const positions = random.sample(random.pick(products), random.int(1, 7)).map((name) => ({
    name,
    quantity: random.int(1, 20),
    each: random.int(50, random.pick([999, 9999, 30000])),
  }));
  y = table(sheet, random, family, { positions, margin, size, accent, y });
  const money = currency(random);
  y = sums(sheet, random, family, { positions, money, margin, size, y, fields });
  const plain: Style = { face: family.regular, size, color: "#222222" };
  if (random.chance(0.5)) {
    fields.account = `${digits(random, 4)} ${digits(random, 4)} ${digits(random, 4)}`;
    y += size * 2;
    sheet.write({ text: `Account: ${fields.account}`, x: margin, y, style: plain });
  }
  if (random.chance(0.5)) {
    y += size * 1.6;
    const text = random.pick([
      "Thank you for your business.",
      "Payment within 30 days.",
      "Please quote the invoice number.",
    ]);
    sheet.write({ text, x: margin, y, style: fitted(text, plain, width - 2 * margin) });
  }
  sheet.height = Math.ceil(y + margin * random.real(0.7, 3));
  return { sheet, fields, questions: questions(random, positions, money, fields) };
}

interface Place {
  margin: number;
  size: number;
  accent: string;
}

/** Sender, title, numbers and dates, customer; returns the baseline below. */
function letterhead(
  sheet: Sheet,
  random: Random,
  { regular, bold }: Family,
  { margin, size, accent, fields }: Place & { fields: Record<string, string> },
): number {
  const { width } = sheet;
  const plain: Style = { face: regular, size, color: "#222222" };
  const room = width - 2 * margin;
  const banner = random.chance(0.25);
  let y = margin + size;
  fields.company = company(random);
  const name = fitted(
    fields.company,
    { face: bold, size: size * random.real(1.2, 1.8), color: banner ? "#ffffff" : accent },
    room,
  );
  if (banner) sheet.box(0, 0, width, y + size, accent);
  sheet.write({ text: fields.company, x: margin, y, style: name });
  y += size * (banner ? 2.6 : 1.6);
  fields.address = `${street(random)}, ${town(random)}`;
  sheet.write({ text: fields.address, x: margin, y, style: fitted(fields.address, plain, room) });
  if (random.chance(0.5)) {
    fields.phone = phone(random);
    y += size * 1.4;
    sheet.write({ text: random.pick(["Tel. ", "Phone: ", ""]) + fields.phone, x: margin, y, style: plain });
  }
  if (random.chance(0.3)) {
    y += size * 1.4;
    sheet.write({ text: email(random), x: margin, y, style: plain });
  }
  y += size * random.real(2.4, 3.2);
  const title: Style = { face: bold, size: size * random.real(1.4, 2), color: accent };
  const text = random.pick(["INVOICE", "Invoice", "TAX INVOICE", "Bill"]);
  sheet.write({
    text,
    ...random.pick([{ x: margin }, { x: width - margin, align: "right" as const }]),
    y,
    style: title,
  });
  y += size * 1.8;
  fields.number = code(random);
  fields.date = date(random);
  const meta = [
    [random.pick(["Invoice No.", "Number:", "Invoice #", "No."]), fields.number],
    [random.pick(["Date:", "Invoice date:", "Issued:"]), fields.date],
  ];
  if (random.chance(0.5)) meta.push([random.pick(["Due:", "Due date:", "Pay by:"]), (fields.due = date(random))]);
  const column = margin + size * 8 * (regular.average / 0.55);
  for (const [label, value] of meta) {
    sheet.write(
      { text: label, x: margin, y, style: fitted(label, plain, column - margin - size * 0.4) },
      { text: value, x: column, y, style: plain },
    );
    y += size * 1.5;
  }
  y += size * 0.8;
  fields.customer = random.chance(0.5) ? person(random) : company(random);
  for (const line of [
    random.pick(["Bill to:", "Billed to", "Customer:", "To:"]),
    fields.customer,
    street(random),
    town(random),
  ]) {
    sheet.write({ text: line, x: margin, y, style: fitted(line, plain, room) });
    y += size * 1.4;
  }
  return y + size * 0.8;
}

/** The positions, one row each, amounts aligned at the right; returns the baseline below. */
function table(
  sheet: Sheet,
  random: Random,
  { regular, bold }: Family,
  { positions, margin, size, accent, y }: Place & { positions: Position[]; y: number },
): number {
  const { width } = sheet;
  const room = width - 2 * margin;
  const [ends, wide] = [[margin + room * 0.55, margin + room * 0.77, width - margin - 4], room * 0.46];
  const inverted = random.chance(0.4);
  const head: Style = { face: bold, size, color: inverted ? "#ffffff" : accent };
  const plain: Style = { face: regular, size, color: "#222222" };
  if (inverted) sheet.box(margin, y - size * 1.15, room, size * 1.6, accent);
  else sheet.rule(margin, y + size * 0.4, width - margin, y + size * 0.4, accent, 1.5);
  const captions = random.pick([
    ["Description", "Qty", "Price", "Amount"],
    ["Item", "Quantity", "Unit price", "Total"],
    ["Product", "Pcs", "Each", "Sum"],
  ]);
  const row = (cells: string[], style: Style) =>
    sheet.write(
      { text: cells[0], x: margin + 4, y, style: fitted(cells[0], style, wide) },
      ...ends.map((x, i) => {
        const cell = cells[i + 1];
        return { text: cell, x, y, style: fitted(cell, style, room * (i ? 0.2 : 0.1)), align: "right" as const };
      }),
    );
  row(captions, head);
  const ruled = random.chance(0.4);
  const pitch = size * random.real(1.5, 2);
  for (const { name, quantity, each } of positions) {
    y += pitch;
    row([name, String(quantity), amount(each), amount(quantity * each)], plain);
    if (ruled) sheet.rule(margin, y + pitch * 0.3, width - margin, y + pitch * 0.3, "#bbbbbb");
  }
  return y + pitch * 0.5;
}

const worth = ({ quantity, each }: Position): number => quantity * each;

/** Subtotal, tax and total at the right; returns the baseline of the last. */
function sums(
  sheet: Sheet,
  random: Random,
  { regular, bold }: Family,
  {
    positions,
    money,
    margin,
    size,
    y,
    fields,
  }: Omit<Place, "accent"> & { positions: Position[]; money: Currency; y: number; fields: Record<string, string> },
): number {
  const { width } = sheet;
  const subtotal = positions.reduce((sum, position) => sum + worth(position), 0);
  const rate = random.pick([5, 6, 10, 19, 20]);
  const tax = random.chance(0.55) ? Math.round((subtotal * rate) / 100) : 0;
  const rows: [string, number, Style][] = [];
  const plain: Style = { face: regular, size, color: "#222222" };
  if (tax) {
    fields.subtotal = amount(subtotal);
    fields.tax = amount(tax);
    rows.push([random.pick(["Subtotal", "Net amount", "Sub total"]), subtotal, plain]);
    rows.push([`${random.pick(["VAT", "GST", "Tax", "Sales tax"])} ${rate}%`, tax, plain]);
  }
  fields.total = amount(subtotal + tax);
  const strong: Style = { face: bold, size: size * random.pick([1, 1.15, 1.3]), color: "#111111" };
  rows.push([random.pick(["Total", "TOTAL", "Total due", "Amount due", "Grand total"]), subtotal + tax, strong]);
  for (const [caption, cents, style] of rows) {
    y += size * 1.7;
    // Amounts are in the table's plain form but for the total, which may carry the currency.
    const value =
      style === strong ? money.before + amount(cents) + (money.mark === "." ? money.after : "") : amount(cents);
    sheet.write(
      { text: caption, x: width * 0.52, y, style: fitted(caption, style, width * 0.2) },
      {
        text: value,
        x: width - margin - 4,
        y,
        style: fitted(value, style, width * 0.48 - margin - width * 0.21),
        align: "right",
      },
    );
  }
  return y;
}

function questions(random: Random, positions: Position[], money: Currency, fields: Record<string, string>): Question[] {
  const result = askedFields(random, fields, invoiceWordings);
  for (const { name, quantity, each } of random.sample(positions, 2)) {
    result.push({
      kind: "field",
      name: "item",
      question: `What is the amount for ${name}?`,
      answer: amount(quantity * each),
    });
    result.push({ kind: "count", question: `How many ${name} were sold?`, answer: String(quantity) });
  }
  result.push({ kind: "count", question: "How many different items are there?", answer: String(positions.length) });
  if (positions.length > 1) {
    const [a, b] = random.sample(positions, 2);
    const question = `What do ${a.name} and ${b.name} cost together?`;
    const shown = [a, b].map((position) => amount(worth(position)));
    result.push({ kind: "sum", question, answer: amount(worth(a) + worth(b)), shown });
  }
  result.push(threshold(random, "total", Number(fields.total), fields.total));
  result.push(isThere("Is there tax on it?", fields.tax));
  result.push(isThere("Is a due date given?", fields.due));
  const euro = /€|EUR/.test(money.before);
  if (money.before) result.push(yesno("Is the total in euros?", euro));
  return result;
}
