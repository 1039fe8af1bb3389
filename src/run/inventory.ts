/** What there is to know of every model, without opening one. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { catalogue } from "../models/catalogue.ts";
import { manifest } from "./manifest.ts";
import { knownConfig, modelOf } from "./models.ts";
import { bytesIn, downloadFolder, downloads, shelved } from "./shelves.ts";
import { type Size, sizeOf } from "./size.ts";

/** A model as `galago models --json` prints it; null where nothing is known, folder: where it lies on this machine. */
export interface ModelFacts {
  readonly name: string;
  readonly parameters: number | null;
  readonly download_bytes: number | null;
  readonly memory_bytes: Size["bytes"] | null;
  readonly licence: string | null;
  readonly folder: string | null;
  /** Bytes of the folder, and of downloaded files that are not converted. */
  readonly bytes: number;
  readonly downloaded_bytes: number;
}

/** The package's own models, then those that are published, then whatever else lies in GALAGO_HOME; or of these only some. */
export function inventory(only?: readonly string[]): ModelFacts[] {
  const here = shelved();
  const names = [...catalogue, ...here].map(({ name }) => name);
  const own = here.flatMap((model) => (model.own ? [model.name] : []));
  const all = [...new Set([...own, ...names, ...downloads()])];
  return (only ? all.filter((name) => only.includes(name)) : all).map((name) => {
    const known = catalogue.find((model) => model.name === name);
    const found = here.find((model) => model.name === name);
    const size = sizeBy(found ? join(found.folder, "config.json") : known && knownConfig(name));
    return {
      name,
      parameters: known?.parameters ?? size?.parameters ?? null,
      download_bytes: known?.download ?? null,
      memory_bytes: size?.bytes ?? null,
      licence: known?.licence ?? (found?.own ? manifest().license.toLowerCase() : null),
      folder: found?.folder ?? null,
      bytes: found ? bytesIn(found.folder) : 0,
      downloaded_bytes: bytesIn(downloadFolder(name)),
    };
  });
}

/** Sizes by the text of a config.json: counting takes a tenth of a second. */
const sizes = new Map<string, Size>();

/** The size by a config.json; undefined where there is none, or one that no model has. */
function sizeBy(path: string | undefined): Size | undefined {
  if (path === undefined) return undefined;
  try {
    const text = readFileSync(path, "utf8");
    const size = sizes.get(text) ?? sizeOf(modelOf(JSON.parse(text), path));
    sizes.set(text, size);
    return size;
  } catch {
    return undefined;
  }
}
