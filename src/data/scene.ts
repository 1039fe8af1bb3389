/** Simple scenes from a seed: a few things on a ground, and everything that is true of them. */
import { createCanvas } from "@napi-rs/canvas";
import { RequestError } from "../errors.ts";
import type { Box } from "../text/boxes.ts";
import { type Image, opaque, type Size } from "../vision/image.ts";
import { expose, weather } from "./effects.ts";
import { Random } from "./random.ts";
import {
  aspect,
  type Colour,
  colourNames,
  colours,
  type Ground,
  groundNames,
  grounds,
  paint,
  type Rgb,
  signWords,
  type ThingKind,
  thingKinds,
} from "./things.ts";

/** One thing; its box in pixels is touched by the thing on all four sides. `word` is what stands on a sign. */
export interface Thing {
  readonly kind: ThingKind;
  readonly colour: Colour;
  readonly box: Box;
  readonly word?: string | undefined;
}

/** All that is true of a scene. Things are in order from left to right, by their middles. */
export interface SceneTruth {
  readonly seed: number;
  readonly size: Size;
  readonly ground: Ground;
  readonly things: readonly Thing[];
}

/** A scene with its picture. */
export interface Scene extends SceneTruth {
  readonly image: Image;
}

/** Most things of a scene. */
export const mostThings = 5;

/** What is in the scene of a seed, unpainted. Throws RequestError for a seed that is no integer. */
export function sceneTruth(seed: number): SceneTruth {
  if (!Number.isSafeInteger(seed)) throw new RequestError(`scene: seed is ${seed}, expected an integer`);
  const random = new Random("scene content", seed);
  const size = { width: random.int(112, 224), height: random.int(112, 224) };
  const ground = random.pick(groundNames);
  return { seed, size, ground, things: laidOut(random, ground, size) };
}

/** Draws a scene. `effects`: 0 clean to 1 the worst photograph. Throws RequestError for a seed that is no integer and effects outside 0..1. */
export function scene(seed: number, effects = 0): Scene {
  if (!(effects >= 0 && effects <= 1)) throw new RequestError(`scene: effects is ${effects}, expected 0 to 1`);
  const truth = sceneTruth(seed);
  return { ...truth, image: painted(new Random("scene looks", seed), truth, effects) };
}

/** Which things there are, and where: none touches another, none is cut, and none is between two of the nine places of a scene. */
function laidOut(random: Random, ground: Ground, size: Size): Thing[] {
  const count = random.pick([1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5]);
  const things: Thing[] = [];
  for (let i = 0; i < count; i++) {
    const what = chosen(random, things, ground);
    const box = placed(random, what.kind, things, size);
    if (box) things.push({ ...what, box });
  }
  return things.sort((a, b) => middle(a)[0] - middle(b)[0]);
}

type What = Pick<Thing, "kind" | "colour" | "word">;

/** At times another of those that are there, so that there is something to count; at most one sign. */
function chosen(random: Random, before: readonly Thing[], ground: Ground): What {
  const again = before.filter(({ kind }) => kind !== "sign");
  if (again.length && random.chance(0.35)) {
    const { kind, colour } = random.pick(again);
    return { kind, colour };
  }
  const kinds = before.some(({ kind }) => kind === "sign") ? thingKinds.filter((kind) => kind !== "sign") : thingKinds;
  const kind = random.pick(kinds);
  const colour = random.pick(colourNames.filter((name) => name !== ground));
  return kind === "sign" ? { kind, colour, word: random.pick(signWords) } : { kind, colour };
}

/** The middle of a thing, in pixels. */
export const middle = ({ box: [x1, y1, x2, y2] }: Pick<Thing, "box">): [x: number, y: number] => [
  (x1 + x2) / 2,
  (y1 + y2) / 2,
];

const margin = 0.02;

function placed(random: Random, kind: ThingKind, things: readonly Thing[], size: Size): Box | undefined {
  const { width, height } = size;
  const least = Math.min(width, height);
  for (let tries = 0; tries < 60; tries++) {
    // The longer it is looked for, the smaller a place will do.
    const scale = least * random.real(0.2, 0.44 - 0.003 * tries) * (kind === "sign" ? 1.2 : 1);
    const [w, h] = [scale * Math.sqrt(aspect(kind)), scale / Math.sqrt(aspect(kind))];
    const x = random.real(margin * width, width * (1 - margin) - w);
    const y = random.real(margin * height, height * (1 - margin) - h);
    const box: Box = [x, y, x + w, y + h];
    const fits = things.every((other) => apart(box, other.box, margin * least) && !level(box, other.box, size));
    if (fits && settled(middle({ box }), size)) return box;
  }
  return undefined;
}

const apart = (a: Box, b: Box, gap: number): boolean =>
  a[2] + gap < b[0] || b[2] + gap < a[0] || a[3] + gap < b[1] || b[3] + gap < a[1];

/** Whether nobody could say which of two is further left. */
const level = (a: Box, b: Box, { width }: Size): boolean =>
  Math.abs(middle({ box: a })[0] - middle({ box: b })[0]) < margin * width;

/** Whether the middle lies clearly in one of the nine places. */
const settled = ([x, y]: readonly [number, number], { width, height }: Size): boolean =>
  [x / width, y / height].every((part) => [1 / 3, 2 / 3].every((border) => Math.abs(part - border) > 0.025));

const css = (rgb: readonly number[]): string => `rgb(${rgb.map(Math.round).join(",")})`;

function painted(random: Random, { things, ground, size }: SceneTruth, effects: number): Image {
  const { width, height } = size;
  const canvas = createCanvas(width, height);
  const pen = canvas.getContext("2d");
  const shade = (rgb: Rgb, most: number): number[] =>
    rgb.map((level) => Math.min(255, Math.max(0, level + random.real(-most, most))));
  pen.fillStyle = css(shade(grounds[ground], 6));
  pen.fillRect(0, 0, width, height);
  for (const { kind, colour, box, word = "" } of things) {
    const [x, y, right, bottom] = box;
    const own = css(shade(colours[colour], 14));
    pen.save();
    pen.translate(x, y);
    pen.fillStyle = own;
    paint(kind, {
      pen,
      width: right - x,
      height: bottom - y,
      colour: own,
      detail: detailOf(kind, colour, ground),
      word,
    });
    pen.restore();
  }
  const image = { data: opaque(canvas.data(), width * height), width, height };
  if (effects > 0) expose(image, { ...weather(random, effects), streaks: 0, fade: 0 }, random);
  return image;
}

/** Light on dark things, dark on light ones; what stands on the ground itself also has to stand out from that. */
function detailOf(kind: ThingKind, colour: Colour, ground: Ground): string {
  const dark = ["black", "brown", "purple", "blue", "green", "red"].includes(colour);
  if (kind === "tree") return ground === "black" ? "#b08a5a" : "#6b4423";
  if (kind === "car" || kind === "boat") return ground === "black" ? "#c8c8c8" : dark ? "#3c3c3c" : "#2c2c2c";
  return dark ? "#f4f4e8" : "#1c1c28";
}
