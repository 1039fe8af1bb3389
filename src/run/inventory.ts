/** What there is to know of every model, without opening one. */
import { join } from "node:path";
import { total } from "../graph/value.ts";
import { catalogue, weightMemory } from "../models/catalogue.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { manifest } from "./manifest.ts";
import { bytesIn, downloadFolder, downloads, shelved } from "./shelves.ts";

/** A model as `galago models --json` prints it; null where nothing is known, folder: where it lies on this machine. */
export interface ModelFacts {
  readonly name: string;
  readonly parameters: number | null;
  readonly download_bytes: number | null;
  readonly memory_bytes: ReturnType<typeof weightMemory> | null;
  readonly licence: string | null;
  readonly folder: string | null;
  /** Bytes of the folder, and of downloaded files that are not converted. */
  readonly bytes: number;
  readonly downloaded_bytes: number;
}

/** The package's own models, then those that are published, then whatever else lies in GALAGO_HOME. */
export function inventory(): ModelFacts[] {
  const here = shelved();
  const names = [...catalogue, ...here].map(({ name }) => name);
  const own = here.flatMap((model) => (model.own ? [model.name] : []));
  return [...new Set([...own, ...names, ...downloads()])].map((name) => {
    const known = catalogue.find((model) => model.name === name);
    const found = here.find((model) => model.name === name);
    const parameters = known?.parameters ?? (found ? parametersIn(found.folder) : null);
    return {
      name,
      parameters,
      download_bytes: known?.download ?? null,
      memory_bytes: parameters ? weightMemory(parameters) : null,
      licence: known?.licence ?? (found?.own ? manifest().license.toLowerCase() : null),
      folder: found?.folder ?? null,
      bytes: found ? bytesIn(found.folder) : 0,
      downloaded_bytes: bytesIn(downloadFolder(name)),
    };
  });
}

/** Numbers in the weights of a folder; null where they are not stored as such, or cannot be read. */
function parametersIn(folder: string): number | null {
  try {
    const file = openSafetensors(join(folder, "model.safetensors"));
    file.close();
    const stored = [...file.entries.values()];
    if (stored.some(({ dtype }) => !/^B?F\d/.test(dtype))) return null;
    return stored.reduce((sum, { shape }) => sum + total(shape), 0);
  } catch {
    return null;
  }
}
