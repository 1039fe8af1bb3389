/** From a sheet to pixels: the pose before the camera, the painting, the weather, and where each glyph ended up. */

import { createCanvas } from "@napi-rs/canvas";
import { type Image, opaque } from "../vision/image.ts";
import type { Mark, Sheet } from "./canvas.ts";
import { expose, scan, weather } from "./effects.ts";
import type { Glyph } from "./page.ts";
import type { Random } from "./random.ts";
import { stain } from "./stains.ts";
import { compose, identity, mapped, type PlaneMap, tilt, turn, warped } from "./warp.ts";

/** Paints a sheet with effects of a strength in 0..1 (0: none, the page as printed). */
export function render(sheet: Sheet, random: Random, strength: number): { image: Image; glyphs: Glyph[] } {
  const [width, height] = [Math.round(sheet.width), Math.round(sheet.height)];
  const { flat, bent } = pose(sheet, random, strength);
  const desk = surroundings(sheet, random);
  const canvas = createCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = `rgb(${desk.join(",")})`;
  context.fillRect(0, 0, width, height);
  context.setTransform(flat[0], flat[3], flat[1], flat[4], flat[2], flat[5]);
  context.fillStyle = sheet.paper;
  if (!sheet.scene) context.fillRect(0, 0, sheet.width, sheet.height);
  for (const paint of sheet.paints) paint(context);
  if (sheet.scanned && strength > 0) for (const paint of stain(sheet, random, strength)) paint(context);
  const rgba = canvas.data();
  const data = bent === identity ? opaque(rgba, width * height) : warped(rgba, width, height, bent, desk);
  const image = { data, width, height };
  if (strength > 0) {
    const height = sheet.marks.reduce((sum, mark) => sum + mark.height, 0) / Math.max(1, sheet.marks.length);
    // Small letters drown in noise that large ones bear.
    const conditions = (sheet.scanned ? scan : weather)(random, strength * Math.min(1, height / 14));
    // Only paper has passed under a thermal head.
    expose(image, sheet.scene ? { ...conditions, streaks: 0, fade: 0 } : conditions, random);
  }
  const map = compose(bent, flat);
  return { image, glyphs: sheet.marks.map((mark) => placed(mark, map)) };
}

/** A turn that the canvas makes and a tilt that is made on pixels; halved until every letter stays inside. */
function pose(sheet: Sheet, random: Random, strength: number): { flat: PlaneMap; bent: PlaneMap } {
  const { width, height } = sheet;
  const turned = random.chance(strength);
  const tilted = !sheet.scanned && random.chance(strength * 0.4);
  let angle = turned ? strength * random.real(-0.07, 0.07) : 0;
  let [p, q] = tilted ? [strength * random.real(-0.2, 0.2), strength * random.real(-0.2, 0.2)] : [0, 0];
  const zoom = turned ? 1 - strength * random.real(0, 0.06) : 1;
  for (let tries = 0; tries < 6 && (turned || tilted); tries++) {
    const flat = angle ? turn(angle, zoom, width / 2, height / 2) : identity;
    const bent = p || q ? tilt(p, q, width, height) : identity;
    const map = compose(bent, flat);
    if (sheet.marks.every((mark) => inside(placed(mark, map), width, height))) return { flat, bent };
    [angle, p, q] = [angle / 2, p / 2, q / 2];
  }
  return { flat: identity, bent: identity };
}

const inside = ({ x, y, width: w, height: h }: Glyph, width: number, height: number): boolean =>
  x - w / 2 >= 0 && y - h >= 0 && x + w / 2 <= width && y + h <= height;

/** The box of a mark under a map: sides keep their direction, so a turned letter keeps its size. */
function placed({ char, x, y, width, height }: Mark, map: PlaneMap): Glyph {
  if (map === identity) return { char, x, y, width, height };
  const [cx, cy] = mapped(map, x, y);
  const [lx, ly] = mapped(map, x - width / 2, y);
  const [rx, ry] = mapped(map, x + width / 2, y);
  const [ux, uy] = mapped(map, x, y - height / 2);
  const [dx, dy] = mapped(map, x, y + height / 2);
  return { char, x: cx, y: cy, width: Math.hypot(rx - lx, ry - ly), height: Math.hypot(dx - ux, dy - uy) };
}

/** The colour beyond the paper: a desk, or more of the same paper as on a scanner. */
function surroundings(sheet: Sheet, random: Random): readonly [number, number, number] {
  const value = Number.parseInt(sheet.paper.slice(1), 16);
  const paper: [number, number, number] = [value >> 16, (value >> 8) & 255, value & 255];
  if (sheet.scene || random.chance(sheet.scanned ? 0.6 : 0.5)) return paper;
  if (sheet.scanned && random.chance(0.7))
    return random.pick([
      [0, 0, 0],
      [12, 12, 12],
      [235, 235, 235],
      [90, 90, 90],
    ] as const);
  const grey = random.int(20, 190);
  const warm = random.int(0, 40);
  return [Math.min(255, grey + warm), grey, Math.max(0, grey - warm)];
}
