/** SentencePiece's BPE models (Kudo 2018) as a tokenizer.json; field numbers from sentencepiece_model.proto. */
import protobuf from "protobufjs";
import { FormatError } from "../errors.ts";
import { type AddedToken, tokenizerJson } from "./tokenizer-json.ts";

/** The part of the schema that is read; presence matters, for absent is not false. */
const schema = `
syntax = "proto2";
message ModelProto { repeated Piece pieces = 1; optional Trainer trainer = 2; optional Normalizer normalizer = 3; }
message Piece { optional string piece = 1; optional float score = 2; optional int32 type = 3 [default = 1]; }
message Trainer { optional int32 modelType = 3 [default = 1]; optional bool byteFallback = 35; }
message Normalizer {
  optional bytes charsmap = 2;
  optional bool addDummyPrefix = 3 [default = true];
  optional bool removeExtraWhitespaces = 4 [default = true];
}`;
const { root } = protobuf.parse(schema, { keepCase: true });

interface Model {
  pieces: { piece: string; score: number; type: number }[];
  trainer: { modelType: number; byteFallback: boolean } | null;
  normalizer: { charsmap: Uint8Array; addDummyPrefix: boolean; removeExtraWhitespaces: boolean } | null;
}

/** Numbers of `Type` and `ModelType` in the schema. */
const [normal, unknown, control, userDefined] = [1, 2, 3, 4];
/** Types of pieces that are found as they are, never joined from others. */
const literal: readonly number[] = [unknown, control, userDefined];
const bpe = 2;

/** The contents of a tokenizer.json that segments as the .model file does, with more tokens on top: an id that the model has takes the new name.
 *  Throws FormatError for what is no BPE model with byte fallback and an identity normaliser. */
export function fromSentencePiece(bytes: Uint8Array, name: string, added: readonly AddedToken[] = []): object {
  const { pieces, normalizer } = checked(bytes, name);
  const renamed = new Map(added.map((token) => [token.id, token.content]));
  const tokens = pieces.map(({ piece }, id) => renamed.get(id) ?? piece);
  const own = pieces.flatMap(({ piece, type }, id) =>
    literal.includes(type) && !renamed.has(id) ? [{ id, content: piece, special: type !== userDefined }] : [],
  );
  const prefix = normalizer?.addDummyPrefix ?? true;
  return tokenizerJson({
    added: [...own, ...added],
    normalizer: {
      type: "Sequence",
      normalizers: [
        ...(prefix ? [{ type: "Prepend", prepend: "▁" }] : []),
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    preTokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(prefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges: merges(pieces),
    unknown: pieces.find(({ type }) => type === unknown)?.piece ?? null,
    byteFallback: true,
  });
}

function checked(bytes: Uint8Array, name: string): Model {
  let model: Model;
  try {
    const ModelProto = root.lookupType("ModelProto");
    model = ModelProto.toObject(ModelProto.decode(bytes), { defaults: true, arrays: true }) as unknown as Model;
  } catch (cause) {
    throw new FormatError(`${name}: is no SentencePiece model (${(cause as Error).message})`, { cause });
  }
  const { pieces, trainer, normalizer } = model;
  if (!pieces.length) throw new FormatError(`${name}: is no SentencePiece model: it holds no piece`);
  if (trainer?.modelType !== bpe || !trainer.byteFallback)
    throw new FormatError(
      `${name}: model type ${trainer?.modelType}, byte fallback ${trainer?.byteFallback ?? false}; expected BPE (2) with byte fallback`,
    );
  if (normalizer?.charsmap.length || normalizer?.removeExtraWhitespaces)
    throw new FormatError(`${name}: normalises text before it segments it; expected a model that takes text as it is`);
  return model;
}

/** The pairs that join to a piece, best piece first: SentencePiece joins the pair whose piece has the highest score. */
function merges(pieces: Model["pieces"]): [string, string][] {
  const ids = new Map(pieces.flatMap(({ piece, type }, id) => (type === normal ? [[piece, id] as const] : [])));
  const ranked = [...ids.keys()].sort((a, b) => pieces[ids.get(b)!].score - pieces[ids.get(a)!].score);
  return ranked.flatMap((piece) => {
    const characters = [...piece];
    const splits = characters
      .slice(1)
      .map((_, i): [string, string] => [characters.slice(0, i + 1).join(""), characters.slice(i + 1).join("")]);
    return splits.filter((pair) => pair.every((part) => ids.has(part)));
  });
}
