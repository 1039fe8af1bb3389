/** How Malaysian tills list what was bought. */

import { amount, digits } from "./phrases.ts";
import type { Random } from "./random.ts";
import { type Item, named, type Sale, worth } from "./sale.ts";
import { type Row, rule } from "./till-roll.ts";

const taxCodes = ["SR", "SR", "SR", "S", "ZRL", "Z", "SR-6%", "*S"];

/** The items under their heads, all in one of seven layouts. */
export function items(random: Random, { items }: Sale, upper: boolean): Row[] {
  const tax = random.chance(0.6) ? random.pick(taxCodes) : "";
  const rm = random.chance(0.12) ? random.pick(["RM", "RM "]) : "";
  const times = random.pick(["x", "X", "x", "@", "*"]);
  const long = random.chance(0.12);
  const layout = random.pick(layouts);
  const [headRow, each] = layout(random, { rm, times, tax });
  const rows: Row[] = headRow && random.chance(0.8) ? [headRow, rule(random)] : [];
  for (const [i, item] of items.entries()) {
    const article = digits(random, long ? 13 : random.int(4, 8));
    rows.push(...each({ ...item, name: named(item, upper) }, article, i));
    if (random.chance(0.04)) rows.push({ gap: 0.4 });
  }
  return [...rows, rule(random)];
}

type Layout = (
  random: Random,
  how: { rm: string; times: string; tax: string },
) => [head: Row | undefined, each: (item: Item, article: string, number: number) => Row[]];

const joined = (...parts: string[]): string => parts.filter(Boolean).join(" ");

const layouts: readonly Layout[] = [
  // The name above; article, quantity and price below, the amount at the right.
  (_, { rm, times, tax }) => [
    undefined,
    (item, article) => [
      tax.startsWith("*") ? { left: item.name, right: tax } : { left: item.name },
      {
        cells: [
          [article, 0],
          [`${item.quantity} ${times} ${amount(item.each)}`, 0.72, "right"],
          [joined(rm + amount(worth(item)), tax.startsWith("*") ? "" : tax), 1, "right"],
        ],
      },
    ],
  ],
  // Quantity and price below the name.
  (random, { rm, times, tax }) => {
    const pieces = random.chance(0.4) ? ".00" : "";
    return [
      random.chance(0.5)
        ? {
            cells: [
              ["Qty", 0.05],
              ["U.Price", 0.5, "right"],
              [joined("Amount", tax && "Tax"), 1, "right"],
            ],
          }
        : undefined,
      (item) => [
        { left: item.name },
        {
          cells: [
            [`${item.quantity}${pieces} ${times}`, 0.05],
            [amount(item.each), 0.5, "right"],
            [joined(rm + amount(worth(item)), tax), 1, "right"],
          ],
        },
      ],
    ];
  },
  // Quantity, name, amount and tax code in columns.
  (_, { rm, tax }) => [
    {
      cells: [
        ["Qty", 0],
        ["Description", 0.13],
        [joined("Total", tax && "TAX"), 1, "right"],
      ],
    },
    (item) => [
      {
        cells: [
          [String(item.quantity), 0.02],
          [item.name, 0.13],
          [joined(rm + amount(worth(item)), tax), 1, "right"],
        ],
      },
    ],
  ],
  // A table with the name below its article number.
  (random, { tax }) => {
    const below = random.chance(0.6);
    return [
      {
        cells: [
          ["Item", 0],
          ["Qty", 0.42, "right"],
          [random.pick(["Price", "S/Price", "U.P"]), 0.64, "right"],
          ["Amount", 0.86, "right"],
          ...(tax ? [["Tax", 1, "right"] as const] : []),
        ],
      },
      (item, article) => {
        const figures: Row = {
          cells: [
            [article.slice(0, 8), 0],
            [String(item.quantity), 0.42, "right"],
            [amount(item.each), 0.64, "right"],
            [amount(worth(item)), 0.86, "right"],
            ...(tax ? [[tax.slice(0, 3), 1, "right"] as const] : []),
          ],
        };
        return below ? [figures, { left: item.name }] : [{ left: item.name }, figures];
      },
    ];
  },
  // One row: article and name, amount; more than one piece is explained below.
  (_, { rm, times, tax }) => [
    undefined,
    (item, article) => [
      { left: `${article.slice(0, 4)} ${item.name}`, right: joined(rm + amount(worth(item)), tax) },
      ...(item.quantity > 1 ? [{ left: `  ${item.quantity} ${times} ${rm}${amount(item.each)}` }] : []),
    ],
  ],
  // Numbered names, then quantity, price and amount.
  (_, { times, tax }) => [
    {
      cells: [
        ["No. Description", 0],
        ["Amount", 1, "right"],
      ],
    },
    (item, _article, number) => [
      { left: `${number + 1}. ${item.name}` },
      { left: `  ${item.quantity} ${times} ${amount(item.each)}`, right: joined(amount(worth(item)), tax) },
    ],
  ],
  // Name, price, quantity and amount in one row.
  (_, { rm }) => [
    {
      cells: [
        ["Description", 0],
        ["U.P", 0.62, "right"],
        ["Qty", 0.75, "right"],
        ["Amt(RM)", 1, "right"],
      ],
    },
    (item) => [
      {
        cells: [
          [item.name, 0],
          [amount(item.each), 0.62, "right"],
          [String(item.quantity), 0.75, "right"],
          [rm + amount(worth(item)), 1, "right"],
        ],
      },
    ],
  ],
];
