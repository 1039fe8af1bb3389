/** A scene with questions as the trainer eats it: a picture, token ids, what to predict, and what stands where. */
import type { Scene, SceneTruth } from "../data/scene.ts";
import { described, type SceneQuestion } from "../data/scene-talk.ts";
import { colourNames, thingKinds } from "../data/things.ts";
import type { Feeds, Values } from "../graph/engine.ts";
import type { TinyGptVFolder } from "../models/tinygpt-v.ts";
import { promptIds } from "../text/template.ts";
import { chatTemplate } from "../text/templates.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { resize } from "../vision/resize.ts";
import { clipNormal } from "../vision/tiles.ts";
import type { BatchShape } from "./losses.ts";
import { padded, pixels, rowsOf } from "./pack.ts";
import type { Sample } from "./sample.ts";

/** What is told of a patch: the number of the kind that stands on it, 0 for none, of its colour, or that of the ground, its place from the left, −1 for none, and
 *  its four edges in hundredths of the image's sides. */
export const patchFacts = 7;

/** Patches of a picture. */
export const patchesOf = (c: TinyGptVFolder): number => (c.image_size / patchSize(c)) ** 2;
const patchSize = ({ vit }: TinyGptVFolder): number => vit.patch_size;

/** The template that a run asks and answers by, in every phase. */
export const sceneTemplate = "tinygpt-v-stage4";

/** What an answer ends with. */
export const endMark = "###";

/** A picture where there is one, what is true of it, and as many of the questions as fit into `maxTokens`, as segments behind a shared prefix (see Sample). */
export function sceneSample(
  scene: Scene | SceneTruth,
  questions: readonly SceneQuestion[],
  c: TinyGptVFolder,
  tokenizer: Tokenizer,
  maxTokens: number,
): Sample {
  const shown = "image" in scene ? resize(scene.image, c.image_size, c.image_size).data : new Uint8Array();
  const words = described(scene).flatMap((word) => tokenizer.encode(word));
  const dense = Int32Array.from([...patchLabels(scene, c), ...words]);
  return {
    count: 1,
    cells: [],
    looks: [],
    tiles: shown,
    dense,
    ...packed(questions, c, tokenizer, maxTokens),
    before: [],
  };
}

type Row = Pick<Sample, "ids" | "targets" | "positions" | "segments" | "answers">;

function packed(questions: readonly SceneQuestion[], c: TinyGptVFolder, tokenizer: Tokenizer, most: number): Row {
  const template = chatTemplate(sceneTemplate);
  const row: Row = { ids: [], targets: [], positions: [], segments: [], answers: [] };
  const placeholder = tokenizer.id("<IMG_CONTEXT>");
  let segment = 0;
  for (const { question, answer } of questions) {
    const messages = [{ role: "user" as const, content: `<image>\n${question}` }];
    const prompt = promptIds(tokenizer, messages, { template, imageTokens: [c.qformer.query_length] });
    const ids = [...prompt, ...tokenizer.encode(answer + endMark)];
    const prefix = prompt.lastIndexOf(-1) + 1;
    const start = segment === 0 ? 0 : prefix;
    if (row.ids.length + ids.length - start > most) continue;
    segment++;
    for (let i = start; i < ids.length; i++) {
      row.ids.push(ids[i] < 0 ? placeholder : ids[i]);
      row.positions.push(i);
      row.segments.push(i < prefix ? 0 : segment);
      row.answers.push(segment);
      row.targets.push(i + 1 < ids.length && i + 1 >= prompt.length ? ids[i + 1] : -1);
    }
  }
  return row;
}

/** The facts of each patch, by rows: a thing stands on the patches whose middle is in its box. */
function patchLabels({ things, ground, size: { width, height } }: SceneTruth, c: TinyGptVFolder): number[] {
  const side = c.image_size / patchSize(c);
  return Array.from({ length: side * side }, (_, at) => {
    const [x, y] = [((at % side) + 0.5) / side, (Math.floor(at / side) + 0.5) / side];
    const rank = things.findIndex(
      ({ box: [x1, y1, x2, y2] }) => x1 <= x * width && x * width < x2 && y1 <= y * height && y * height < y2,
    );
    if (rank < 0) return [0, colourNames.indexOf(ground), -1, 0, 0, 0, 0];
    const { kind, colour, box } = things[rank];
    const edges = box.map((edge, i) => Math.round((100 * edge) / (i % 2 ? height : width)));
    return [1 + thingKinds.indexOf(kind), colourNames.indexOf(colour), rank, ...edges];
  }).flat();
}

/** What a step is fed for a batch: missing rows are padding, missing pictures are grey. */
export function sceneFeeds(samples: readonly Sample[], shape: BatchShape, c: TinyGptVFolder): Feeds {
  const [patches, q] = [patchesOf(c), c.qformer.query_length];
  const facts = patches * patchFacts;
  const labels = (from: number, to: number, dims: readonly number[]): Values =>
    padded(
      samples.map(({ dense }) => Array.from(dense.subarray(from, to))),
      [shape.tiles, ...dims],
      0,
    );
  return {
    ...(samples.some(({ tiles }) => tiles.length) && {
      pixels: pixels(samples, shape.tiles, c.image_size, clipNormal),
    }),
    patches: labels(0, facts, [patches, patchFacts]),
    words: labels(facts, facts + q, [q]),
    ...rowsOf(samples, shape),
  };
}
