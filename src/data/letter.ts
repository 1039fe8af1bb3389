/** Letters: sender, date, recipient, subject, paragraphs, signature. */

import { Sheet, type Style } from "./canvas.ts";
import { pickFamily } from "./fonts.ts";
import { fitted, paragraph } from "./layout.ts";
import type { FontSet } from "./page.ts";
import { company, date, person, sentence, street, town } from "./phrases.ts";
import { askedFields, type Draft, isThere, yesno } from "./questions.ts";
import type { Random } from "./random.ts";

const wordings: Record<string, readonly string[]> = {
  sender: ["Who wrote the letter?", "Who signed the letter?", "Who is the sender?"],
  recipient: ["Who is the letter to?", "Who is the recipient?"],
  date: ["What is the date?", "When was it written?", "Date?"],
  subject: ["What is the subject?", "Subject?"],
  company: ["Which company is the letter from?", "What is the company?"],
};

/** A letter of one to three short paragraphs. */
export function letter(random: Random, fonts: FontSet): Draft {
  const width = random.int(420, 640);
  const margin = width * random.real(0.06, 0.11);
  const room = width - 2 * margin;
  const { regular, bold } = pickFamily(
    random,
    fonts,
    random.pick([["serif"], ["sans"], ["serif", "slab"], ["mono"]] as const),
  );
  // 34 to 52 letters on a line.
  const size = room / random.int(34, 52) / regular.average;
  const pitch = size * random.real(1.25, 1.6);
  const plain: Style = { face: regular, size, color: "#1d1d1d" };
  const strong: Style = { ...plain, face: bold };
  const sheet = new Sheet(width, 0, random.pick(["#ffffff", "#fdfcf6", "#f7f7f7"]));
  const fields: Record<string, string> = { sender: person(random), recipient: person(random), date: date(random) };
  let y = margin + size;
  const put = (text: string, style: Style, align: "left" | "right" = "left") => {
    const x = align === "left" ? margin : width - margin;
    sheet.write({ text, x, y, style: fitted(text, style, room), align });
    y += pitch;
  };
  if (random.chance(0.6)) put((fields.company = company(random)), { ...strong, size: size * random.real(1, 1.5) });
  put(street(random), plain);
  put(town(random), plain);
  y += pitch * 0.5;
  put(fields.date, plain, random.pick(["left", "right"]));
  y += pitch * 0.5;
  put(fields.recipient, plain);
  put(street(random), plain);
  put(town(random), plain);
  y += pitch * 0.5;
  if (random.chance(0.5)) {
    fields.subject = sentence(random, random.int(2, 4)).slice(0, -1);
    put(random.pick(["Re: ", "Subject: ", ""]) + fields.subject, strong);
    y += pitch * 0.5;
  }
  put(`Dear ${fields.recipient.split(" ")[0]},`, plain);
  y += pitch * 0.3;
  for (let count = random.int(1, 3); count > 0; count--) {
    const text = Array.from({ length: random.int(1, 3) }, () => sentence(random, random.int(5, 11))).join(" ");
    y = paragraph(sheet, text, plain, { x: margin, y, width: room, pitch }) + pitch * 0.5;
  }
  const closing = random.pick(["Yours sincerely,", "Kind regards,", "Best wishes,", "Yours faithfully,"]);
  put(closing, plain);
  y += pitch * random.real(0.2, 1.2);
  put(fields.sender, plain);
  sheet.height = Math.ceil(y + margin * random.real(0.4, 1.6));
  const questions = [
    ...askedFields(random, fields, wordings),
    isThere("Does the letter have a subject line?", fields.subject),
  ];
  const right = random.chance(0.5);
  const other = right ? fields.recipient : person(random);
  questions.push(yesno(`Is the letter to ${other}?`, other === fields.recipient, fields.recipient));
  return { sheet, fields, questions };
}
