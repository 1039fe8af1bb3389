/** What paper meets on its way to a scanner: holes, folds, pens, stamps, specks, the scanner's own edges. None of it is text. */

import type { SKRSContext2D } from "@napi-rs/canvas";
import type { Paint, Sheet } from "./canvas.ts";
import type { Random } from "./random.ts";

type Stain = (sheet: Sheet, random: Random) => Paint;

/** Each stain and how often it is seen at full strength. */
const stains: readonly [Stain, number][] = [
  [specks, 0.9],
  [edges, 0.7],
  [darkSide, 0.5],
  [bed, 0.35],
  [fold, 0.5],
  [streaks, 0.4],
  [scrawl, 0.6],
  [tick, 0.4],
  [ring, 0.2],
  [hole, 0.35],
  [stamp, 0.3],
];

/** The stains of a page, to be painted above its print. */
export function stain(sheet: Sheet, random: Random, strength: number): Paint[] {
  return stains.filter(([, often]) => random.chance(often * strength)).map(([make]) => make(sheet, random));
}

const pens = ["#101018", "#18205a", "#1c2a90", "#333333", "#666666"];

/** Dust: dots of up to two pixels, more of them in one part of the page. */
function specks({ width, height }: Sheet, random: Random): Paint {
  const [cx, cy] = [random.real(0, width), random.real(0, height)];
  const dots = Array.from({ length: random.int(4, 50) }, () => {
    const near = random.chance(0.5);
    const x = near ? cx + random.normal() * width * 0.15 : random.real(0, width);
    return { x, y: near ? cy + random.normal() * width * 0.12 : random.real(0, height), radius: random.real(0.4, 1.3) };
  });
  return (context) => {
    context.fillStyle = "#222222";
    for (const { x, y, radius } of dots) disc(context, x, y, radius);
  };
}

function disc(context: SKRSContext2D, x: number, y: number, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** The torn or bent end of the paper: a ragged dark line across the top or the bottom. */
function edges({ width, height, marks }: Sheet, random: Random): Paint {
  const top = random.chance(0.5);
  const ends = marks.map(({ y, height }) => (top ? y - height : y + height));
  const free = top ? Math.min(...ends) : height - Math.max(...ends);
  const base = random.real(0, Math.max(1, Math.min(12, free * 0.5)));
  const points = Array.from({ length: 40 }, (_, i) => [(i / 39) * width, base + random.real(-1.5, 1.5)] as const);
  const [from, to] = random.chance(0.5) ? [0, 40] : [random.int(0, 15), random.int(20, 40)];
  const thickness = random.real(0.6, 3);
  return (context) => {
    context.strokeStyle = "#1a1a1a";
    context.lineWidth = thickness;
    context.beginPath();
    for (const [x, y] of points.slice(from, to)) context.lineTo(x, top ? y : height - y);
    context.stroke();
  };
}

/** A band that darkens towards one side, where the paper did not lie flat. */
function darkSide({ width, height }: Sheet, random: Random): Paint {
  const band = width * random.real(0.01, 0.06);
  const left = random.chance(0.5);
  const depth = Math.round(random.real(60, 230)).toString(16).padStart(2, "0");
  return (context) => {
    const light = context.createLinearGradient(left ? 0 : width, 0, left ? band : width - band, 0);
    light.addColorStop(0, `#000000${depth}`);
    light.addColorStop(1, "#00000000");
    context.fillStyle = light;
    context.fillRect(left ? 0 : width - band, 0, band, height);
  };
}

/** The scanner's bed beside the paper, black or nearly so, where no print is. */
function bed({ width, height, marks }: Sheet, random: Random): Paint {
  const most = (values: number[]) => values.reduce((a, b) => Math.max(a, b), 0);
  const free = {
    left: width - most(marks.map(({ x, width: w }) => width - x + w / 2)),
    right: width - most(marks.map(({ x, width: w }) => x + w / 2)),
    top: height - most(marks.map(({ y, height: h }) => height - y + h)),
    bottom: height - most(marks.map(({ y, height: h }) => y + h)),
  };
  const seen = (room: number): number => (random.chance(0.6) ? Math.max(0, room) * random.real(0.1, 0.75) : 0);
  const [left, right, top, bottom] = [seen(free.left), seen(free.right), seen(free.top), seen(free.bottom)];
  const color = random.pick(["#000000", "#000000", "#111111", "#303030", "#606060"]);
  return (context) => {
    context.fillStyle = color;
    context.fillRect(0, 0, left, height);
    context.fillRect(width - right, 0, right, height);
    context.fillRect(0, 0, width, top);
    context.fillRect(0, height - bottom, width, bottom);
  };
}

/** A crease across or along: a light line with a soft shadow beside it. */
function fold({ width, height }: Sheet, random: Random): Paint {
  const across = random.chance(0.7);
  const at = (across ? height : width) * random.real(0.15, 0.85);
  const lean = random.real(-0.06, 0.06) * width;
  const soft = random.real(4, 18);
  const depth = random.real(0.08, 0.3);
  return (context) => {
    context.save();
    if (!across) context.transform(0, 1, 1, 0, 0, 0);
    context.transform(1, lean / width, 0, 1, 0, at - lean / 2);
    const long = Math.max(width, height);
    const light = context.createLinearGradient(0, 0, 0, soft);
    light.addColorStop(0, `rgba(0, 0, 0, ${depth})`);
    light.addColorStop(1, "rgba(0, 0, 0, 0)");
    context.fillStyle = light;
    context.fillRect(0, 0, long, soft);
    context.fillStyle = `rgba(255, 255, 255, ${2 * depth})`;
    context.fillRect(0, -1, long, 1);
    context.restore();
  };
}

/** Lines along the paper: light ones where the head is worn, dark ones where the scanner's glass is. */
function streaks({ width, height, paper }: Sheet, random: Random): Paint {
  const lines = Array.from({ length: random.int(1, 6) }, () => ({
    x: random.real(0, width),
    thickness: random.real(0.6, 2),
    color: random.chance(0.7) ? `${paper}b0` : "#00000040",
  }));
  return (context) => {
    for (const { x, thickness, color } of lines) {
      context.fillStyle = color;
      context.fillRect(x, 0, thickness, height);
    }
  };
}

/** Something written by hand, that nobody can read: at the top, or over the print. */
function scrawl({ width, height, marks }: Sheet, random: Random): Paint {
  const size = width * random.real(0.04, 0.09);
  const top = Math.min(...marks.map(({ y, height }) => y - height));
  const x = random.real(0.02, 0.7) * width;
  const y = random.chance(0.6) && top > size ? random.real(size, top) : random.real(0.1, 0.95) * height;
  const letters = Array.from({ length: random.int(3, 9) }, () =>
    Array.from({ length: 8 }, () => random.real(-0.6, 0.6)),
  );
  const [color, thickness] = [random.pick(pens), random.real(1, 2.2)];
  return (context) => {
    context.strokeStyle = color;
    context.lineWidth = thickness;
    context.lineCap = "round";
    letters.forEach(([a, b, c, d, e, f, g, h], i) => {
      const left = x + i * size * 0.62;
      context.beginPath();
      context.moveTo(left + a * size * 0.5, y + b * size);
      context.bezierCurveTo(
        left + c * size,
        y + d * size,
        left + e * size,
        y + f * size,
        left + g * size * 0.5,
        y + h * size,
      );
      context.stroke();
    });
  };
}

/** A tick beside a line. */
function tick({ width, marks }: Sheet, random: Random): Paint {
  const { y } = random.pick(marks);
  const x = width * random.real(0.8, 0.95);
  const size = width * random.real(0.02, 0.06);
  const color = random.pick(pens);
  return (context) => {
    context.strokeStyle = color;
    context.lineWidth = 1.8;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + size * 0.4, y + size * 0.5);
    context.lineTo(x + size * 1.3, y - size);
    context.stroke();
  };
}

/** A ring drawn around some print. */
function ring({ width, marks }: Sheet, random: Random): Paint {
  const { x, y, height } = random.pick(marks);
  const [wide, high] = [width * random.real(0.07, 0.16), height * random.real(1.1, 2)];
  const [color, lean] = [random.pick(pens), random.real(-0.2, 0.2)];
  return (context) => {
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    context.beginPath();
    context.ellipse(x, y, wide, high, lean, 0, 2 * Math.PI * 0.95);
    context.stroke();
  };
}

/** A punched hole at a side, dark behind the paper, where no print is lost. */
function hole({ width, height, marks }: Sheet, random: Random): Paint {
  const radius = width * random.real(0.015, 0.03);
  const x = random.chance(0.5) ? radius + random.real(2, 8) : width - radius - random.real(2, 8);
  const y = random.real(0.05, 0.95) * height;
  const free = marks.every(
    (mark) => Math.abs(mark.y - y) > radius + mark.height / 2 || Math.abs(mark.x - x) > radius + mark.width / 2,
  );
  const color = random.pick(["#000000", "#000000", "#d8d8d8"]);
  return (context) => {
    if (!free) return;
    context.fillStyle = color;
    disc(context, x, y, radius);
  };
}

/** A rubber stamp, pale and askew: a frame with strokes where its letters are. */
function stamp({ width, height }: Sheet, random: Random): Paint {
  const [x, y] = [random.real(0.1, 0.7) * width, random.real(0.1, 0.9) * height];
  const [wide, high] = [width * random.real(0.18, 0.36), width * random.real(0.06, 0.14)];
  const angle = random.real(-0.35, 0.35);
  const round = random.chance(0.3);
  const color = `${random.pick(["#202020", "#602060", "#203070", "#802020"])}${random.pick(["50", "70", "90"])}`;
  const strokes = Array.from({ length: random.int(4, 9) }, () =>
    Array.from({ length: 4 }, () => random.real(0.15, 0.85)),
  );
  return (context) => {
    context.save();
    context.translate(x, y);
    context.rotate(angle);
    context.strokeStyle = color;
    context.lineWidth = 2;
    context.beginPath();
    if (round) context.ellipse(wide / 2, high / 2, wide / 2, high / 2, 0, 0, 2 * Math.PI);
    else context.rect(0, 0, wide, high);
    context.stroke();
    context.lineWidth = high * 0.12;
    strokes.forEach(([a, b, c, d], i) => {
      const left = wide * (0.12 + (0.78 * i) / strokes.length);
      const step = (0.7 * wide) / strokes.length;
      context.beginPath();
      context.moveTo(left + a * step, high * 0.25);
      context.lineTo(left + b * step, high * c);
      context.lineTo(left + d * step, high * 0.75);
      context.stroke();
    });
    context.restore();
  };
}
