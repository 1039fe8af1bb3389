/** Malaysian tax invoices and cash bills: registered company, goods and services tax, sums rounded to five cents. */

import { items } from "./gst-items.ts";
import { sums } from "./gst-sums.ts";
import {
  characters,
  code,
  digits,
  malayAddress,
  malayCompany,
  malayPhone,
  registration,
  tillDate,
  time,
} from "./phrases.ts";
import type { Random } from "./random.ts";
import { gstSale, type Sale } from "./sale.ts";
import { loud, type Row, rule } from "./till-roll.ts";
import { firstNames } from "./words.ts";

/** The rows of one, what it prints by name, and what was sold. */
export interface Till {
  rows: Row[];
  fields: Record<string, string>;
  sold: Sale;
  upper: boolean;
}

/** A Malaysian receipt of 12 to 50 rows. */
export function gstReceipt(random: Random): Till {
  const upper = random.chance(0.6);
  const sold = gstSale(random, random.chance(0.45) ? random.int(1, 2) : random.int(2, 8));
  const fields: Record<string, string> = {};
  const stamp = { date: tillDate(random), time: time(random) };
  const dateBelow = random.chance(0.12);
  const rows = [
    ...head(random, fields, sold, upper),
    ...meta(random, fields, dateBelow ? undefined : stamp),
    ...items(random, sold, upper),
    ...sums(random, sold, fields),
    ...foot(random, fields, stamp, dateBelow),
  ];
  return { rows, fields, sold, upper };
}

const titles = [
  ..."TAX INVOICE|TAX INVOICE|TAX INVOICE|Tax Invoice|Tax Invoice|-TAX INVOICE-|SIMPLIFIED TAX INVOICE|CASH BILL".split(
    "|",
  ),
  ..."CASH RECEIPT|INVOICE|Cash Sale|GUEST CHECK|** TAX INVOICE **|Simplified Tax Invoice|Official Receipt|RECEIPT".split(
    "|",
  ),
];

/** Company, registration, address, telephone, tax number, title. Writes what it prints into `fields`. */
function head(random: Random, fields: Record<string, string>, sold: Sale, upper: boolean): Row[] {
  const say = (text: string) => (upper ? text.toUpperCase() : text);
  const left = random.chance(0.12);
  const line = (text: string): Row => (left ? { left: text } : { center: text });
  const number = registration(random);
  fields.company = say(malayCompany(random));
  const rows: Row[] = [];
  if (random.chance(0.75)) fields.registration = number;
  const beside = fields.registration && fields.company.length < 24 && random.chance(0.35);
  rows.push({ ...line(beside ? `${fields.company} (${number})` : fields.company), ...loud(random) });
  if (fields.registration && !beside) {
    const label = random.pick(["", "", "", "CO. REG : ", "Co No: ", "Company Reg No. : ", "ROC NO: "]);
    rows.push(line(random.chance(0.75) ? `(${label}${number})` : label + number));
  }
  if (random.chance(0.94)) {
    const parts = malayAddress(random).map(say);
    fields.address = parts.join(" ");
    rows.push(...parts.map(line));
  }
  if (random.chance(0.6)) {
    fields.phone = malayPhone(random);
    const fax = random.chance(0.35) ? `${random.pick(["FAX:", "Fax :"])} ${malayPhone(random)}` : "";
    rows.push(line(`${random.pick(["TEL : ", "Tel: ", "TEL NO: ", "Tel No. "])}${fields.phone} ${fax}`.trim()));
  }
  if (sold.tax || random.chance(0.5)) {
    fields.taxNumber = `00${digits(random, 10)}`;
    const label = random.pick(["GST ID : ", "GST ID: ", "GST Reg No: ", "GST REG NO : ", "GST NO: ", "GST ID No : "]);
    const text = label + fields.taxNumber;
    rows.push(line(random.chance(0.25) ? `(${text})` : text));
  }
  rows.push({ gap: random.real(0.2, 1) });
  if (random.chance(0.85)) {
    rows.push({ center: random.pick(titles), ...loud(random) });
  }
  rows.push(rule(random));
  return rows;
}

/** Number, date and cashier, in one of the ways that tills align them; without the date if it stands below. */
function meta(random: Random, fields: Record<string, string>, stamp?: { date: string; time: string }): Row[] {
  const aligned = random.chance(0.4);
  const place = random.real(0.22, 0.36);
  const colon = random.pick([": ", ":", " : "]);
  const row = (label: string, value: string): Row =>
    aligned
      ? {
          cells: [
            [label, 0],
            [`: ${value}`, place],
          ],
        }
      : { left: `${label}${colon}${value}` };
  const rows: Row[] = [];
  if (random.chance(0.8)) {
    fields.number = random.chance(0.5)
      ? `${random.pick(["CS", "INV", "A", "R"])}${digits(random, random.int(5, 8))}`
      : code(random);
    rows.push(
      row(
        random.pick(["Invoice No", "Receipt #", "Doc No.", "INV No.", "Bill No", "Invoice #", "Rcpt No"]),
        fields.number,
      ),
    );
  }
  if (stamp) rows.push(...dated(random, fields, stamp, row));
  if (random.chance(0.6)) {
    fields.cashier = random.pick([...firstNames, "USER", "ADMIN", "CASHIER"]);
    rows.push(row(random.pick(["Cashier", "CASHIER", "Cashier #", "Served By", "Operator"]), fields.cashier));
  }
  if (random.chance(0.15))
    rows.push(row(random.pick(["Table", "TABLE", "Counter", "Terminal"]), String(random.int(1, 40))));
  return [...(random.chance(0.7) ? rows : random.sample(rows, rows.length)), rule(random)];
}

/** The date: with its label or bare, with the time beside, apart, or not at all. */
function dated(
  random: Random,
  fields: Record<string, string>,
  { date, time }: { date: string; time: string },
  row: (label: string, value: string) => Row,
): Row[] {
  fields.date = date;
  const label = random.pick(["Date", "DATE", "Date", "Invoice Date", "Sales Date"]);
  const way = random.real();
  if (way < 0.2) return [row(label, date)];
  fields.time = time;
  if (way < 0.5) return [row(label, `${date} ${time}`)];
  if (way < 0.6) return [row(label, date), row(random.pick(["Time", "TIME"]), time)];
  if (way < 0.75) return [{ left: `${label}: ${date}`, right: `${random.pick(["Time: ", ""])}${time}` }];
  if (way < 0.85) return [{ left: `${date} ${time}` }];
  return [random.chance(0.6) ? { left: date, right: time } : { left: time, right: date }];
}

const thanks = [
  ..."THANK YOU|Thank You|Thank you. Please come again|**** Thank You ****|PLEASE COME AGAIN|Terima Kasih".split("|"),
  ..."GOODS SOLD ARE NOT RETURNABLE|Goods sold are not refundable|Please keep this receipt|NO CASH REFUND".split("|"),
  ..."Exchange within 7 days with receipt|Customer Copy|Have a nice day|Enjoy your meal|Visit us again".split("|"),
];

/** Thanks, and the moment of the sale: for the first time, again, or not. */
function foot(
  random: Random,
  fields: Record<string, string>,
  { date, time }: { date: string; time: string },
  below: boolean,
): Row[] {
  const rows: Row[] = [];
  const till = `${characters(random, "ABCDEHKRST", 2)}${digits(random, 2)}`;
  if (below) {
    fields.date = date;
    fields.time = time;
    rows.push(
      rule(random),
      random.chance(0.5) ? { left: `${date} ${time} ${till}` } : { left: `${date} ${time}`, right: till },
    );
  } else if (random.chance(0.1)) {
    rows.push({ left: `${random.pick(["Closed: ", "Printed: ", "Closed Bill "])}${date} ${time}` });
    fields.time ??= time;
  }
  if (random.chance(0.12)) return rows;
  return [
    ...rows,
    { gap: random.real(0.3, 1.4) },
    ...random.sample(thanks, random.int(1, 3)).map((center) => ({ center })),
  ];
}
