/** The picture of a run: losses over steps, as a PNG. */
import { createCanvas, type SKRSContext2D } from "@napi-rs/canvas";
import type { Metrics } from "./loop.ts";

const [width, height, left, bottom, top] = [900, 460, 60, 44, 36];
const colours: Record<string, string> = {
  answer: "#2563eb",
  look: "#dc2626",
  before: "#9333ea",
  glyphs: "#d97706",
  codes: "#059669",
  words: "#9333ea",
  kinds: "#d97706",
  colours: "#059669",
  ranks: "#0891b2",
  edges: "#64748b",
};

/** Of the losses that are no nats, what they are. */
const units: Record<string, string> = { codes: "share of square", edges: "square" };

/** Losses in nats over all steps of all phases, smoothed over a hundredth of the run; phases are separated and named. */
export function lossCurve(lines: readonly Metrics[]): Uint8Array {
  const canvas = createCanvas(width, height);
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, width, height);
  const values = lines.flatMap(({ parts }) => Object.values(parts));
  const highest = values.reduce((a, b) => Math.max(a, b), 0.1);
  // A batch of a few short answers may have next to no loss: one step in 200 may fall out of the picture.
  const rank = Math.floor(values.length / 200);
  const lowest = Math.max(0.001, Math.min(highest / 10, 0.8 * values.sort((a, b) => a - b)[rank]));
  const x = (i: number): number => left + (i / Math.max(1, lines.length - 1)) * (width - left - 16);
  const y = (v: number): number => {
    const share = Math.log(Math.max(v, lowest) / lowest) / Math.log(highest / lowest);
    return height - bottom - share * (height - bottom - top);
  };
  axes(pen, lowest, highest, y, lines.length);
  lines.forEach(({ phase }, i) => {
    if (i && phase === lines[i - 1].phase) return;
    pen.fillStyle = "#64748b";
    pen.fillRect(x(i), top, 1, height - bottom - top);
    pen.fillText(phase, x(i) + 4, top + 12);
  });
  const drawn = Object.entries(colours).filter(([name]) => lines.some(({ parts }) => name in parts));
  drawn.forEach(([name, colour], i) => {
    curve(
      pen,
      lines.map(({ parts }) => parts[name]),
      x,
      y,
      colour,
    );
    pen.fillStyle = colour;
    pen.fillText(`${name} (${units[name] ?? "nats"})`, left + i * 120, 18);
  });
  return canvas.toBuffer("image/png");
}

function axes(pen: SKRSContext2D, lowest: number, highest: number, y: (v: number) => number, steps: number): void {
  pen.font = "12px sans-serif";
  for (let power = Math.floor(Math.log10(lowest)); power <= Math.log10(highest); power++)
    for (const factor of [1, 2, 5]) {
      const value = factor * 10 ** power;
      if (value < lowest || value > highest) continue;
      pen.fillStyle = "#e2e8f0";
      pen.fillRect(left, y(value), width - left - 16, 1);
      pen.fillStyle = "#334155";
      pen.fillText(String(Number(value.toPrecision(1))), 14, y(value) + 4);
    }
  pen.fillText(`${steps} steps`, width - 110, height - 14);
}

function curve(
  pen: SKRSContext2D,
  values: readonly (number | undefined)[],
  x: (i: number) => number,
  y: (v: number) => number,
  colour: string,
): void {
  const keep = 1 - 1 / Math.max(1, Math.min(50, values.length / 100));
  let smooth: number | undefined;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.6;
  pen.beginPath();
  values.forEach((value, i) => {
    if (value === undefined) {
      smooth = undefined;
      return;
    }
    const first = smooth === undefined;
    smooth = smooth === undefined ? value : keep * smooth + (1 - keep) * value;
    if (first) pen.moveTo(x(i), y(smooth));
    else pen.lineTo(x(i), y(smooth));
  });
  pen.stroke();
}
