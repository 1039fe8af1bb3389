/** A sheet to lay text and shapes on: nothing is painted until it is rendered, so it may still be turned and bent. */

import type { SKRSContext2D } from "@napi-rs/canvas";
import { type Face, ligates } from "./fonts.ts";

/** How a run of text looks; `size` is the em in pixels, `stretch` the factor of its letters' widths, `tracking` is added after each letter. */
export interface Style {
  face: Face;
  size: number;
  color?: string;
  stretch?: number;
  tracking?: number;
}

/** Text at a place: `x` is its left, middle or right as `align` says, `y` its baseline. */
export interface Run {
  text: string;
  x: number;
  y: number;
  style: Style;
  align?: "left" | "center" | "right";
}

/** A character on the sheet before any warp: its box (see Glyph) and the baseline it stands on. */
export interface Mark {
  char: string;
  baseline: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A drawing of shapes, run with the sheet's coordinates in force. */
export type Paint = (context: SKRSContext2D) => void;

/** Width of a run in pixels. */
export function measure(text: string, { face, size, stretch = 1, tracking = 0 }: Style): number {
  let width = 0;
  for (let i = 0; i < text.length; i++) {
    width += face.advance(text[i]) * size * stretch + tracking;
    if (i > 0) width += face.kern(text[i - 1], text[i]) * size * stretch;
  }
  return width - (text.length ? tracking : 0);
}

/** Cuts a run where two letters could become one ligature; each piece keeps the place of its first letter. */
function whole(text: string, starts: readonly number[]): { text: string; left: number }[] {
  const pieces: { text: string; left: number }[] = [];
  for (let from = 0, i = 1; i <= text.length; i++) {
    if (i < text.length && !ligates(text[i - 1], text[i])) continue;
    pieces.push({ text: text.slice(from, i), left: starts[from] });
    from = i;
  }
  return pieces;
}

/** A page being laid out. `scene` sheets have their own surroundings; others lie as paper on a desk, or in a scanner if `scanned`. */
export class Sheet {
  width: number;
  height: number;
  readonly paper: string;
  readonly scene: boolean;
  scanned = false;
  readonly lines: string[] = [];
  readonly marks: Mark[] = [];
  readonly paints: Paint[] = [];

  constructor(width: number, height: number, paper = "#ffffff", scene = false) {
    this.width = width;
    this.height = height;
    this.paper = paper;
    this.scene = scene;
  }

  /** Adds one line of the page's text, made of runs from left to right (their texts are joined by one blank). */
  write(...runs: Run[]): void {
    this.lines.push(runs.map((run) => run.text).join(" "));
    for (const run of runs) this.#set(run);
  }

  /** Adds a shape, above what is there. */
  paint(paint: Paint): void {
    this.paints.push(paint);
  }

  /** A straight rule, dashed if `dash` gives a pattern. */
  rule(x0: number, y0: number, x1: number, y1: number, color = "#222222", thickness = 1, dash: number[] = []): void {
    this.paint((context) => {
      context.strokeStyle = color;
      context.lineWidth = thickness;
      context.setLineDash(dash);
      context.beginPath();
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
      context.stroke();
      context.setLineDash([]);
    });
  }

  /** A filled rectangle, with round corners if `radius` is given. */
  box(x: number, y: number, width: number, height: number, color: string, radius = 0): void {
    this.paint((context) => {
      context.fillStyle = color;
      context.beginPath();
      context.roundRect(x, y, width, height, radius);
      context.fill();
    });
  }

  /** The outline of a rectangle. */
  frame(x: number, y: number, width: number, height: number, color = "#222222", thickness = 1, radius = 0): void {
    this.paint((context) => {
      context.strokeStyle = color;
      context.lineWidth = thickness;
      context.beginPath();
      context.roundRect(x, y, width, height, radius);
      context.stroke();
    });
  }

  #set({ text, x, y, style, align = "left" }: Run): void {
    const { face, size, color = "#000000", stretch = 1, tracking = 0 } = style;
    const width = align === "left" ? 0 : measure(text, style);
    let left = align === "left" ? x : align === "right" ? x - width : x - width / 2;
    const marks: Mark[] = [];
    const starts: number[] = [];
    for (let i = 0; i < text.length; i++) {
      const char = text[i];
      if (i > 0) left += face.kern(text[i - 1], char) * size * stretch;
      const advance = face.advance(char) * size * stretch;
      starts.push(left);
      if (char !== " ") {
        // The middle of the zone that capitals and small letters share stands for the centre of the ink.
        const height = face.cap * size;
        marks.push({ char, baseline: y, x: left + advance / 2, y: y - height * 0.45, width: advance, height });
      }
      left += advance + tracking;
    }
    this.marks.push(...marks);
    // One call for as much as the engine sets as we measured it; letters that could join are kept apart.
    const pieces = tracking ? [...text].map((char, i) => ({ text: char, left: starts[i] })) : whole(text, starts);
    this.paint((context) => {
      context.fillStyle = color;
      context.font = `${size}px ${face.name}`;
      context.save();
      context.scale(stretch, 1);
      for (const piece of pieces) context.fillText(piece.text, piece.left / stretch, y);
      context.restore();
    });
  }
}
