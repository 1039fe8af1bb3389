/** `galago synth`: draws documents with their truth into a folder. */
import { RequestError } from "../errors.ts";
import { progressBar } from "./bar.ts";
import { type Command, jsonOption, type Terminal } from "./command.ts";
import { json, write } from "./output.ts";
import { between, usageError, whole } from "./values.ts";

interface Options {
  readonly kind: string;
  readonly count: number;
  readonly seed: number;
  readonly out: string;
  readonly fonts: "train" | "heldout";
  readonly effects: number;
  readonly json?: boolean;
}

/** The command as data. */
export const synth: Command<Options> = {
  name: "synth",
  about: "draw documents with their text, fields and questions: images, conversations.jsonl and truth.jsonl",
  args: [],
  options: [
    { flags: "--kind <kind>", about: "receipt, invoice, letter, form, table, word, line, ...", required: true },
    { flags: "--count <n>", about: "how many pages", parse: whole(1), default: 1 },
    { flags: "--seed <n>", about: "page i is drawn from seed + i", parse: whole(0), default: 0 },
    { flags: "--out <folder>", about: "where to write; made if it is not there", required: true },
    { flags: "--fonts <set>", about: "train or heldout", parse: fonts, default: "train" },
    { flags: "--effects <0..1>", about: "0 as printed, 1 the worst photograph", parse: between(0, 1), default: 0.5 },
    jsonOption,
  ],
  run,
};

async function run(_: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const { kind, count, seed, out, fonts, effects } = options;
  const [{ draw, kinds }, { writePages, conversationsFile, truthFile }] = await Promise.all([
    import("../data/draw.ts"),
    import("../data/conversations.ts"),
  ]);
  const known = kinds.find((one) => one === kind);
  if (!known) throw new RequestError(`--kind: no kind "${kind}"; there are ${kinds.join(", ")}`);
  const pages = function* () {
    for (let i = 0; i < count; i++) yield draw(known, seed + i, { fonts, effects });
  };
  const bar = progressBar(terminal, "{bar} {value} of {total} pages");
  bar?.start(count, 0);
  const done = await writePages(out, pages(), (done) => bar?.update(done)).finally(() => bar?.stop());
  const files = { conversations: `${out}/${conversationsFile}`, truth: `${out}/${truthFile}` };
  if (options.json) return json(terminal, { kind, count: done, seed, fonts, effects, out, ...files });
  return write(terminal.stdout, `${done} pages of kind ${kind} in ${out}\n`);
}

function fonts(words: string): string {
  if (words === "train" || words === "heldout") return words;
  throw usageError(`"${words}" is unknown, expected train or heldout`);
}
