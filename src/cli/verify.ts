/** `galago verify`: a reference folder run and compared with what the authors' own code computed. */
import type { Verification } from "../eval/verify.ts";
import { type Command, jsonOption, type Terminal } from "./command.ts";
import { columns, json, notice, write } from "./output.ts";
import { usageError } from "./values.ts";

interface Options {
  readonly tolerance: number;
  readonly json?: boolean;
}

/** The command as data. */
export const verify: Command<Options> = {
  name: "verify",
  about: "run a reference folder and compare its outputs with those of the authors' own code",
  args: [{ name: "<dir>", about: "reference.json, config.json and weights, inputs and outputs as .safetensors" }],
  options: [
    {
      flags: "--tolerance <x>",
      about: "largest error, as a part of the output's largest magnitude; whole numbers must be identical",
      parse: tolerance,
      default: 1e-4,
    },
    jsonOption,
  ],
  run,
};

async function run([folder]: readonly string[], options: Options, terminal: Terminal): Promise<number> {
  const { verify } = await import("../eval/verify.ts");
  const found = await verify(folder, { tolerance: options.tolerance });
  await (options.json ? json(terminal, found) : write(terminal.stdout, table(found)));
  if (found.ok) return 0;
  const count = `${found.failed.length} of ${Object.keys(found.outputs).length} outputs`;
  await notice(terminal, `galago: ${folder}: ${count} missing or out of tolerance: ${named(found)}`);
  return 1;
}

/** The first few of the outputs that failed. */
function named({ failed }: Verification): string {
  return failed.slice(0, 5).join(", ") + (failed.length > 5 ? ", …" : "");
}

/** One line an output: its name, the error, the magnitude, the verdict. */
function table({ outputs, failed }: Verification): string {
  const lines = [["output", "max error", "max value", ""]];
  for (const [name, { max_abs_error, max_abs_value, identical }] of Object.entries(outputs)) {
    const verdict = failed.includes(name) ? "FAILED" : identical ? "identical" : "within tolerance";
    lines.push([name, number(max_abs_error), number(max_abs_value), verdict]);
  }
  return columns(lines);
}

const number = (x: number | null): string => (x === null ? "none" : x === 0 ? "0" : x.toExponential(2));

function tolerance(words: string): number {
  const found = words.trim() === "" ? Number.NaN : Number(words);
  if (found >= 0 && Number.isFinite(found)) return found;
  throw usageError(`"${words}" is no tolerance, expected a number of at least 0, such as 1e-4`);
}
