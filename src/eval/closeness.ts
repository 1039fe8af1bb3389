/** How close the logits of a model in few bits are to those of its floats. */
import { RequestError } from "../errors.ts";
import { graphsOf } from "../run/graphs.ts";
import { openLanguage, visual } from "../run/language.ts";
import { memoryOf } from "../run/memory.ts";
import { readModel } from "../run/models.ts";
import { ortNode } from "../run/ort-node.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";
import { packedKey } from "../weights/packed.ts";
import { type Figure, figure } from "./speed.ts";

/** A folder at a precision. */
export interface Opened {
  readonly folder: string;
  readonly precision: string;
  readonly threads: number;
}

/** Tokens of the prompt, and those that follow one by one: of the last and of each of these the logits are compared. */
const [prompt, further] = [64, 15];

/** Where the floats lie that a folder's model is compared with: in the folder `named`, or where none is named in its own if it holds floats that `precision` rounds; else
 *  nowhere. Throws RequestError where the named folder holds no floats or another model. */
export function floatsFor(folder: string, precision: string, named?: string): string | undefined {
  if (named === undefined) return precision !== "f32" && holdsFloats(folder) ? folder : undefined;
  if (!holdsFloats(named))
    throw new RequestError(`${named} is stored in few bits; expected the folder in floats that ${folder} was made of`);
  const [few, floats] = [folder, named].map((place) => readModel(place).vocabulary);
  if (few === floats) return named;
  throw new RequestError(`${named} has ${floats} logits, ${folder} has ${few}; expected the same model in floats`);
}

/** Whether no weight is stored in few bits. */
function holdsFloats(folder: string): boolean {
  const checkpoint = openCheckpoint(folder);
  const packed = [...checkpoint.stored()].some(packedKey);
  checkpoint.close();
  return !packed;
}

/** The cosine of the angle between the logits of `few` and those of the floats in the folder `floats`, at the last token of one fixed text without an image and at each of
 *  those that follow it. Either is closed before the other is opened. Throws RequestError (507) where one of the two does not fit into memory. */
export async function closeness(few: Opened, floats: string): Promise<Figure> {
  const expected = await logitsOf({ ...few, folder: floats, precision: "f32" });
  const found = await logitsOf(few);
  const cosines = found.map((y, i) => cosine(y, expected[i]));
  return figure("logits, cosine to f32", "", cosines);
}

/** Logits of the prompt's last token and of each that follows. */
async function logitsOf({ folder, precision, threads }: Opened): Promise<Float32Array[]> {
  const checkpoint = openCheckpoint(folder);
  try {
    const model = readModel(folder);
    const graphs = graphsOf(checkpoint, model, precision);
    memoryOf({ ...graphs, eyes: {} }, model).checkOpening(folder);
    const language = await openLanguage(ortNode({ folder, threads }), graphs.words, model, visual);
    try {
      const ids = words(model.vocabulary);
      const nothing = new Float32Array();
      const seat = await language.take({ ids: [], features: nothing });
      const logits = [(await seat.prefill({ ids: ids.slice(0, prompt), features: nothing })).slice()];
      for (const id of ids.slice(prompt)) logits.push((await seat.step(id)).slice());
      return logits;
    } finally {
      await language.close();
    }
  } finally {
    checkpoint.close();
  }
}

/** Ids from all over the vocabulary but its ends, where those with a meaning of their own stand; the same for every vocabulary of a size. */
function words(vocabulary: number): number[] {
  const [first, last] = [Math.floor(0.1 * vocabulary), Math.floor(0.9 * vocabulary)];
  return Array.from({ length: prompt + further }, (_, i) => first + ((i * 7919) % (last - first)));
}

/** x · y / (|x| |y|). */
function cosine(x: Float32Array, y: Float32Array): number {
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += x[i] * y[i];
    xx += x[i] ** 2;
    yy += y[i] ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}
