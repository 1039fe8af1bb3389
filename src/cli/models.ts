/** `galago models`: the models that there are, here and on the hub. */

import { join } from "node:path";
import { total } from "../graph/value.ts";
import { catalogue, weightMemory } from "../models/catalogue.ts";
import { bytesIn, downloadFolder, downloads, shelved } from "../run/shelves.ts";
import { bytesText, countText } from "../weights/quantity.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { type Command, jsonOption } from "./command.ts";
import { manifest } from "./manifest.ts";
import { columns, json, write } from "./output.ts";

/** A model as `--json` prints it; null where nothing is known, folder: where it lies on this machine. */
interface Row {
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

/** The command as data. */
export const models: Command<{ json?: boolean }> = {
  name: "models",
  about:
    "list models: parameters, size on the hub, memory that the weights take at each precision, licence, and where they lie",
  args: [],
  options: [jsonOption],
  async run(_, options, terminal) {
    const rows = all();
    return options.json ? json(terminal, { models: rows }) : write(terminal.stdout, table(rows));
  },
};

/** The package's own, then those that are published, then whatever else lies in GALAGO_HOME. */
function all(): Row[] {
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

function table(rows: readonly Row[]): string {
  const size = (bytes: number | null | undefined): string => (bytes ? bytesText(bytes) : "");
  const lines = rows.map((row) => [
    row.name,
    row.parameters ? countText(row.parameters) : "",
    size(row.download_bytes),
    ...[row.memory_bytes?.f32, row.memory_bytes?.int8, row.memory_bytes?.int4].map(size),
    row.licence ?? "",
    place(row),
  ]);
  return columns([
    ["model", "parameters", "download", "memory f32", "int8", "int4", "licence", "on this machine"],
    ...lines,
  ]);
}

function place({ name, folder, bytes, downloaded_bytes }: Row): string {
  if (folder) return `${bytesText(bytes)} in ${folder}`;
  return downloaded_bytes ? `${bytesText(downloaded_bytes)} downloaded; galago pull ${name} continues` : "";
}
