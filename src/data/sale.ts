/** What a receipt is about: things bought, sums that are right, and what can be asked of them. */

import type { Question } from "./page.ts";
import { amount, type Currency } from "./phrases.ts";
import { asked, askedFields, yesno } from "./questions.ts";
import type { Random } from "./random.ts";
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

/** A sale whose sums are right: total = subtotal - discount + tax (unless included) + rounding. */
export function sale(random: Random, count: number): Sale {
  const shelf = random.pick(products);
  const dear = random.pick([500, 1500, 1500, 6000, 20000]);
  const items = random.sample(shelf, count).map((name) => {
    const each = random.int(40, dear);
    const whole = random.pick([1, 5, 10, 10, 50]);
    return { name, quantity: random.chance(0.6) ? 1 : random.int(2, 6), each: Math.max(whole, each - (each % whole)) };
  });
  const subtotal = items.reduce((sum, item) => sum + worth(item), 0);
  const discount = random.chance(0.12) ? Math.round(subtotal * random.pick([0.05, 0.1, 0.2])) : undefined;
  const net = subtotal - (discount ?? 0);
  const rate = random.pick([5, 6, 7, 8, 10, 19, 20]);
  const taxed = random.chance(0.55);
  const included = random.chance(0.35);
  const tax = taxed ? Math.round(included ? (net * rate) / (100 + rate) : (net * rate) / 100) : undefined;
  const due = net + (included ? 0 : (tax ?? 0));
  const rounded = random.chance(0.2) ? Math.round(due / 5) * 5 : due;
  const paid = [
    rounded,
    Math.ceil(rounded / 100) * 100,
    Math.ceil(rounded / 500) * 500,
    Math.ceil(rounded / 1000) * 1000,
  ];
  return {
    items,
    subtotal,
    discount: discount || undefined,
    tax: tax || undefined,
    rate,
    taxName: random.pick(["GST", "VAT", "TAX", "Tax", "SST", "Sales Tax"]),
    included,
    rounding: rounded === due ? undefined : rounded - due,
    total: rounded,
    cash: random.chance(0.5) ? random.pick([...paid, paid[3] + 1000]) : undefined,
  };
}

/** The name as printed: in capitals on some receipts. */
export const named = (item: Item, upper: boolean): string => (upper ? item.name.toUpperCase() : item.name);

const wordings: Record<string, readonly string[]> = {
  company: ["What is the name of the company?", "Which shop is this from?", "What is the company?", "Company?"],
  address: ["What is the address?", "What is the address of the shop?", "Address?"],
  date: ["What is the date?", "When was this bought?", "Date?", "What is the date on the receipt?"],
  time: ["What is the time?", "At what time was it bought?", "Time?"],
  phone: ["What is the phone number?", "Phone?"],
  number: ["What is the receipt number?", "Receipt number?"],
  cashier: ["Who was the cashier?", "Cashier?"],
  subtotal: ["What is the subtotal?", "Subtotal?"],
  discount: ["How much is the discount?", "What is the discount?"],
  tax: ["How much is the tax?", "What is the tax?", "Tax?"],
  rounding: ["What is the rounding?"],
  cash: ["How much cash was paid?", "What is the cash amount?", "Cash?"],
  change: ["How much change was given?", "What is the change?", "Change?"],
};

/** All the ways to ask for the total; the first is the one that is asked most. */
const totalWordings = [
  "What is the total?",
  "What is the total?",
  "How much is the total?",
  "Total?",
  "What is the total amount?",
  "How much was paid in total?",
];

/** Everything worth asking: the total first, then fields, items, sums, counts, yes and no. */
export function saleQuestions(
  random: Random,
  sold: Sale,
  fields: Record<string, string>,
  { mark }: Currency,
  upper: boolean,
): Question[] {
  const { items } = sold;
  const result = [asked(random, "total", fields.total, totalWordings), ...askedFields(random, fields, wordings)];
  for (const item of items) {
    const name = named(item, upper);
    const question = item.quantity === 1 ? `How much is the ${name}?` : `What is the amount for ${name}?`;
    result.push({ kind: "field", name: "item", question, answer: amount(worth(item), mark) });
    if (item.quantity > 1) {
      result.push({ kind: "count", question: `How many ${name} were bought?`, answer: String(item.quantity) });
    }
  }
  result.push({ kind: "count", question: "How many different items are there?", answer: String(items.length) });
  if (items.length > 1) {
    const [a, b] = random.sample(items, 2);
    const question = `What do ${named(a, upper)} and ${named(b, upper)} cost together?`;
    result.push({ kind: "sum", question, answer: amount(worth(a) + worth(b), mark) });
  }
  result.push(yesno("Was it paid in cash?", sold.cash !== undefined));
  result.push(yesno("Is there tax on it?", sold.tax !== undefined));
  const bought = random.chance(0.5);
  const others = products
    .flat()
    .filter((name) => !items.some((item) => item.name.toLowerCase() === name.toLowerCase()));
  const name = bought ? named(random.pick(items), upper) : random.pick(others);
  result.push(yesno(`Is ${bought || !upper ? name : name.toUpperCase()} on the receipt?`, bought));
  return result;
}
