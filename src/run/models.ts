/** Models on this machine: where they lie, and what their small files say. No weights are touched. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { FormatError, RequestError } from "../errors.ts";
import { catalogue } from "../models/catalogue.ts";
import { wholes } from "../models/index.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { checkUnread } from "../models/unread.ts";
import { parseTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { bytesText } from "../weights/quantity.ts";
import { holdsModel, placesOf, shelved } from "./shelves.ts";

/** The folder of a model: `model` itself where it is one, else that of this name in this package or in GALAGO_HOME (default
 *  ~/.galago). Throws RequestError (404) that lists the names there are. */
export function modelFolder(model: string): string {
  const found = [model, ...placesOf(model)].find(holdsModel);
  if (found) return found;
  const published = catalogue.find(({ name }) => name === model);
  if (published)
    throw new RequestError(
      `${model} is not on this machine; galago pull ${model} fetches it, ${bytesText(published.download)}`,
      404,
    );
  const names = [...new Set(shelved().map(({ name }) => name))];
  throw new RequestError(
    `no model "${model}"; there are ${names.join(", ") || "none"}, or name a folder with a config.json`,
    404,
  );
}

/** Configurations of published models, by name: what can be planned and fabricated without their weights. */
const known = fileURLToPath(new URL("../../configs/models", import.meta.url));

/** The config.json of the published model of this name. Throws RequestError (404) that lists the names there are. */
export function knownConfig(name: string): string {
  const names = readdirSync(known).map((file) => file.replace(/\.json$/, ""));
  if (names.includes(name)) return join(known, `${name}.json`);
  throw new RequestError(`no published model "${name}" is known here; there are ${names.join(", ")}`, 404);
}

/** The config.json of a model on this machine, else of a published one that needs not be here. Throws RequestError (404) as `modelFolder`. */
export function shapeFile(model: string): string {
  const published = join(known, `${model}.json`);
  return !holdsModel(model) && existsSync(published) ? published : join(modelFolder(model), "config.json");
}

/** The model in a folder, from its config.json. Throws FormatError that names the file, the key, what was found and what was expected. */
export function readModel(folder: string): Multimodal {
  const path = join(folder, "config.json");
  return modelOf(readJson(path), path);
}

/** The model that a config.json, called `path`, describes. Throws FormatError as `readModel`. */
export function modelOf(json: unknown, path: string): Multimodal {
  const { model_type } = checked(typed, json, path);
  if (!Object.hasOwn(wholes, model_type))
    throw new FormatError(
      `${path}: model_type: found "${model_type}", expected one of ${Object.keys(wholes).join(", ")}`,
    );
  return wholes[model_type]((schema) => configuration(schema, json, path));
}

/** A config.json of the form of a schema. Throws FormatError as `checked`, and for fields of which nobody knows what they change. */
export function configuration<T>(schema: z.ZodType<T>, json: unknown, path: string): T {
  const read = checked(schema, json, path);
  checkUnread(json, read, path);
  return read;
}

const typed = z.object({ model_type: z.string() });

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
    `${name}: has ${tokenizer.size} ids, the model ${ids} by its config.json; take the model's own`,
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
