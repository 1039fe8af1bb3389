/** What a receipt is about: things bought, sums that are right, and what can be asked of them. */

import type { Question } from "./page.ts";
import { amount, type Currency } from "./phrases.ts";
import { asked, askedFields, threshold, yesno } from "./questions.ts";
import type { Random } from "./random.ts";
import { shopWordings, wordings } from "./wordings.ts";
import { products } from "./words.ts";

/** One thing bought; money in cents. */
export interface Item {
  name: string;
  quantity: number;
  each: number;
}

/** What was bought and paid; money in cents, absent parts undefined. */
export interface Sale {
  items: Item[];
  subtotal: number;
  discount?: number;
  service?: number;
  tax?: number;
  rate: number;
  taxName: string;
  included: boolean;
  rounding?: number;
  total: number;
  cash?: number;
}

/** Quantity times price. */
export const worth = ({ quantity, each }: Item): number => quantity * each;

function bought(random: Random, count: number): Item[] {
  const shelf = random.pick(products);
  const dear = random.pick([500, 1500, 1500, 6000, 20000]);
  return random.sample(shelf, count).map((name) => {
    const each = random.int(40, dear);
    const whole = random.pick([1, 5, 10, 10, 50]);
    return { name, quantity: random.chance(0.6) ? 1 : random.int(2, 6), each: Math.max(whole, each - (each % whole)) };
  });
}

/** What notes a customer may have given for what is due: all of it, or round sums. */
function tendered(random: Random, due: number): number {
  const rounded = [due, ...[100, 500, 1000].map((note) => Math.ceil(due / note) * note)];
  return random.pick([...rounded, rounded[3] + 1000]);
}

/** A sale whose sums are right: total = subtotal - discount + service + tax (unless included) + rounding. */
export function sale(random: Random, count: number): Sale {
  const items = bought(random, count);
  const subtotal = items.reduce((sum, item) => sum + worth(item), 0);
  const discount = random.chance(0.12) ? Math.round(subtotal * random.pick([0.05, 0.1, 0.2])) : undefined;
  const net = subtotal - (discount ?? 0);
  const rate = random.pick([5, 6, 7, 8, 10, 19, 20]);
  const taxed = random.chance(0.55);
  const included = random.chance(0.35);
  const tax = taxed ? Math.round(included ? (net * rate) / (100 + rate) : (net * rate) / 100) : undefined;
  const due = net + (included ? 0 : (tax ?? 0));
  const total = random.chance(0.2) ? Math.round(due / 5) * 5 : due;
  return {
    items,
    subtotal,
    discount: discount || undefined,
    tax: tax || undefined,
    rate,
    taxName: random.pick(["GST", "VAT", "TAX", "Tax", "SST", "Sales Tax"]),
    included,
    rounding: total === due ? undefined : total - due,
    total,
    cash: random.chance(0.5) ? tendered(random, total) : undefined,
  };
}

/** A sale as Malaysian tills add it up: goods and services tax of 6%, and the sum rounded to five cents. */
export function gstSale(random: Random, count: number): Sale {
  const items = bought(random, count);
  const subtotal = items.reduce((sum, item) => sum + worth(item), 0);
  const discount = random.chance(0.1) ? Math.round(subtotal * random.pick([0.05, 0.1, 0.2])) : undefined;
  const service = random.chance(0.08) ? Math.round((subtotal - (discount ?? 0)) * 0.1) : undefined;
  const net = subtotal - (discount ?? 0) + (service ?? 0);
  const taxed = random.chance(0.85);
  const included = random.chance(0.65);
  const tax = taxed ? Math.round(included ? (net * 6) / 106 : (net * 6) / 100) : undefined;
  const due = net + (included ? 0 : (tax ?? 0));
  const total = random.chance(0.8) ? Math.round(due / 5) * 5 : due;
  return {
    items,
    subtotal,
    discount: discount || undefined,
    service: service || undefined,
    tax: tax || undefined,
    rate: 6,
    taxName: "GST",
    included,
    rounding: total === due ? undefined : total - due,
    total,
    cash: random.chance(0.55) ? tendered(random, total) : undefined,
  };
}

/** The name as printed: in capitals on some receipts. */
export const named = (item: Item, upper: boolean): string => (upper ? item.name.toUpperCase() : item.name);

/** Everything worth asking: the total first, then fields, items, sums, counts, yes and no. */
export function saleQuestions(
  random: Random,
  sold: Sale,
  fields: Record<string, string>,
  { mark }: Currency,
  upper: boolean,
): Question[] {
  const { items } = sold;
  const { total, ...others } = fields;
  const result = [asked(random, "total", total, wordings.total), ...askedFields(random, others, receiptWordings)];
  for (const item of random.sample(items, 3)) {
    const name = named(item, upper);
    const question = item.quantity === 1 ? `How much is the ${name}?` : `What is the amount for ${name}?`;
    result.push({ kind: "field", name: "item", question, answer: amount(worth(item), mark) });
  }
  for (const item of random.sample(items, 2)) {
    const question = `How many ${named(item, upper)} were bought?`;
    result.push({ kind: "count", question, answer: String(item.quantity) });
  }
  const howMany = ["How many different items are there?", "How many items?", "How many items are on the receipt?"];
  result.push({ kind: "count", question: random.pick(howMany), answer: String(items.length) });
  if (items.length > 1) {
    const [a, b] = random.sample(items, 2);
    const question = `What do ${named(a, upper)} and ${named(b, upper)} cost together?`;
    const shown = [a, b].map((item) => amount(worth(item), mark));
    result.push({ kind: "sum", question, answer: amount(worth(a) + worth(b), mark), shown });
  }
  return [...result, ...saleClaims(random, sold, fields, upper)];
}

/** What can be true or not of a sale. */
function saleClaims(
  random: Random,
  { items, total, cash, tax }: Sale,
  fields: Record<string, string>,
  upper: boolean,
): Question[] {
  const listed = random.chance(0.5);
  const others = products
    .flat()
    .filter((name) => !items.some((item) => item.name.toLowerCase() === name.toLowerCase()));
  const item = listed ? named(random.pick(items), upper) : random.pick(others);
  const name = listed || !upper ? item : item.toUpperCase();
  const onIt = random.pick([`Is ${name} on the receipt?`, `Does the receipt list ${name}?`, `Did they buy ${name}?`]);
  const paid = random.pick(["Was it paid in cash?", "Did they pay cash?", "Was this paid in cash?"]);
  return [
    yesno(paid, cash !== undefined, fields.cash),
    // Seven of ten are taxed: asked of fewer of those, so that the answer is no as often as yes.
    ...(tax === undefined || random.chance(0.45)
      ? [yesno(random.pick(["Is there tax on it?", "Was tax paid?"]), tax !== undefined, fields.tax)]
      : []),
    yesno(onIt, listed, listed ? name : undefined),
    threshold(random, "total", total / 100, fields.total),
  ];
}

const receiptWordings: Record<string, readonly string[]> = {
  ...wordings,
  company: [...wordings.company, ...shopWordings],
};
