/** The picture of `galago bench`: a bar for every figure, its quartiles, and its share of the machine's limit. */
import { createCanvas } from "@napi-rs/canvas";
import type { Figure } from "../eval/speed.ts";

const [width, row, left, right, top] = [960, 26, 260, 250, 40];
const [ours, theirs, limit] = ["#2563eb", "#d97706", "#94a3b8"];

/** Bars are as long as the median is beside the longest of the same unit. PNG. */
export function barChart(figures: readonly Figure[]): Uint8Array {
  const height = top + figures.length * row + 16;
  const canvas = createCanvas(width, height);
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, width, height);
  pen.font = "13px sans-serif";
  pen.fillStyle = "#334155";
  pen.fillText("medians; the thin line goes from the first to the third quartile", left, 22);
  figures.forEach((figure, i) => {
    const { name, unit, median, spread, share } = figure;
    const y = top + i * row;
    const same = figures.filter((other) => kind(other) === kind(figure));
    const longest = Math.max(...same.map(({ spread: [, high] }) => high));
    const x = (value: number): number => left + (value / longest) * (width - left - right);
    pen.fillStyle = "#0f172a";
    pen.fillText(name, 12, y + 16);
    pen.fillStyle = name.includes(":") ? theirs : unit === "G/s" || unit === "GB/s" ? limit : ours;
    pen.fillRect(left, y + 4, x(median) - left, row - 10);
    pen.fillStyle = "#0f172a";
    pen.fillRect(x(spread[0]), y + 11, Math.max(1, x(spread[1]) - x(spread[0])), 2);
    const part = share ? `, ${Math.round(100 * share.value)}% of ${share.of}` : "";
    pen.fillText(`${Number(median.toPrecision(3))} ${unit}${part}`, x(spread[1]) + 8, y + 16);
  });
  return canvas.toBuffer("image/png");
}

/** Figures that may be held against each other: of one unit, and prompts apart from answers. */
const kind = ({ name, unit }: Figure): string => `${unit} ${/prefill|decode/.exec(name) ?? ""}`;
