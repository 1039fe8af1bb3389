/** What running asks of a whole model, whatever its parts: how it is fed, its eyes and its words. */
import { z } from "zod";
import type { Tensor } from "../graph/tensor.ts";
import type { Normal } from "../vision/tiles.ts";
import type { Weights } from "../weights/path.ts";
import type { TextModel } from "./text-model.ts";

/** A model with its configuration. */
export interface Multimodal {
  /** Side of a tile in pixels, and the visual tokens that a tile becomes. */
  readonly tileSize: number;
  readonly tokensPerTile: number;
  /** How pixels are normalised. */
  readonly normal: Normal;
  /** The tiling (as in `--tiles`) and the share of the detailed tokens that it is used with; all of them where there is none. */
  readonly tiles: string;
  /** Tilings through which an image is looked at again, one after the other, while an answer is trusted too little (run/again.ts). */
  readonly tilesAgain: readonly string[];
  readonly scmRatio: number | undefined;
  /** The chat template, by name, and what stands in place of its system message; "" for none. */
  readonly template: string;
  readonly system: string | undefined;
  readonly maxNewTokens: number | undefined;
  readonly confidence?: Confidence | undefined;
  /** How values are taken out of an image: as JSON that the model writes, or each by a question of its own. */
  readonly extraction?: Extraction | undefined;
  /** What it is spoken with where nobody says otherwise; 1 where there is none. */
  readonly repetitionPenalty?: number | undefined;
  /** Number of ids; length of a token's vector. */
  readonly vocabulary: number;
  readonly width: number;
  /** Most tokens of a prompt and its answer. */
  readonly longest: number;
  /** Up to so many tokens, what a language model makes of the beginning of a text does not depend on how long it becomes. */
  readonly steady: number;
  /** Length beyond which all tokens turn by other factors: what is cached of a text that grows across it is of no use any more. None: there is no such length. */
  readonly switchesAt?: number | undefined;
  /** Keys of published files that no computation reads. */
  readonly buffers: RegExp;
  /** Most columns and rows of a grid, where the eyes are told where tiles lie. */
  readonly cells?: number | undefined;
  /** Visual tokens of normalised tiles. pixels: [n, 3, s, s], cells: [n, 3] (visual-position.ts) where they are told → [n, tokensPerTile, width]. */
  sight(pixels: Tensor, w: Weights, cells: Tensor): Tensor;
  /** The language model at its place in the whole. */
  language(w: Weights): TextModel;
}

/** Galago's own keys of a config.json, absent in published files: how the model is used. */
export const usageFields: {
  tiles: z.ZodOptional<z.ZodString>;
  tiles_again: z.ZodOptional<z.ZodArray<z.ZodString>>;
  scm_ratio: z.ZodOptional<z.ZodNumber>;
  system_message: z.ZodOptional<z.ZodString>;
  max_new_tokens: z.ZodOptional<z.ZodInt>;
  confidence: z.ZodOptional<z.ZodType<Confidence>>;
  extraction: z.ZodOptional<z.ZodType<Extraction>>;
} = {
  tiles: z.string().optional(),
  tiles_again: z.array(z.string()).optional(),
  scm_ratio: z.number().optional(),
  system_message: z.string().optional(),
  max_new_tokens: z.int().optional(),
  confidence: z.strictObject({ scale: z.number(), bias: z.number(), least: z.number().min(0).max(1) }).optional(),
  extraction: z.enum(["json", "fields"]).optional(),
};

export type Extraction = "json" | "fields";

/** How far answers are to be trusted (run/confidence.ts): scale and bias of their log probability, and the least confidence at which a short one is given. */
export interface Confidence {
  readonly scale: number;
  readonly bias: number;
  readonly least: number;
}
export interface Usage {
  /** Default tile policy, as in `--tiles`. */
  tiles?: string | undefined;
  /** Tile policies of further looks, while an answer is trusted too little. */
  tiles_again?: string[] | undefined;
  /** Default share of detail tokens that SCM keeps; absent: off. */
  scm_ratio?: number | undefined;
  /** Replaces the template's system message; empty: none. */
  system_message?: string | undefined;
  max_new_tokens?: number | undefined;
  confidence?: Confidence | undefined;
  /** How values are taken out of an image; absent: json. */
  extraction?: Extraction | undefined;
}

/** What those keys say; `tiles` is the policy where they say nothing. */
export const usage = (
  c: Usage,
  tiles: string,
): Pick<Multimodal, "tiles" | "tilesAgain" | "scmRatio" | "system" | "maxNewTokens" | "confidence" | "extraction"> => ({
  tiles: c.tiles ?? tiles,
  tilesAgain: c.tiles_again ?? [],
  scmRatio: c.scm_ratio,
  system: c.system_message,
  maxNewTokens: c.max_new_tokens,
  confidence: c.confidence,
  extraction: c.extraction,
});
