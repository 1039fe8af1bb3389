/** The form of a tokenizer.json with a BPE model: what all of ours have in common. */

/** A token that is found as it is, before anything is segmented. `rstrip` and `lstrip` let it swallow the white space behind or in front of it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly lstrip?: boolean | undefined;
  readonly rstrip?: boolean | undefined;
}

/** What tells one BPE tokenizer from another. */
export interface Bpe {
  readonly added: readonly AddedToken[];
  readonly normalizer: object | null;
  readonly preTokenizer: object | null;
  readonly decoder: object;
  readonly vocab: Readonly<Record<string, number>>;
  /** Pairs that join, best first. */
  readonly merges: readonly (readonly [string, string])[];
  /** The token of what has no other; null where every byte has one. */
  readonly unknown: string | null;
  /** Whether a character outside the vocabulary becomes its bytes, `<0x0A>`. */
  readonly byteFallback: boolean;
}

/** The contents of a tokenizer.json. */
export function tokenizerJson({ added, normalizer, preTokenizer, decoder, ...model }: Bpe): object {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [...added]
      .sort((a, b) => a.id - b.id)
      .map(({ id, content, special, lstrip = false, rstrip = false }) => {
        return { id, content, single_word: false, lstrip, rstrip, normalized: false, special };
      }),
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: model.unknown,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: model.byteFallback,
      byte_fallback: model.byteFallback,
      ignore_merges: false,
      vocab: model.vocab,
      merges: model.merges,
    },
  };
}
