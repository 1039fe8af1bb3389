/** Rows of a till's print on paper just long enough: narrow, in one typeface, perhaps of dots, with the margins of a tight or a wide crop. */

import { measure, type Run, Sheet, type Style } from "./canvas.ts";
import type { Family } from "./fonts.ts";
import type { Random } from "./random.ts";

/** Text at a share of the row's width, from 0 to 1. */
type Cell = readonly [text: string, at: number, align?: Run["align"]];

/** One row: parts at the left, in the middle or at the right, or cells from left to right; or a rule, or a gap. */
export interface Row {
  left?: string;
  center?: string;
  right?: string;
  cells?: readonly Cell[];
  strong?: boolean;
  scale?: number;
  /** Factor of the letters' widths: tills print what counts twice as wide or twice as tall. */
  wide?: number;
  rule?: boolean;
  gap?: number;
}

/** What parts two blocks of rows. */
export const rule = (random: Random): Row => (random.chance(0.65) ? { rule: true } : { gap: random.real(0.3, 0.8) });

/** How a row stands out, if it does: in bold, larger, wider or taller. */
export function loud(random: Random): Pick<Row, "strong" | "scale" | "wide"> {
  const strong = random.chance(0.5);
  const way = random.real();
  if (way < 0.5) return { strong };
  if (way < 0.75) return { strong, scale: random.pick([1.15, 1.3, 1.4]) };
  return way < 0.87
    ? { strong, scale: random.real(1.3, 1.8), wide: random.real(0.55, 0.75) }
    : { strong, wide: random.real(1.3, 1.9) };
}

/** How narrow a letter may be in pixels, on paper as wide as two tiles of 224 pixels show. */
const narrowest = 8.4;

/** How the print looks: columns of letters to a row, their shape, and the paper's margins as shares of its width. */
interface Look {
  width: number;
  columns: number;
  stretch: number;
  margin: number;
  top: number;
  bottom: number;
  dotted: boolean;
}

/** Letters that a row needs at its full size. */
const letters = ({ left = "", center = "", right = "", cells = [], scale = 1, wide = 1 }: Row): number =>
  scale * wide * cells.reduce((sum, [text]) => sum + text.length + 1, left.length + center.length + right.length);

function look(random: Random, family: Family, rows: readonly Row[]): Look {
  const long = rows.length > 24;
  const width = long ? random.int(370, 480) : random.int(300, 480);
  const margin = random.chance(0.12) ? random.real(0.1, 0.2) : random.real(0.02, 0.1);
  const shown = Math.min(1, 448 / width) * width * (1 - 2 * margin);
  const most = Math.min(46, shown / narrowest);
  const needed = Math.min(most - 1, 0.9 * Math.max(...rows.map(letters)));
  return {
    width,
    columns: Math.max(needed, random.real(Math.min(25, most - 1), most)),
    stretch: random.chance(0.5) ? 1 : random.real(0.66, 1.12),
    margin: width * margin,
    top: width * (random.chance(0.15) ? random.real(0.1, 0.3) : random.real(0.02, 0.12)),
    bottom: width * (random.chance(0.15) ? random.real(0.1, 0.4) : random.real(0.02, 0.15)),
    dotted: family.genre === "dot" ? random.chance(0.5) : family.genre === "mono" && random.chance(0.25),
  };
}

/** Sets the rows in one family. */
export function tillRoll(random: Random, family: Family, rows: readonly Row[], scanned: boolean): Sheet {
  const { regular, bold } = family;
  const { width, columns, stretch, margin, top, bottom, dotted } = look(random, family, rows);
  const size = (width - 2 * margin) / columns / (regular.average * stretch);
  const plain: Style = {
    face: regular,
    size,
    stretch,
    color: scanned ? random.pick(["#111111", "#2a2a2a"]) : "#1c1c1c",
  };
  // Paper longer than about three times its width is set tighter.
  const steps = rows.reduce((sum, row) => sum + (row.gap ?? (row.rule ? 0.6 : 1)), 0);
  const pitch = Math.max(size * 1.06, Math.min(size * random.real(1.1, 1.55), (2.7 * width) / steps));
  const paper = scanned ? "#ffffff" : random.pick(["#ffffff", "#ffffff", "#fdfdf8", "#fbfaf4", "#f4f4f6"]);
  const sheet = new Sheet(width, 0, paper);
  sheet.scanned = scanned;
  const ruled = ruler(random, plain, margin);
  let y = top + size * 0.3;
  for (const row of rows) {
    if (row.gap !== undefined) y += row.gap * pitch;
    else if (row.rule) y = ruled(sheet, y, pitch);
    else {
      const own = size * (row.scale ?? 1);
      y += Math.max(pitch, own * 1.15);
      const face = row.strong ? bold : regular;
      const style = { ...plain, size: own, face, stretch: stretch * (row.wide ?? 1) };
      if (row.cells) writeCells(sheet, row.cells, style, margin, y - pitch * 0.25);
      else write(sheet, row, style, margin, y - pitch * 0.25);
    }
  }
  const low = sheet.marks.reduce((most, mark) => Math.max(most, mark.baseline), 0) + size * 0.35;
  sheet.height = Math.ceil(Math.max(low + bottom, width * random.real(0.78, 0.9)));
  if (dotted) pins(sheet, size);
  return sheet;
}

/** Rules as this till prints them, all alike: drawn, or typed of one character. Returns where the next row begins. */
function ruler(random: Random, style: Style, margin: number): (sheet: Sheet, y: number, pitch: number) => number {
  const thickness = random.pick([1, 1, 1.5, 2]);
  const dash = random.pick([[], [4, 3], [2, 2], [6, 4], [5, 4], [7, 3]]);
  const double = random.chance(0.12);
  return (sheet, y, pitch) => {
    const at = y + pitch * 0.35;
    for (const line of double ? [at - 1.5, at + 1.5] : [at])
      sheet.rule(margin, line, sheet.width - margin, line, style.color, thickness, dash);
    return y + pitch * 0.6;
  };
}

/** The gaps between the pins of a dot-matrix head: lighter lines across and down all print. */
function pins(sheet: Sheet, size: number): void {
  const step = Math.max(2, size / 8);
  const { width, height } = sheet;
  sheet.paint((context) => {
    context.fillStyle = `${sheet.paper}66`;
    for (let y = 0; y < height; y += step) context.fillRect(0, y, width, step * 0.4);
    for (let x = 0; x < width; x += step) context.fillRect(x, 0, step * 0.3, height);
  });
}

/** One row: what does not fit beside its neighbour or on the paper is set smaller, never cut. */
function write(sheet: Sheet, row: Row, style: Style, margin: number, y: number): void {
  const room = sheet.width - 2 * margin;
  const { left, center, right } = row;
  const letter = style.size * style.face.average * (style.stretch ?? 1);
  const indent = left?.startsWith("  ") ? 2 * letter : 0;
  const wanted =
    center !== undefined
      ? measure(center, style)
      : measure(left?.trim() ?? "", style) + indent + measure(right ?? "", style) + letter;
  const fitted: Style = { ...style, size: style.size * Math.min(1, room / wanted) };
  const runs: Run[] = [];
  if (center !== undefined) runs.push({ text: center, x: sheet.width / 2, y, style: fitted, align: "center" });
  if (left !== undefined) runs.push({ text: left.trim(), x: margin + indent, y, style: fitted });
  if (right !== undefined) runs.push({ text: right, x: sheet.width - margin, y, style: fitted, align: "right" });
  sheet.write(...runs);
}

/** Cells at their places, all smaller where two would touch. */
function writeCells(sheet: Sheet, cells: readonly Cell[], style: Style, margin: number, y: number): void {
  const room = sheet.width - 2 * margin;
  const letter = style.size * style.face.average * (style.stretch ?? 1);
  /** Left and right end of a cell at full size. */
  const ends = ([text, at, align = "left"]: Cell): [number, number] => {
    const width = measure(text, style);
    const from = at * room - (align === "left" ? 0 : align === "right" ? width : width / 2);
    return [from, from + width];
  };
  let factor = 1;
  cells.forEach((cell, i) => {
    const [from, to] = ends(cell);
    const before = i ? ends(cells[i - 1]) : undefined;
    if (before) {
      const [a, b] = [cells[i - 1][1] * room, cell[1] * room];
      // Ends move towards their anchors as the print shrinks: from − before + letter ≤ 0 at factor f.
      const reach = before[1] - a + (b - from) + letter * 0.8;
      if (reach > b - a) factor = Math.min(factor, (b - a) / reach);
    }
    if (to > room) factor = Math.min(factor, (room - cell[1] * room) / (to - cell[1] * room));
    if (from < 0) factor = Math.min(factor, (cell[1] * room) / (cell[1] * room - from));
  });
  const fitted: Style = { ...style, size: style.size * Math.max(0.3, factor) };
  sheet.write(...cells.map(([text, at, align]) => ({ text, x: margin + at * room, y, style: fitted, align })));
}
