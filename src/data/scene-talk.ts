/** What can be said and asked of a drawn scene, in the forms that TinyGPT-V's fourth stage learns. */
import { type Box, hundredthsOf } from "../text/boxes.ts";
import type { Random } from "./random.ts";
import { middle, mostThings, type SceneTruth, type Thing } from "./scene.ts";
import { type Colour, colourNames, many, type ThingKind, thingKinds } from "./things.ts";

/** What is asked for: the six tasks of the fourth stage, a description in whole sentences, and a question in plain words. */
export type SceneTask = "caption" | "detail" | "plain" | "vqa" | "refer" | "identify" | "detection" | "grounding";

/** A question about a scene with its only right answer. `name` is what a question of words is about. */
export interface SceneQuestion {
  readonly task: SceneTask;
  readonly name?: QuestionName;
  readonly question: string;
  readonly answer: string;
}

/** Things of one kind and colour, which captions count together. */
interface Group {
  readonly kind: ThingKind;
  readonly colour: Colour;
  readonly word: string | undefined;
  readonly things: readonly Thing[];
}

/** In the order of the first thing of each. */
function groupsOf({ things }: SceneTruth): Group[] {
  const groups = new Map<string, Thing[]>();
  for (const thing of things) {
    const key = `${thing.colour} ${thing.kind}`;
    groups.set(key, [...(groups.get(key) ?? []), thing]);
  }
  return [...groups.values()].map((things) => ({ ...things[0], word: things[0].word, things }));
}

const numbers = ["no", "one", "two", "three", "four", "five"];
const article = (word: string): string => (/^[aeiou]/.test(word) ? "an" : "a");

/** "a red star", "two red stars", "a blue sign that says STOP". */
function phrase({ kind, colour, word, things }: Group): string {
  if (things.length > 1) return `${numbers[things.length]} ${colour} ${many(kind)}`;
  return `${article(colour)} ${colour} ${kind}${word ? ` that says ${word}` : ""}`;
}

const listed = (parts: readonly string[]): string =>
  parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;

/** One of the nine places of a scene. */
function placeOf(thing: Thing, { size: { width, height } }: SceneTruth): string {
  const [x, y] = middle(thing);
  const column = ["left", "", "right"][Math.floor((3 * x) / width)];
  const row = ["top", "", "bottom"][Math.floor((3 * y) / height)];
  return `${row} ${column}`.trim() || "middle";
}

/** "at the top left", "on the right", "in the middle". */
const within = (place: string): string =>
  `${place === "middle" ? "in" : /^(left|right)$/.test(place) ? "on" : "at"} the ${place}`;

/** What is there, from left to right. */
export const captionOf = (scene: SceneTruth): string => listed(groupsOf(scene).map(phrase));

/** Where each thing is, and on what. */
export function detailOf(scene: SceneTruth): string {
  const parts = scene.things.map((thing) => {
    const one = { ...thing, word: thing.word, things: [thing] };
    return `${phrase(one)} ${within(placeOf(thing, scene))}`;
  });
  return `There is ${listed(parts)}. The background is ${scene.ground}.`;
}

const boxText = (box: Box, { size }: SceneTruth): string => hundredthsOf(box, size);
const boxesText = (things: readonly Thing[], scene: SceneTruth): string =>
  things.map(({ box }) => boxText(box, scene)).join("<delim>");

/** The caption with the boxes of what it names. */
export const groundedOf = (scene: SceneTruth): string =>
  listed(groupsOf(scene).map((group) => `<p>${phrase(group)}</p> ${boxesText(group.things, scene)}`));

/** How many words describe a scene to a language model that cannot see. */
export const descriptionLength: number = 6 * mostThings + 2;

/** A scene in words at fixed places, each one token: of each thing its colour, its kind and its edges in hundredths, then the ground and what a sign says. */
export function described({ things, ground, size: { width, height } }: SceneTruth): string[] {
  const words = things.flatMap(({ kind, colour, box }) => [
    ` ${colour}`,
    ` ${kind}`,
    ...box.map((edge, i) => `${Math.trunc((edge / (i % 2 ? height : width)) * 100)}`),
  ]);
  const rest = Array<string>(6 * mostThings - words.length).fill(nothing);
  return [...words, ...rest, ` ${ground}`, things.find(({ word }) => word)?.word ?? nothing];
}

/** The word for what is not there. */
const nothing = " nothing";

/** "the star" where there is one star, "the red star" where there are more but one red one; undefined where words do not tell it from others. */
function named(thing: Thing, { things }: SceneTruth): string | undefined {
  const kind = things.filter((other) => other.kind === thing.kind);
  if (kind.length === 1) return `the ${thing.kind}`;
  const same = kind.filter((other) => other.colour === thing.colour);
  return same.length === 1 ? `the ${thing.colour} ${thing.kind}` : undefined;
}

/** The four sides, and whether a thing lies wholly on that side of another. */
const sides: Readonly<Record<string, (a: Box, b: Box) => boolean>> = {
  "to the left of": (a, b) => a[2] < b[0],
  "to the right of": (a, b) => a[0] > b[2],
  above: (a, b) => a[3] < b[1],
  below: (a, b) => a[1] > b[3],
};
const opposite: Readonly<Record<string, string>> = {
  "to the left of": "to the right of",
  "to the right of": "to the left of",
  above: "below",
  below: "above",
};

type Ask = (scene: SceneTruth, random: Random) => { question: string; answer: string } | undefined;

/** A thing that words tell from the others. */
function one(scene: SceneTruth, random: Random): { thing: Thing; name: string } | undefined {
  const all = scene.things.flatMap((thing) => {
    const name = named(thing, scene);
    return name ? [{ thing, name }] : [];
  });
  return all.length ? random.pick(all) : undefined;
}

/** What a question of words is about. */
export type QuestionName =
  | "colour"
  | "kind"
  | "count"
  | "yesno"
  | "place"
  | "relation"
  | "neighbour"
  | "background"
  | "sign";

/** Questions of words; each is undefined of scenes that do not allow it. */
const asks: Readonly<Record<QuestionName, Ask>> = {
  colour: (scene, random) => {
    const single = scene.things.filter(({ kind }) => scene.things.filter((other) => other.kind === kind).length === 1);
    if (!single.length) return undefined;
    const { kind, colour } = random.pick(single);
    return { question: `What color is the ${kind}?`, answer: colour };
  },
  kind: (scene, random) => {
    const single = scene.things.filter(
      ({ colour }) => scene.things.filter((other) => other.colour === colour).length === 1,
    );
    if (!single.length) return undefined;
    const { kind, colour } = random.pick(single);
    return { question: `What is ${colour}?`, answer: `the ${kind}` };
  },
  count: (scene, random) => {
    if (random.chance(0.3)) return { question: "How many things are there?", answer: `${scene.things.length}` };
    const kind = random.chance(0.2) ? random.pick(thingKinds) : random.pick(scene.things).kind;
    const count = scene.things.filter((thing) => thing.kind === kind).length;
    return { question: `How many ${many(kind)} are there?`, answer: `${count}` };
  },
  yesno: (scene, random) => {
    const { kind, colour } = random.pick(scene.things);
    const asked = random.chance(0.5)
      ? { kind, colour }
      : random.chance(0.5)
        ? { kind, colour: random.pick(colourNames) }
        : { kind: random.pick(thingKinds), colour };
    const there = scene.things.some((thing) => thing.kind === asked.kind && thing.colour === asked.colour);
    return {
      question: `Is there ${article(asked.colour)} ${asked.colour} ${asked.kind}?`,
      answer: there ? "yes" : "no",
    };
  },
  place: (scene, random) => {
    const chosen = one(scene, random);
    return chosen && { question: `Where is ${chosen.name}?`, answer: within(placeOf(chosen.thing, scene)) };
  },
  relation: (scene, random) => {
    const [a, b] = random.sample(scene.things, 2);
    const [first, second] = [a, b].map((thing) => thing && named(thing, scene));
    if (!first || !second) return undefined;
    const holding = Object.keys(sides).filter((side) => sides[side](a.box, b.box));
    const side = random.pick(holding);
    const right = random.chance(0.5);
    return {
      question: `Is ${first} ${right ? side : opposite[side]} ${second}?`,
      answer: right ? "yes" : "no",
    };
  },
  neighbour: (scene, random) => {
    if (scene.things.length !== 2) return undefined;
    const [a, b] = random.sample(scene.things, 2);
    if (a.kind === b.kind) return undefined;
    const side = random.pick(Object.keys(sides).filter((side) => sides[side](a.box, b.box)));
    return { question: `What is ${side} the ${b.kind}?`, answer: `the ${a.kind}` };
  },
  background: ({ ground }) => ({ question: "What color is the background?", answer: ground }),
  sign: ({ things }) => {
    const word = things.find(({ word }) => word)?.word;
    return word ? { question: "What does the sign say?", answer: word } : undefined;
  },
};
export const questionNames: readonly QuestionName[] = Object.keys(asks) as QuestionName[];

/** The pools of MiniGPT-v2's instructions; `{}` stands for the words or the box. The first of each is what `--task` asks. */
const pools: Readonly<Record<SceneTask, readonly string[]>> = {
  caption: [
    "[caption] Briefly describe this image.",
    "[caption] Provide a concise depiction of this image.",
    "[caption] Present a short description of this image.",
    "[caption] Summarize this image in a few words.",
  ],
  detail: [
    "Describe this image in detail.",
    "Take a look at this image and describe what you notice.",
    "Please provide a detailed description of the picture.",
    "Could you describe the contents of this image for me?",
  ],
  plain: ["{}"],
  vqa: ["[vqa] {}", "[vqa] Based on the image, respond to this question with a short answer: {}"],
  refer: [
    "[refer] {}",
    "[refer] give me the location of {}",
    "[refer] where is {} ?",
    "[refer] from this image, tell me the location of {}",
    "[refer] the location of {} is",
  ],
  identify: [
    "[identify] {}",
    "[identify] what object is in this location {}",
    "[identify] identify the object present at this location {}",
    "[identify] what is it in {}",
  ],
  detection: ["[detection] {}"],
  grounding: [
    "[grounding] please describe this image in details",
    "[grounding] describe this image as detailed as possible",
    "[grounding] summarize this image in details",
  ],
};

export const sceneTasks: readonly SceneTask[] = Object.keys(pools) as SceneTask[];

/** One question for a task, in the words of its pool; `wording` chooses them. Undefined of scenes that do not allow it. */
export function sceneQuestion(
  task: SceneTask,
  scene: SceneTruth,
  random: Random,
  { name, first = false }: { name?: QuestionName; first?: boolean } = {},
): SceneQuestion | undefined {
  const asked = wordsOf(task, scene, random, name ?? random.pick(questionNames));
  if (!asked) return undefined;
  const form = first ? pools[task][0] : random.pick(pools[task]);
  return { ...asked, task, question: form.replace("{}", () => asked.question) };
}

function wordsOf(
  task: SceneTask,
  scene: SceneTruth,
  random: Random,
  name: QuestionName,
): { name?: QuestionName; question: string; answer: string } | undefined {
  switch (task) {
    case "caption":
      return { question: "", answer: captionOf(scene) };
    case "detail":
      return { question: "", answer: detailOf(scene) };
    case "grounding":
      return { question: "", answer: groundedOf(scene) };
    case "plain":
    case "vqa": {
      const asked = asks[name](scene, random);
      return asked && { name, ...asked };
    }
    case "refer": {
      const chosen = one(scene, random);
      return chosen && { question: chosen.name, answer: boxText(chosen.thing.box, scene) };
    }
    case "identify": {
      const thing = random.pick(scene.things);
      return { question: boxText(thing.box, scene), answer: `${thing.colour} ${thing.kind}` };
    }
    case "detection": {
      const { kind } = random.pick(scene.things);
      const all = scene.things.filter((thing) => thing.kind === kind);
      return { question: kind, answer: `<p>${kind}</p> ${boxesText(all, scene)}` };
    }
  }
}
