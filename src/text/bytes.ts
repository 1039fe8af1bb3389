/** The byte alphabet of GPT-2 (Radford 2019), and the tokenizer that is nothing but it. */

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
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [],
    },
  };
}
