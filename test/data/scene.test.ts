/** Drawn scenes: what is told of them is what is in the picture. */
import { describe, expect, test } from "vitest";
import { Random } from "../../src/data/random.ts";
import { middle, scene, sceneTruth } from "../../src/data/scene.ts";
import {
  captionOf,
  described,
  descriptionLength,
  detailOf,
  groundedOf,
  type questionNames,
  type SceneTask,
  sceneQuestion,
} from "../../src/data/scene-talk.ts";
import { grounds, thingKinds } from "../../src/data/things.ts";
import { RequestError } from "../../src/errors.ts";
import { boxesIn } from "../../src/text/boxes.ts";

const seeds = Array.from({ length: 60 }, (_, i) => 500 + i);

test("a scene is the same for the same seed, another for the next, and its truth needs no picture", () => {
  expect(scene(9)).toEqual(scene(9));
  expect(scene(9, 0.5)).toEqual(scene(9, 0.5));
  expect(sceneTruth(10)).not.toEqual({ ...sceneTruth(9), seed: 10 });
  const { image, ...truth } = scene(9);
  expect(truth).toEqual(sceneTruth(9));
  expect(image).toMatchObject(truth.size);
  expect(() => scene(1.5)).toThrow(RequestError);
  expect(() => scene(1, 2)).toThrow(RequestError);
});

test("every thing fills its box to all four sides, and nothing is painted outside the boxes", () => {
  for (const seed of seeds) {
    const { image, things, ground } = scene(seed);
    const { data, width, height } = image;
    const far = (x: number, y: number): boolean =>
      grounds[ground].some((level, channel) => Math.abs(data[3 * (y * width + x) + channel] - level) > 16);
    const outside = new Set<number>();
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (far(x, y)) outside.add(y * width + x);
    for (const { box, kind } of things) {
      const inside = [...outside].filter((at) => {
        const [x, y] = [at % width, Math.floor(at / width)];
        return x > box[0] - 2 && x < box[2] + 1 && y > box[1] - 2 && y < box[3] + 1;
      });
      const xs = inside.map((at) => at % width);
      const ys = inside.map((at) => Math.floor(at / width));
      const edges = [Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1];
      edges.forEach((edge, i) => {
        expect(Math.abs(edge - box[i]), `edge ${i} of the ${kind} of seed ${seed}`).toBeLessThan(3.5);
      });
      for (const at of inside) outside.delete(at);
    }
    expect(outside.size, `seed ${seed}`).toBe(0);
  }
});

test("things are in order from left to right, and every kind comes up", () => {
  const all = seeds.map((seed) => sceneTruth(seed).things);
  for (const things of all) {
    const lefts = things.map((thing) => middle(thing)[0]);
    expect(lefts).toEqual([...lefts].sort((a, b) => a - b));
    expect(things.length).toBeGreaterThan(0);
  }
  expect(new Set(all.flat().map(({ kind }) => kind)).size).toBe(thingKinds.length);
});

const size = { width: 200, height: 100 };
const star = { kind: "star", colour: "red", box: [20, 10, 60, 40] } as const;
const second = { ...star, box: [80, 60, 120, 90] } as const;
const sign = { kind: "sign", colour: "orange", box: [140, 60, 190, 95], word: "STOP" } as const;
const known = { seed: 1, size, ground: "white", things: [star, second, sign] } as const;

test("a scene is put into words as a person would", () => {
  expect(captionOf(known)).toBe("two red stars and an orange sign that says STOP");
  expect(detailOf(known)).toBe(
    "There is a red star at the top left, a red star at the bottom and an orange sign that says STOP at the bottom right. The background is white.",
  );
  expect(groundedOf(known)).toBe(
    "<p>two red stars</p> {<10><10><30><40>}<delim>{<40><60><60><90>} and <p>an orange sign that says STOP</p> {<70><60><95><95>}",
  );
  expect(described(known).slice(0, 8)).toEqual([" red", " star", "10", "10", "30", "40", " red", " star"]);
  expect(described(known).slice(-2)).toEqual([" white", "STOP"]);
  expect(described(known)).toHaveLength(descriptionLength);
});

describe("questions", () => {
  const all = (task: SceneTask, name?: (typeof questionNames)[number]): string[] =>
    Array.from({ length: 40 }, (_, i) => sceneQuestion(task, known, new Random("test", i), { name, first: true })).map(
      (asked) => (asked ? `${asked.question} ${asked.answer}` : "none"),
    );

  test.each<[SceneTask, (typeof questionNames)[number] | undefined, string[]]>([
    ["vqa", "colour", ["[vqa] What color is the sign? orange"]],
    ["vqa", "kind", ["[vqa] What is orange? the sign"]],
    ["vqa", "background", ["[vqa] What color is the background? white"]],
    ["plain", "sign", ["What does the sign say? STOP"]],
    ["vqa", "place", ["[vqa] Where is the sign? at the bottom right"]],
    ["vqa", "neighbour", ["none"]],
    ["refer", undefined, ["[refer] the sign {<70><60><95><95>}"]],
    [
      "identify",
      undefined,
      [
        "[identify] {<10><10><30><40>} red star",
        "[identify] {<40><60><60><90>} red star",
        "[identify] {<70><60><95><95>} orange sign",
      ],
    ],
    [
      "detection",
      undefined,
      [
        "[detection] sign <p>sign</p> {<70><60><95><95>}",
        "[detection] star <p>star</p> {<10><10><30><40>}<delim>{<40><60><60><90>}",
      ],
    ],
  ])("%s %s have these answers and no others", (task, name, expected) => {
    expect([...new Set(all(task, name))].sort()).toEqual(expected);
  });

  test("counts are those of the scene, of what is not there too", () => {
    const counts = new Set(all("vqa", "count"));
    expect(counts).toContain("[vqa] How many stars are there? 2");
    expect(counts).toContain("[vqa] How many things are there? 3");
    const absent = [...counts].filter((text) => !/star|sign|thing/.test(text));
    expect(absent.length).toBeGreaterThan(0);
    expect(absent.every((text) => text.endsWith(" 0"))).toBe(true);
  });

  test("relations hold on the side that is said, and not on the other", () => {
    const two = { ...known, things: [star, sign] };
    const asked = Array.from({ length: 60 }, (_, i) =>
      sceneQuestion("vqa", two, new Random("test", i), { name: "relation", first: true }),
    ).map((q) => `${q?.question} ${q?.answer}`);
    expect([...new Set(asked)].sort()).toEqual([
      "[vqa] Is the sign above the star? no",
      "[vqa] Is the sign below the star? yes",
      "[vqa] Is the sign to the left of the star? no",
      "[vqa] Is the sign to the right of the star? yes",
      "[vqa] Is the star above the sign? yes",
      "[vqa] Is the star below the sign? no",
      "[vqa] Is the star to the left of the sign? yes",
      "[vqa] Is the star to the right of the sign? no",
    ]);
  });

  test("yes is as frequent as no", () => {
    const answers = seeds.flatMap((seed) =>
      (["yesno", "relation"] as const).map(
        (name) => sceneQuestion("vqa", sceneTruth(seed), new Random("test", seed), { name })?.answer,
      ),
    );
    const yes = answers.filter((answer) => answer === "yes").length;
    const no = answers.filter((answer) => answer === "no").length;
    expect(yes / (yes + no)).toBeGreaterThan(0.35);
    expect(yes / (yes + no)).toBeLessThan(0.65);
  });

  test("the boxes of a grounded caption are those of the things", () => {
    for (const seed of seeds) {
      const truth = sceneTruth(seed);
      const boxes = boxesIn(groundedOf(truth), truth.size);
      expect(boxes).toHaveLength(truth.things.length);
      for (const { box } of truth.things) {
        const nearest = Math.min(...boxes.map((b) => Math.max(...b.box.map((edge, i) => Math.abs(edge - box[i])))));
        expect(nearest).toBeLessThanOrEqual(Math.max(truth.size.width, truth.size.height) / 100);
      }
    }
  });
});
