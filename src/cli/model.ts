/** What a tile plan needs to know of a model: read from its config.json, no weights touched. */
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { FormatError, RequestError } from "../errors.ts";

/** `tiles` is the tiling the model is used with, `scmRatio` the part of the detailed tokens it keeps, null for all. */
export interface ModelShape {
  readonly tileSize: number;
  readonly tokensPerTile: number;
  readonly tiles: string;
  readonly scmRatio: number | null;
}

const whole = z.int().positive();

const configuration = z.object({
  force_image_size: whole.nullish(),
  downsample_ratio: z.number().positive().max(1),
  vision_config: z.object({ image_size: whole, patch_size: whole }),
  tiles: z.string().default("msac"),
  scm_ratio: z.number().positive().max(1).nullish(),
});

/** The shape of a model given by name or folder. Throws RequestError (404) for no model, FormatError for a bad config.json. */
export async function modelShape(model: string): Promise<ModelShape> {
  const path = join(folder(model), "config.json");
  const found = configuration.safeParse(parsed(await readFile(path, "utf8"), path));
  if (!found.success) {
    const [{ path: keys, message }] = found.error.issues;
    throw new FormatError(`${path}: ${keys.join(".") || "the file"}: ${message}`);
  }
  const { force_image_size, downsample_ratio, vision_config, tiles, scm_ratio } = found.data;
  const tileSize = force_image_size ?? vision_config.image_size;
  const side = Math.floor(tileSize / vision_config.patch_size);
  const tokensPerTile = Math.floor(side * side * downsample_ratio * downsample_ratio);
  return { tileSize, tokensPerTile, tiles, scmRatio: scm_ratio ?? null };
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${path}: is not JSON`, { cause });
  }
}

/** The folder of a model: the path itself, or models/<name> of this package. */
function folder(model: string): string {
  const models = fileURLToPath(new URL("../../models", import.meta.url));
  const place = [model, join(models, model)].find((place) => existsSync(join(place, "config.json")));
  if (place) return place;
  const names = existsSync(models)
    ? readdirSync(models).filter((name) => existsSync(join(models, name, "config.json")))
    : [];
  throw new RequestError(
    `no model "${model}"; there are ${names.join(", ") || "none"}, or name a folder with a config.json`,
    404,
  );
}
