/** Where the outcomes of a batch go: a file of JSON lines, or a folder with a file for each page. Each appears when it is whole. */
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FormatError } from "../errors.ts";
import { wholeLater, writeWhole } from "../weights/whole.ts";
import type { Outcome } from "./outcomes.ts";

/** A place for outcomes. */
export interface Results {
  /** Answers that are there already, by the names of their jobs. Those that went wrong are none. */
  readonly known: ReadonlyMap<string, Outcome>;
  /** Writes them all; `each` hears of one after the other. */
  write(outcomes: AsyncIterable<Outcome>, each: (outcome: Outcome) => void): Promise<void>;
}

/** A path that ends in a slash, or a folder that is there, is a folder; else it is a file. Throws FormatError where what is there is of another kind. */
export function resultsAt(path: string): Results {
  const folder = /[\\/]$/.test(path) || (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
  return folder ? inFolder(path) : inFile(path);
}

function inFile(path: string): Results {
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
  return {
    known: answered(lines.map((line, i) => outcomeOf(line, `${path}, line ${i + 1}`))),
    write: (outcomes, each) =>
      wholeLater(path, (beside) => {
        const lines = async function* (): AsyncGenerator<string> {
          for await (const outcome of outcomes) {
            yield `${JSON.stringify(outcome)}\n`;
            each(outcome);
          }
        };
        return pipeline(Readable.from(lines()), createWriteStream(beside, { flags: "wx" }));
      }),
  };
}

function inFolder(path: string): Results {
  mkdirSync(path, { recursive: true });
  const files = readdirSync(path).filter((name) => name.endsWith(".json"));
  const there = files.map((name) => outcomeOf(readFileSync(join(path, name), "utf8"), join(path, name)));
  return {
    known: answered(there),
    async write(outcomes, each) {
      for await (const outcome of outcomes) {
        writeWhole(join(path, `${basename(outcome.source)}.json`), `${JSON.stringify(outcome)}\n`);
        each(outcome);
      }
    },
  };
}

function answered(outcomes: readonly Outcome[]): Map<string, Outcome> {
  return new Map(outcomes.flatMap((outcome) => ("error" in outcome ? [] : [[outcome.id, outcome]])));
}

function outcomeOf(text: string, place: string): Outcome {
  try {
    const outcome = JSON.parse(text);
    if (typeof outcome.id === "string" && typeof outcome.source === "string") return outcome;
  } catch {}
  throw new FormatError(`${place}: is no answer of a batch; name another file or folder with --out`);
}
