/** How Malaysian tills add up: several totals, of which the last counts, the tax, what was paid, and a table of the tax. */

import { amount } from "./phrases.ts";
import type { Random } from "./random.ts";
import type { Sale } from "./sale.ts";
import { loud, type Row, rule } from "./till-roll.ts";

const finals = [
  ..."TOTAL|TOTAL|Total|GRAND TOTAL|Grand Total|Nett Total|NET TOTAL|Total RM|Total (RM)|Total Payable|Total Amount".split(
    "|",
  ),
  ..."Total After Rounding|Rounded Total (RM)|Final Total|Total Amt Rounded|AMOUNT DUE|Total Amt Payable|Nett Amount".split(
    "|",
  ),
];
const inclusive = [
  ..."Total Incl. GST|Total (Incl. GST)|Total (Inclusive of GST)|Total Sales (Inclusive of GST)|TOTAL INCL. GST@6%".split(
    "|",
  ),
  ..."Total Sales Incl. GST|Total Amt Incl. GST @ 6%|Total (Inc. GST)|Total Inclusive GST".split("|"),
];

/** Everything between the items and the thanks. The last total, after rounding, is the one that counts. */
export function sums(random: Random, sold: Sale, fields: Record<string, string>): Row[] {
  const rows: Row[] = [];
  const colon = random.pick(["", "", ":", " :"]);
  const rm = random.pick(["", "", "", "RM", "RM "]);
  const pushed = random.chance(0.35) ? random.real(0.66, 0.72) : undefined;
  const put = (caption: string, cents: number, look: Partial<Row> = {}): void => {
    const value = (cents >= 0 ? rm : "") + amount(cents);
    rows.push(
      pushed && caption.length < 20
        ? {
            ...look,
            cells: [
              [caption + colon, pushed, "right"],
              [value, 1, "right"],
            ],
          }
        : { ...look, left: caption + colon, right: value },
    );
  };
  const field = (name: string, caption: string, cents: number, look?: Partial<Row>): void => {
    fields[name] = amount(cents);
    put(caption, cents, look);
  };
  const pieces = sold.items.reduce((sum, { quantity }) => sum + quantity, 0);
  if (random.chance(0.4)) {
    fields.quantity = String(pieces);
    const label = random.pick(["Total Qty", "Total QTY", "Qty(s)", "QUANTITY"]);
    rows.push(
      random.chance(0.5)
        ? { left: `Item(s) : ${sold.items.length}`, right: `${label} : ${pieces}` }
        : { left: `${label}: ${pieces}` },
    );
  }
  const { discount, service, tax, rounding = 0, total, included } = sold;
  const due = total - rounding;
  if (discount || service || random.chance(0.45))
    field("subtotal", random.pick(["Sub Total", "SUB TOTAL", "Subtotal", "SUBTOTAL", "Sub-Total"]), sold.subtotal);
  if (discount) field("discount", random.pick(["Discount", "DISCOUNT", "Disc"]), -discount);
  if (service) field("service", random.pick(["Service Charge 10%", "SVC CHG 10%", "Serv. Charge (10%)"]), service);
  if (tax && (!included || random.chance(0.6))) {
    if (random.chance(0.6))
      field(
        "net",
        random.pick(["Total Excl. GST", "Total (Excluding GST)", "Total Sales (Excluding GST)", "Amount Excl. GST"]),
        due - tax,
      );
    field("tax", random.pick(["GST 6%", "GST @6%", "Total GST", "GST payable (6%)", "GST Amt", "Add GST @ 6%"]), tax);
  }
  const rounds = rounding !== 0 || random.chance(0.5);
  const last = loud(random);
  fields.total = amount(total);
  if (rounds) {
    if (tax || random.chance(0.6)) put(random.pick(inclusive), due);
    field(
      "rounding",
      random.pick(["Rounding", "Rounding Adj", "Rounding Adj.", "Round Adj", "Rounding Adjustment"]),
      rounding,
    );
    put(random.pick(finals), total, last);
  } else {
    const plain = random.chance(0.5);
    if (plain && tax && random.chance(0.5)) put(random.pick(inclusive), total);
    put(random.pick(plain ? finals : inclusive), total, last);
  }
  paid(random, sold, field, put, rows);
  if (tax && random.chance(0.65)) {
    fields.tax = amount(tax);
    rows.push(...summary(random, due - tax, tax));
  }
  if (fields.tax === undefined && tax && random.chance(0.3)) {
    fields.tax = amount(tax);
    rows.push({ left: random.pick(["GST 6% included in total", "GST Included"]), right: amount(tax) });
  }
  return rows;
}

function paid(
  random: Random,
  { cash, total }: Sale,
  field: (name: string, caption: string, cents: number) => void,
  put: (caption: string, cents: number) => void,
  rows: Row[],
): void {
  if (random.chance(0.15)) rows.push({ rule: true });
  if (cash !== undefined) {
    field(
      "cash",
      random.pick(["CASH", "CASH", "Cash", "Cash Received", "Payment", "Paid Amount", "Cash Tendered"]),
      cash,
    );
    field("change", random.pick(["CHANGE", "Change", "CHANGE DUE", "Change Due"]), cash - total);
  } else put(random.pick(["VISA", "VISA CARD", "MASTER", "Credit Card", "DEBIT CARD", "MASTERCARD"]), total);
}

/** The table of the tax by its rates. */
function summary(random: Random, net: number, tax: number): Row[] {
  const [mid, end] = [0.66, 1];
  const rate = random.pick(["SR @ 6%", "SR (@ 6%)", "S = 6%", "SR 6%", "GST S@6%", "SR-6%"]);
  const [one, two] = random.pick([
    ["Amount(RM)", "Tax(RM)"],
    ["Amount", "Tax"],
    ["Amt(RM)", "Tax(RM)"],
    ["Net Amt", "GST"],
  ]);
  const rows: Row[] = [
    rule(random),
    {
      cells: [
        [random.pick(["GST Summary", "GST SUMMARY", "Tax Code"]), 0],
        [one, mid, "right"],
        [two, end, "right"],
      ],
    },
    {
      cells: [
        [rate, 0],
        [amount(net), mid, "right"],
        [amount(tax), end, "right"],
      ],
    },
  ];
  if (random.chance(0.35))
    rows.push({
      cells: [
        [random.pick(["ZRL @ 0%", "Z = 0%", "ZR 0%"]), 0],
        [amount(0), mid, "right"],
        [amount(0), end, "right"],
      ],
    });
  if (random.chance(0.2))
    rows.push({
      cells: [
        ["Total", 0],
        [amount(net), mid, "right"],
        [amount(tax), end, "right"],
      ],
    });
  return rows;
}
