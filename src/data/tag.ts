/** Price tags: what, how much, what it was before, and a bar code. */

import { Sheet, type Style } from "./canvas.ts";
import { pickFamily } from "./fonts.ts";
import { color, fitted } from "./layout.ts";
import type { FontSet, Question } from "./page.ts";
import { amount, currency, digits } from "./phrases.ts";
import { asked, type Draft, yesno } from "./questions.ts";
import type { Random } from "./random.ts";
import { products } from "./words.ts";

const banners = ["SALE", "OFFER", "NEW", "SPECIAL", "REDUCED", "BEST PRICE", "-20%", "-50%", "2 FOR 1", "TODAY ONLY"];

/** A tag with a product and its price, dark on light or light on a colour. */
export function tag(random: Random, fonts: FontSet): Draft {
  const [width, height] = [random.int(220, 380), random.int(150, 260)];
  const inverted = random.chance(0.25);
  const paper = inverted
    ? random.pick(["#c0392b", "#1f3a93", "#1e824c", "#111111", "#96281b"])
    : random.pick(["#ffffff", "#fff7c0", "#ffe135", "#fdfdfd"]);
  const ink = inverted ? "#ffffff" : random.pick(["#111111", "#111111", "#b00020", "#0b3d91"]);
  const text = pickFamily(random, fonts, ["sans", "condensed"]);
  const loud = pickFamily(random, fonts, random.pick([["sans", "condensed"], ["display"], ["slab"]] as const));
  const sheet = new Sheet(width, height, paper);
  const margin = random.int(8, 16);
  const room = width - 2 * margin;
  const money = currency(random);
  const price = random.int(1, 99) * 100 + random.pick([0, 25, 49, 50, 90, 95, 99, 99]);
  const reduced = random.chance(0.35);
  const fields: Record<string, string> = { product: random.pick(random.pick(products)) };
  const questions: Question[] = [];
  const size = height / random.real(8, 10);
  const plain: Style = { face: text.regular, size, color: ink };
  let y = margin + size;
  if (random.chance(0.4)) {
    fields.banner = random.pick(banners);
    const style: Style = { face: loud.bold, size: size * 1.2, color: inverted ? "#111111" : "#ffffff" };
    sheet.box(0, 0, width, size * 1.9, inverted ? "#ffe135" : color(random, 20, 150));
    sheet.write({
      text: fields.banner,
      x: width / 2,
      y: size * 1.38,
      style: fitted(fields.banner, style, room),
      align: "center",
    });
    y += size * 1.7;
  }
  sheet.write({
    text: fields.product,
    x: margin,
    y,
    style: fitted(fields.product, { ...plain, face: text.bold }, room),
  });
  const below = size * (reduced ? 3.2 : 1.9);
  const big: Style = {
    face: loud.bold,
    size: Math.min((height - y - below) / (loud.bold.cap * 1.35), height * 0.42),
    color: ink,
  };
  const shown = money.before + amount(price, money.mark) + money.after;
  const style = fitted(shown, big, room);
  y += size * 0.5 + style.face.cap * style.size * 1.1;
  sheet.write({ text: shown, x: random.chance(0.6) ? width / 2 : margin + room / 2, y, style, align: "center" });
  fields.price = amount(price, money.mark);
  if (reduced) {
    const before = amount(price + random.int(1, 40) * 50, money.mark);
    fields.before = before;
    y += size * 1.45;
    sheet.write({ text: `${random.pick(["Was", "was", "Before:", "RRP"])} ${before}`, x: margin, y, style: plain });
    questions.push(asked(random, "before", before, ["What was the price before?", "What was the old price?"]));
  }
  if (random.chance(0.6)) {
    fields.code = digits(random, random.int(6, 10));
    const style = fitted(fields.code, { ...plain, size: size * 0.9 }, room * 0.5);
    bars(sheet, random, {
      x: width - margin - room * 0.32,
      y: height - margin - size * 0.95,
      width: room * 0.32,
      height: size * 0.9,
    });
    sheet.write({ text: fields.code, x: margin, y: height - margin, style });
    questions.push(
      asked(random, "code", fields.code, ["What is the article number?", "What number is printed at the bottom?"]),
    );
  }
  const limit = random.int(10, 90);
  questions.push(
    asked(random, "price", fields.price, [
      "What is the price?",
      "How much is it?",
      "Price?",
      `How much is the ${fields.product}?`,
    ]),
    asked(random, "product", fields.product, ["What is sold?", "What is the product?", "Product?"]),
    yesno("Is it reduced?", reduced),
    yesno(`Is the price below ${limit}?`, price < limit * 100, fields.price),
  );
  return { sheet, fields, questions };
}

/** A bar code that no reader has to read. */
function bars(sheet: Sheet, random: Random, box: { x: number; y: number; width: number; height: number }): void {
  sheet.box(box.x, box.y, box.width, box.height, "#ffffff");
  for (let x = box.x + 3; x < box.x + box.width - 4; ) {
    const thick = random.pick([1, 1, 2, 3]);
    sheet.box(x, box.y, thick, box.height, "#111111");
    x += thick + random.pick([1, 2, 2, 3]);
  }
}
