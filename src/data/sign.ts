/** Signs: a few large words on a board somewhere in a street or on a wall. */

import { Sheet, type Style } from "./canvas.ts";
import { pickFamily } from "./fonts.ts";
import { color, fitted, wrapped } from "./layout.ts";
import type { FontSet, Question } from "./page.ts";
import { company, phone, time } from "./phrases.ts";
import { asked, type Draft, yesno } from "./questions.ts";
import type { Random } from "./random.ts";
import { notices, streetKinds, streets } from "./words.ts";

/** Pairs of board and letters. */
const boards = [
  ["#ffffff", "#111111"],
  ["#c0392b", "#ffffff"],
  ["#0b5d1e", "#ffffff"],
  ["#12357a", "#ffffff"],
  ["#ffd400", "#111111"],
  ["#222222", "#ffd400"],
  ["#f5f0e0", "#7a1f1f"],
  ["#5d3a1a", "#f7ead0"],
] as const;

/** A sign in a scene: a notice, a street name or a shop's name, at times with a second line. */
export function sign(random: Random, fonts: FontSet): Draft {
  const [width, height] = [random.int(260, 448), random.int(200, 400)];
  const what = random.pick(["notice", "notice", "street", "shop"] as const);
  const { bold, caps } = pickFamily(
    random,
    fonts,
    random.pick([["display"], ["sans", "condensed"], ["slab", "serif"]] as const),
  );
  const text =
    what === "notice"
      ? random.pick(notices)
      : what === "street"
        ? `${random.pick(streets)} ${random.pick(streetKinds)}`
        : company(random);
  const shown = caps || random.chance(0.3) ? text.toUpperCase() : text;
  const sheet = new Sheet(width, height, color(random, 90, 200), true);
  scene(sheet, random);
  const [board, ink] = random.pick(boards);
  const wide = width * random.real(0.62, 0.88);
  const style: Style = { face: bold, size: Math.min(height * 0.17, wide / 5), color: ink };
  const room = wide * 0.86;
  const lines = wrapped(shown, style, room).map((line) => ({ text: line, style: fitted(line, style, room) }));
  const fields: Record<string, string> = { [what]: lines.map((line) => line.text).join(" ") };
  const extra = random.chance(0.35)
    ? random.pick([phone(random), `${time(random)} - ${time(random)}`, `${random.int(1, 500)} m`])
    : "";
  if (extra) {
    fields.detail = extra;
    lines.push({ text: extra, style: fitted(extra, { ...style, size: style.size * 0.6 }, room) });
  }
  const pitch = lines.map(({ style }) => style.size * 1.2);
  const tall = pitch.reduce((sum, step) => sum + step, 0) + style.size * 0.7;
  const [x, y] = [(width - wide) * random.real(0.2, 0.8), Math.max(4, (height - tall) * random.real(0.15, 0.7))];
  if (random.chance(0.5)) sheet.box(x + wide / 2 - 4, y + tall - 2, 8, height, "#555555");
  sheet.box(x + 3, y + 4, wide, tall, "#00000055", 8);
  sheet.box(x, y, wide, tall, board, random.pick([0, 6, 12]));
  if (random.chance(0.4)) sheet.frame(x + 4, y + 4, wide - 8, tall - 8, ink, 2, 4);
  let baseline = y + style.size * 0.25;
  lines.forEach(({ text, style }, i) => {
    baseline += pitch[i];
    sheet.write({ text, x: x + wide / 2, y: baseline - style.size * 0.1, style, align: "center" });
  });
  const right = random.chance(0.5);
  const asks = right ? shown : random.pick(notices.filter((notice) => notice !== text.toUpperCase()));
  const questions: Question[] = [
    asked(
      random,
      what,
      fields[what],
      ["What is written on the sign?", "What does the sign say?"]
        .slice(0, extra ? 0 : 2)
        .concat(`What is the ${what === "notice" ? "notice" : `name of the ${what}`}?`),
    ),
    yesno(`Does the sign say "${asks}"?`, right, shown),
    { kind: "count", question: "How many lines of text are on the sign?", answer: String(lines.length) },
  ];
  if (extra)
    questions.push(asked(random, "detail", extra, ["What is in the last line?", "What does the small print say?"]));
  return { sheet, fields, questions };
}

/** A wall or a street: sky and ground, bricks, or soft shapes; drawn well beyond the picture's edges. */
function scene(sheet: Sheet, random: Random): void {
  const { width, height } = sheet;
  const kind = random.pick(["sky", "bricks", "shapes"] as const);
  const [first, second] = [color(random, 80, 220), color(random, 60, 200)];
  const shapes = Array.from({ length: 14 }, () => ({
    x: random.real(-0.2, 1.1) * width,
    y: random.real(-0.2, 1.1) * height,
    width: random.real(0.1, 0.5) * width,
    height: random.real(0.1, 0.5) * height,
    color: color(random, 50, 220),
  }));
  const horizon = height * random.real(0.5, 0.85);
  sheet.paint((context) => {
    const light = context.createLinearGradient(0, 0, 0, height);
    light.addColorStop(0, first);
    light.addColorStop(1, second);
    context.fillStyle = light;
    context.fillRect(-width, -height, 3 * width, 3 * height);
  });
  if (kind === "sky") {
    for (const shape of shapes) sheet.box(shape.x, horizon - shape.height, shape.width, shape.height, shape.color);
    sheet.box(-width, horizon, 3 * width, 2 * height, "#6b6b66");
  } else if (kind === "bricks") {
    const step = height / 14;
    for (let i = -2; i < 18; i++) {
      sheet.rule(-width, i * step, 2 * width, i * step, "#00000030", 2);
      for (let x = (i % 2) * step - width / 4; x < width * 1.3; x += step * 2)
        sheet.rule(x, i * step, x, (i + 1) * step, "#00000030", 2);
    }
  } else for (const { x, y, width, height, color } of shapes) sheet.box(x, y, width, height, `${color}90`, 20);
}
