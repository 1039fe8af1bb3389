/** Holding an answer to a grammar: which tokens of a vocabulary may come next. */
import { RequestError } from "../errors.ts";
import { type Automaton, automaton, type Grammar, type State, within } from "../text/grammar.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** Follows one answer. */
export interface Guide {
  /** The logits with −∞ where a token may not come. */
  masked(logits: Float32Array): Float32Array;
  /** Takes the token that came; true when nothing may follow any more. */
  accept(id: number): boolean;
  /** Bytes by which the answer ends of itself; absent where it may go on without end. */
  readonly most?: number;
}

/** Guides for the tokens of one model, which must have one for each byte where `most` bounds the bytes of an answer. Throws RequestError for a grammar of which no text
 *  is. `key` names a grammar and its bound: what is found out of the last 16 is kept. */
export type Guides = (key: string, grammar: () => Grammar, most?: number) => Guide;

const mostKept = 16;
/** States of a grammar after which it is begun anew: each is a few hundred bytes, and a byte a token. */
const mostStates = 20_000;

/** The tokens of a vocabulary by their bytes. */
interface Node {
  readonly byte: number;
  readonly ids: number[];
  readonly children: Node[];
}

/** Which tokens may come in a state, 1 or 0 each, and how many. */
interface Allowed {
  readonly ids: Uint8Array;
  readonly count: number;
}

interface Kept {
  readonly automaton: Automaton & { readonly most?: number };
  readonly allowed: Map<State, Allowed>;
}

/** `stopIds` may come where a text may end. */
export function guides(tokenizer: Tokenizer, vocabulary: number, stopIds: readonly number[]): Guides {
  const kept = new Map<string, Kept>();
  let root: Node | undefined;

  function allowedIn({ automaton, allowed }: Kept, state: State): Allowed {
    const before = allowed.get(state);
    if (before) return before;
    root ??= tree(tokenizer, vocabulary);
    const ids = new Uint8Array(vocabulary);
    let count = 0;
    const visit = (node: Node, from: State): void => {
      for (const child of node.children) {
        const to = automaton.step(from, child.byte);
        if (!to) continue;
        for (const id of child.ids) ids[id] = 1;
        count += child.ids.length;
        visit(child, to);
      }
    };
    visit(root, state);
    if (state.ends) for (const id of stopIds) ids[id] = 1;
    const found = { ids, count };
    allowed.set(state, found);
    return found;
  }

  return (key, grammar, most) => {
    const before = kept.get(key);
    const whole = (): Automaton => automaton(grammar());
    const made = (): Kept => ({ automaton: most === undefined ? whole() : within(whole(), most), allowed: new Map() });
    const own = before && before.automaton.size < mostStates ? before : made();
    kept.delete(key);
    kept.set(key, own);
    if (kept.size > mostKept) kept.delete(kept.keys().next().value!);
    let state = own.automaton.start;
    let { ids, count } = allowedIn(own, state);
    if (count === 0 && !state.ends) throw new RequestError("schema: no answer can be of it");
    return {
      most: own.automaton.most,
      masked: (logits) => logits.map((logit, id) => (ids[id] === 1 ? logit : Number.NEGATIVE_INFINITY)),
      accept(id) {
        for (const byte of tokenizer.bytes(id)) state = own.automaton.step(state, byte)!;
        ({ ids, count } = allowedIn(own, state));
        return count === 0;
      },
    };
  };
}

/** The tree of the tokens' bytes. */
function tree(tokenizer: Tokenizer, vocabulary: number): Node {
  const root: Node = { byte: 0, ids: [], children: [] };
  for (let id = 0; id < vocabulary; id++) {
    let node = root;
    for (const byte of tokenizer.bytes(id)) {
      let next = node.children.find((child) => child.byte === byte);
      if (!next) node.children.push((next = { byte, ids: [], children: [] }));
      node = next;
    }
    if (node !== root) node.ids.push(id);
  }
  return root;
}
