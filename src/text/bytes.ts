/** The byte alphabet of GPT-2 (Radford 2019), and the tokenizer that is nothing but it. */
import { type Bpe, tokenizerJson } from "./tokenizer-json.ts";

/** The 256 characters that stand for the bytes 0..255 in a ByteLevel vocabulary: a printable Latin-1 character stands
 *  for itself, the other 68 bytes take the characters from U+0100 on, in order. */
export const byteAlphabet: readonly string[] = alphabet();

function alphabet(): string[] {
  const printable = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

/** Special tokens of the byte tokenizer; a token's id is its place in this list. */
const specials = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"] as const;

/** The contents of the tokenizer.json of a model that reads and writes bytes: 8 special tokens, then the 256 bytes,
 *  no merges; 264 ids. With more ids the rest are words that no text becomes. */
export function byteTokenizer(ids: number = specials.length + byteAlphabet.length): object {
  const tokens = [...specials, ...byteAlphabet];
  for (let id = tokens.length; id < ids; id++) tokens.push(`word${id}`);
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const added = specials.map((content, id) => ({ id, content, special: true }));
  return byteLevel({ added, vocab, merges: [], normalizer: null, preTokenizer: bytesOnly });
}

/** Text to the characters that stand for its bytes, in one piece, or cut first as GPT-2 cuts it. */
export const bytesOnly: object = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
export const wordsOfBytes: object = { ...bytesOnly, use_regex: true };

/** The contents of a tokenizer.json whose tokens are made of those characters. */
export function byteLevel(bpe: Omit<Bpe, "decoder" | "unknown" | "byteFallback">): object {
  return tokenizerJson({ ...bpe, decoder: bytesOnly, unknown: null, byteFallback: false });
}
