/** Text to token ids and back, from a tokenizer.json; the segmenting itself is `@huggingface/tokenizers`. */
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { z } from "zod";
import { FormatError } from "../errors.ts";
import { byteAlphabet } from "./bytes.ts";

/** What the rest of Galago knows of a tokenizer. */
export interface Tokenizer {
  /** Ids of a text. Special tokens written in it become their ids; nothing is put in front or behind. */
  encode(text: string): number[];
  /** The text of ids, special tokens left out; bytes that are no UTF-8 become U+FFFD. */
  decode(ids: readonly number[]): string;
  /** The text of ids with special tokens as they are written. */
  spelled(ids: readonly number[]): string;
  /** The bytes an id stands for: none for special tokens and for ids that the vocabulary does not have. */
  bytes(id: number): Uint8Array;
  /** The id of a token by its exact name, as `<|im_end|>`. Throws FormatError when there is none. */
  id(token: string): number;
  /** Number of ids: the largest plus one. */
  readonly size: number;
}

/** A damaged file could name an id that no memory holds; published vocabularies have under 300,000. */
const maxId = 2 ** 24;
const id = z.int().min(0).max(maxId);
const part = z.looseObject({ type: z.string() }).nullish();

const tokenizerJson = z.looseObject({
  model: z.looseObject({
    type: z.enum(["BPE", "Unigram"]),
    vocab: z.union([z.record(z.string(), id), z.array(z.tuple([z.string(), z.number()]))]),
  }),
  added_tokens: z.array(z.looseObject({ id, content: z.string().min(1), special: z.boolean().optional() })).nullish(),
  normalizer: part,
  pre_tokenizer: part,
  post_processor: part,
  decoder: part,
});

/** A tokenizer from the parsed contents of a tokenizer.json; `name` is the file in messages. Reads byte-level and
 *  sentencepiece-like vocabularies. Throws FormatError when it is neither, or no tokenizer.json at all. */
export function parseTokenizer(json: unknown, name: string): Tokenizer {
  const parsed = tokenizerJson.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new FormatError(`${name}: no tokenizer.json: ${issue!.path.join(".") || "the whole"}: ${issue!.message}`);
  }
  const { decoder = null, normalizer = null, pre_tokenizer = null, post_processor = null } = parsed.data;
  const added = parsed.data.added_tokens ?? [];
  const byteLevel = mentions([decoder, pre_tokenizer], "ByteLevel");
  if (!byteLevel && !mentions([decoder, pre_tokenizer, normalizer], "\u2581"))
    throw new FormatError(
      `${name}: decoder is ${JSON.stringify(decoder?.type ?? null)}; expected ByteLevel or one that knows "\u2581"`,
    );
  let library: Library;
  try {
    const whole = { ...parsed.data, decoder, normalizer, pre_tokenizer, post_processor, added_tokens: added };
    library = new Library(whole, {});
  } catch (cause) {
    throw new FormatError(`${name}: tokenizer cannot be built (${(cause as Error).message})`, { cause });
  }
  const special = new Set(added.filter((token) => token.special).map((token) => token.id));
  const literal = new Set(added.map((token) => token.id));
  const pieceBytes = byteLevel ? byteLevelBytes : sentencePieceBytes;

  const bytes = (id: number): Uint8Array => {
    const piece = special.has(id) ? undefined : library.id_to_token(id);
    if (piece === undefined) return new Uint8Array();
    return literal.has(id) ? new TextEncoder().encode(piece) : pieceBytes(piece);
  };
  return {
    encode: (text) => library.encode(text, { add_special_tokens: false }).ids,
    decode: (ids) => {
      const known = ids.filter((id) => !special.has(id) && library.id_to_token(id) !== undefined);
      return known.length === 0 ? "" : library.decode(known, { clean_up_tokenization_spaces: false });
    },
    spelled: (ids) => {
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      const written = (id: number): Uint8Array =>
        special.has(id) ? new TextEncoder().encode(library.id_to_token(id)) : bytes(id);
      return ids.map((id) => decoder.decode(written(id), { stream: true })).join("") + decoder.decode();
    },
    bytes,
    id: (token) => {
      const found = library.token_to_id(token);
      if (found === undefined)
        throw new FormatError(`${name}: no token "${token}"; the vocabulary of a model must have it`);
      return found;
    },
    size: [...library.get_vocab().values()].reduce((largest, id) => Math.max(largest, id), -1) + 1,
  };
}

const mentions = (parts: readonly unknown[], word: string): boolean =>
  parts.some((part) => JSON.stringify(part ?? null).includes(`"${word}"`));

const byteOf = new Map(byteAlphabet.map((character, byte) => [character, byte]));

function byteLevelBytes(piece: string): Uint8Array {
  const characters = [...piece];
  if (!characters.every((character) => byteOf.has(character))) return new TextEncoder().encode(piece);
  return Uint8Array.from(characters, (character) => byteOf.get(character)!);
}

/** `<0x0A>` is one byte; elsewhere U+2581 is a space (Kudo 2018). */
function sentencePieceBytes(piece: string): Uint8Array {
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece)?.[1];
  if (byte) return Uint8Array.of(Number.parseInt(byte, 16));
  return new TextEncoder().encode(piece.replaceAll("\u2581", " "));
}
