/** What stands in drawn scenes: shapes and simple objects in plain colours, and the grounds they stand on. */
import type { SKRSContext2D } from "@napi-rs/canvas";
import { family } from "./fonts.ts";

export type Rgb = readonly [red: number, green: number, blue: number];

/** The name of a colour that a thing may have. */
export type Colour =
  | "red"
  | "orange"
  | "yellow"
  | "green"
  | "blue"
  | "purple"
  | "pink"
  | "brown"
  | "black"
  | "white"
  | "gray";

/** Every such colour. */
export const colours: Readonly<Record<Colour, Rgb>> = {
  red: [212, 38, 38],
  orange: [245, 130, 10],
  yellow: [244, 204, 20],
  green: [38, 150, 58],
  blue: [34, 84, 204],
  purple: [124, 48, 170],
  pink: [244, 130, 180],
  brown: [124, 74, 34],
  black: [20, 20, 20],
  white: [252, 252, 252],
  gray: [134, 134, 134],
};
export const colourNames: readonly Colour[] = Object.keys(colours) as Colour[];

/** The name of a ground; a thing of the same colour never stands on it. */
export type Ground = Extract<Colour, "white" | "black" | "gray" | "blue" | "green" | "yellow" | "pink">;

/** Every ground. */
export const grounds: Readonly<Record<Ground, Rgb>> = {
  white: [250, 250, 250],
  black: [12, 12, 14],
  gray: [168, 168, 168],
  blue: [172, 208, 240],
  green: [192, 228, 182],
  yellow: [250, 240, 180],
  pink: [250, 212, 224],
};
export const groundNames: readonly Ground[] = Object.keys(grounds) as Ground[];

/** A place to paint in: the thing fills the box from (0, 0) to (width, height) and touches all four sides. */
interface Room {
  readonly pen: SKRSContext2D;
  readonly width: number;
  readonly height: number;
  /** The thing's own colour. */
  readonly colour: string;
  /** What stands out from it, for windows, wheels and eyes. */
  readonly detail: string;
  /** The word on a sign. */
  readonly word: string;
}

type Point = readonly [x: number, y: number];

/** A filled outline through points, stretched so that it touches all four sides. */
function outline({ pen, width, height }: Room, points: readonly Point[]): void {
  const spans = [0, 1].map((axis) => {
    const all = points.map((point) => point[axis]);
    return [Math.min(...all), Math.max(...all)] as const;
  });
  const [[left, right], [top, bottom]] = spans;
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(((x - left) / (right - left)) * width, ((y - top) / (bottom - top)) * height);
  pen.closePath();
  pen.fill();
}

function oval({ pen, width, height }: Room, x: number, y: number, across: number, down = across): void {
  pen.beginPath();
  pen.ellipse(x * width, y * height, (across / 2) * width, (down / 2) * height, 0, 0, 2 * Math.PI);
  pen.fill();
}

function block({ pen, width, height }: Room, left: number, top: number, right: number, bottom: number): void {
  pen.fillRect(left * width, top * height, (right - left) * width, (bottom - top) * height);
}

/** Points on a circle, `spikes` of them far out and as many near the middle. */
const spiked = (spikes: number, inner: number): Point[] =>
  Array.from({ length: 2 * spikes }, (_, i) => {
    const [r, angle] = [i % 2 ? inner : 1, (Math.PI * i) / spikes - Math.PI / 2];
    return [r * Math.cos(angle), r * Math.sin(angle)] as const;
  });

/** The curve of a heart, from the notch round. */
const heart: readonly Point[] = Array.from({ length: 60 }, (_, i) => {
  const t = (2 * Math.PI * i) / 60;
  return [16 * Math.sin(t) ** 3, -(13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t))];
});

/** The outer and, backwards, the inner arc of a crescent. */
const crescent: readonly Point[] = [
  ...Array.from({ length: 31 }, (_, i): Point => {
    const t = Math.PI * (i / 30 + 0.5);
    return [Math.cos(t), Math.sin(t)];
  }),
  ...Array.from({ length: 31 }, (_, i): Point => {
    const t = Math.PI * (1.5 - i / 30);
    return [0.5 * Math.cos(t), Math.sin(t)];
  }),
];

interface Drawing {
  readonly many: string;
  /** Width over height. */
  readonly aspect: number;
  paint(room: Room): void;
}

const of = (many: string, aspect: number, paint: (room: Room) => void): Drawing => ({ many, aspect, paint });

export type ThingKind =
  | "circle"
  | "square"
  | "triangle"
  | "star"
  | "heart"
  | "cross"
  | "ring"
  | "moon"
  | "house"
  | "tree"
  | "car"
  | "boat"
  | "fish"
  | "flower"
  | "cup"
  | "sign";

/** Everything that can be drawn. */
const drawings: Readonly<Record<ThingKind, Drawing>> = {
  circle: of("circles", 1, (r) => oval(r, 0.5, 0.5, 1)),
  square: of("squares", 1, (r) => block(r, 0, 0, 1, 1)),
  triangle: of("triangles", 1.1, (r) =>
    outline(r, [
      [0, 1],
      [0.5, 0],
      [1, 1],
    ]),
  ),
  star: of("stars", 1.05, (r) => outline(r, spiked(5, 0.4))),
  heart: of("hearts", 1.1, (r) => outline(r, heart)),
  cross: of("crosses", 1, (r) => {
    block(r, 0.33, 0, 0.67, 1);
    block(r, 0, 0.33, 1, 0.67);
  }),
  ring: of("rings", 1, ({ pen, width, height }) => {
    pen.beginPath();
    pen.ellipse(width / 2, height / 2, width / 2, height / 2, 0, 0, 2 * Math.PI);
    pen.ellipse(width / 2, height / 2, width * 0.27, height * 0.27, 0, 0, 2 * Math.PI);
    pen.fill("evenodd");
  }),
  moon: of("moons", 0.6, (r) => outline(r, crescent)),
  house: of("houses", 0.95, (r) => {
    block(r, 0.08, 0.42, 0.92, 1);
    roof(r);
    r.pen.fillStyle = r.detail;
    block(r, 0.42, 0.66, 0.6, 1);
    block(r, 0.18, 0.52, 0.34, 0.68);
  }),
  tree: of("trees", 0.75, (r) => {
    r.pen.fillStyle = r.detail;
    block(r, 0.4, 0.6, 0.6, 1);
    r.pen.fillStyle = r.colour;
    oval(r, 0.5, 0.36, 1, 0.72);
  }),
  car: of("cars", 1.8, (r) => {
    block(r, 0, 0.4, 1, 0.8);
    block(r, 0.2, 0, 0.75, 0.45);
    r.pen.fillStyle = r.detail;
    block(r, 0.26, 0.1, 0.45, 0.36);
    block(r, 0.5, 0.1, 0.69, 0.36);
    oval(r, 0.22, 0.8, 0.22, 0.4);
    oval(r, 0.78, 0.8, 0.22, 0.4);
  }),
  boat: of("boats", 1.1, (r) => {
    r.pen.fillStyle = r.detail;
    block(r, 0.45, 0.05, 0.49, 0.7);
    r.pen.fillStyle = r.colour;
    trapezoid(r);
    sail(r);
  }),
  fish: of("fish", 1.7, (r) => {
    oval(r, 0.38, 0.5, 0.76, 1);
    tail(r);
    r.pen.fillStyle = r.detail;
    oval(r, 0.2, 0.38, 0.08, 0.14);
  }),
  flower: of("flowers", 1, (r) => {
    for (const [x, y] of [
      [0.25, 0.25],
      [0.75, 0.25],
      [0.25, 0.75],
      [0.75, 0.75],
    ])
      oval(r, x, y, 0.5);
    r.pen.fillStyle = r.detail;
    oval(r, 0.5, 0.5, 0.36);
  }),
  cup: of("cups", 1.15, (r) => {
    r.pen.strokeStyle = r.colour;
    r.pen.lineWidth = 0.1 * r.width;
    r.pen.beginPath();
    r.pen.ellipse(0.74 * r.width, 0.45 * r.height, 0.21 * r.width, 0.22 * r.height, 0, 0, 2 * Math.PI);
    r.pen.stroke();
    block(r, 0, 0, 0.74, 1);
    r.pen.fillStyle = r.detail;
    block(r, 0.08, 0.06, 0.66, 0.16);
  }),
  sign: of("signs", 1.5, (r) => {
    block(r, 0.46, 0.6, 0.54, 1);
    block(r, 0, 0, 1, 0.66);
    r.pen.fillStyle = r.detail;
    letters(r);
  }),
};
export const thingKinds: readonly ThingKind[] = Object.keys(drawings) as ThingKind[];

/** The words on signs. */
export const signWords: readonly string[] = [
  "STOP",
  "EXIT",
  "OPEN",
  "TAXI",
  "CAFE",
  "SALE",
  "BUS",
  "ZOO",
  "HOTEL",
  "PARK",
];

/** Of two and more. */
export const many = (kind: ThingKind): string => drawings[kind].many;
export const aspect = (kind: ThingKind): number => drawings[kind].aspect;

/** Paints a thing with its top left corner at the pen's origin. */
export const paint = (kind: ThingKind, room: Room): void => drawings[kind].paint(room);

/** Fills a path given in parts of the room. */
function path({ pen, width, height }: Room, points: readonly Point[]): void {
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x * width, y * height);
  pen.closePath();
  pen.fill();
}

const roof = (r: Room): void =>
  path(r, [
    [0, 0.46],
    [0.5, 0],
    [1, 0.46],
  ]);
const trapezoid = (r: Room): void =>
  path(r, [
    [0, 0.68],
    [1, 0.68],
    [0.82, 1],
    [0.18, 1],
  ]);
const sail = (r: Room): void =>
  path(r, [
    [0.52, 0],
    [0.9, 0.62],
    [0.52, 0.62],
  ]);
const tail = (r: Room): void =>
  path(r, [
    [0.66, 0.5],
    [1, 0.08],
    [1, 0.92],
  ]);

function letters({ pen, width, height, word }: Room): void {
  const { bold } = family("arimo");
  const length = [...word].reduce((sum, char) => sum + bold.advance(char), 0);
  const size = Math.min((0.88 * width) / length, (0.5 * height) / bold.cap);
  pen.font = `${size}px ${bold.name}`;
  pen.fillText(word, (width - length * size) / 2, 0.33 * height + (bold.cap * size) / 2);
}
