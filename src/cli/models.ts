/** `galago models`: the models that there are, here and on the hub. */
import { inventory, type ModelFacts } from "../run/inventory.ts";
import { bytesText, countText } from "../weights/quantity.ts";
import { type Command, jsonOption } from "./command.ts";
import { columns, json, write } from "./output.ts";

/** The command as data. */
export const models: Command<{ json?: boolean }> = {
  name: "models",
  about:
    "list models: parameters, size on the hub, memory that the weights take at each precision, licence, and where they lie",
  args: [],
  options: [jsonOption],
  async run(_, options, terminal) {
    const rows = inventory();
    return options.json ? json(terminal, { models: rows }) : write(terminal.stdout, table(rows));
  },
};

function table(rows: readonly ModelFacts[]): string {
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

function place({ name, folder, bytes, downloaded_bytes }: ModelFacts): string {
  if (folder) return `${bytesText(bytes)} in ${folder}`;
  return downloaded_bytes ? `${bytesText(downloaded_bytes)} downloaded; galago pull ${name} continues` : "";
}
