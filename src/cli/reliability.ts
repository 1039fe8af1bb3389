/** The picture of a model's confidence: of the answers that it trusts so far, how many are right. */
import { createCanvas } from "@napi-rs/canvas";
import { calibrationError } from "../eval/metrics.ts";

const [side, left, top, bins] = [420, 60, 46, 10];

/** Ten bins of confidence: a bar is the share that is right, its number how many answers there are; on the diagonal confidence is what it says. PNG. */
export function reliabilityPlot(answers: readonly { probability: number; right: boolean }[]): Uint8Array {
  const canvas = createCanvas(left + side + 24, top + side + 56);
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.font = "13px sans-serif";
  const y = (share: number): number => top + side * (1 - share);
  for (let bin = 0; bin < bins; bin++) {
    const inside = answers.filter(({ probability }) => Math.min(bins - 1, Math.floor(probability * bins)) === bin);
    if (!inside.length) continue;
    const share = inside.filter(({ right }) => right).length / inside.length;
    const x = left + (bin * side) / bins;
    pen.fillStyle = "#93c5fd";
    pen.fillRect(x + 2, y(share), side / bins - 4, side * share);
    pen.fillStyle = "#1e3a8a";
    pen.fillText(String(inside.length), x + 6, y(share) - 5);
  }
  pen.strokeStyle = "#d97706";
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(left, y(0));
  pen.lineTo(left + side, y(1));
  pen.stroke();
  pen.strokeStyle = "#94a3b8";
  pen.strokeRect(left, top, side, side);
  pen.fillStyle = "#334155";
  for (const share of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    pen.fillText(share.toFixed(1), left + side * share - 8, top + side + 18);
    pen.fillText(share.toFixed(1), left - 28, y(share) + 4);
  }
  pen.fillText("confidence", left + side / 2 - 32, top + side + 40);
  const error = (100 * calibrationError(answers)).toFixed(1);
  pen.fillText(`share of right answers in ${answers.length}; expected calibration error ${error}%`, left, 26);
  return canvas.toBuffer("image/png");
}
