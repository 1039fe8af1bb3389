/** The values in an answer that is JSON, and how far each is to be trusted. */
import { pointerPart } from "../text/schema.ts";
import type { Field } from "./answer.ts";

/** A token of the answer: its bytes, and its probability among the tokens that might stand in its place. */
export interface Spelled {
  readonly bytes: Uint8Array;
  readonly probability: number;
}

/** An object or list that is open at a place of the text. */
interface Frame {
  readonly list: boolean;
  key: string | number;
  named: boolean;
}

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The values in the JSON that these tokens spell, in its order. */
export function fieldsIn(spelled: readonly Spelled[]): Field[] {
  const bytes = Buffer.concat(spelled.map(({ bytes }) => bytes));
  const frames: Frame[] = [];
  const fields: Field[] = [];
  // A character a byte, so that places in the text are places among the bytes.
  for (const { 0: token, index } of bytes.toString("latin1").matchAll(tokens)) {
    const top = frames.at(-1);
    if (token === "{" || token === "[") frames.push({ list: token === "[", key: 0, named: false });
    else if (token === "}" || token === "]") frames.pop();
    else if (token === ",") Object.assign(top!, top!.list ? { key: (top!.key as number) + 1 } : { named: false });
    else if (token !== ":") {
      const value = JSON.parse(bytes.toString("utf8", index, index + token.length));
      if (top && !top.list && !top.named) {
        Object.assign(top, { key: value, named: true });
        continue;
      }
      const path = frames.map(({ key }) => `/${pointerPart(String(key))}`).join("");
      const end = index + token.length + (token.startsWith('"') ? 0 : 1);
      fields.push({ path, value, confidence: probabilityOf(spelled, index, end) });
    }
  }
  return fields;
}

/** The product over the tokens that spell bytes of [from, to). */
function probabilityOf(spelled: readonly Spelled[], from: number, to: number): number {
  let at = 0;
  return spelled.reduce((product, { bytes, probability }) => {
    const [begin, end] = [at, (at += bytes.length)];
    return begin < to && end > from ? product * probability : product;
  }, 1);
}
