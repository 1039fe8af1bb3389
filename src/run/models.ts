/** Models on this machine: where they lie, and what their small files say. No weights are touched. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { FormatError, RequestError } from "../errors.ts";
import { catalogue } from "../models/catalogue.ts";
import { type MiniMonkeyConfig, miniMonkeyConfig } from "../models/mini-monkey.ts";
import { parseTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { bytesText } from "../weights/quantity.ts";
import { holdsModel, placesOf, shelved } from "./shelves.ts";

/** The folder of a model: `model` itself where it is one, else that of this name in this package or in GALAGO_HOME (default
 *  ~/.galago). Throws RequestError (404) that lists the names there are. */
export function modelFolder(model: string): string {
  const found = [model, ...placesOf(model)].find(holdsModel);
  if (found) return found;
  const known = catalogue.find(({ name }) => name === model);
  if (known)
    throw new RequestError(
      `${model} is not on this machine; galago pull ${model} fetches it, ${bytesText(known.download)}`,
      404,
    );
  const names = [...new Set(shelved().map(({ name }) => name))];
  throw new RequestError(
    `no model "${model}"; there are ${names.join(", ") || "none"}, or name a folder with a config.json`,
    404,
  );
}

/** What a tile plan needs to know of a model. `tiles` is the tiling it is used with, `scmRatio` the part of the detailed
 *  tokens it keeps, null for all. */
export interface ModelShape {
  readonly tileSize: number;
  readonly tokensPerTile: number;
  readonly tiles: string;
  readonly scmRatio: number | null;
}

const whole = z.int().positive();

const shape = z.object({
  force_image_size: whole.nullish(),
  downsample_ratio: z.number().positive().max(1),
  vision_config: z.object({ image_size: whole, patch_size: whole }),
  tiles: z.string().default("msac"),
  scm_ratio: z.number().positive().max(1).nullish(),
});

/** The shape of a model given by name or folder. Throws RequestError (404) for no model, FormatError for a bad config.json. */
export function modelShape(model: string): ModelShape {
  const path = join(modelFolder(model), "config.json");
  const { force_image_size, downsample_ratio, vision_config, tiles, scm_ratio } = checked(shape, readJson(path), path);
  const tileSize = force_image_size ?? vision_config.image_size;
  const side = Math.floor(tileSize / vision_config.patch_size);
  const tokensPerTile = Math.floor(side * side * downsample_ratio * downsample_ratio);
  return { tileSize, tokensPerTile, tiles, scmRatio: scm_ratio ?? null };
}

/** config.json of a model folder. Throws FormatError that names the file, the key, what was found and what was expected. */
export function readConfig(folder: string): MiniMonkeyConfig {
  const path = join(folder, "config.json");
  return checked(miniMonkeyConfig, readJson(path), path);
}

/** tokenizer.json of a model folder, for a vocabulary of `ids` ids. Throws FormatError when it is damaged or too large. */
export function readTokenizer(folder: string, ids: number): Tokenizer {
  const path = join(folder, "tokenizer.json");
  return fittingTokenizer(readJson(path), path, ids);
}

/** A tokenizer.json's contents, called `name`, for a vocabulary of `ids` ids. Throws FormatError when they are damaged or too large. */
export function fittingTokenizer(json: unknown, name: string, ids: number): Tokenizer {
  const tokenizer = parseTokenizer(json, name);
  if (tokenizer.size <= ids) return tokenizer;
  throw new FormatError(
    `${name}: has ${tokenizer.size} ids, config.json says llm_config.vocab_size ${ids}; take the model's own`,
  );
}

/** The JSON in a file. Throws RequestError (404) where there is none, FormatError where it is no JSON. */
export function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const why = missing ? "no such file" : `cannot be read: ${(cause as Error).message}`;
    throw new RequestError(`${path}: ${why}`, missing ? 404 : 400);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${path}: is not JSON`, { cause });
  }
}

/** JSON of the form of a schema. Throws FormatError that names the file, the key, what was found and what was expected. */
export function checked<T>(schema: z.ZodType<T>, json: unknown, path: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [{ path: keys, message }] = result.error.issues;
  const found = keys.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], json);
  const expected = /expected .*?(?=, received|$)/.exec(message)?.[0] ?? message;
  const value = found === undefined ? "nothing" : JSON.stringify(found).slice(0, 80);
  throw new FormatError(`${path}: ${keys.join(".") || "the file"}: found ${value}, ${expected}`);
}
