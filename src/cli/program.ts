/** The command line made of commands: parsing, help, exit statuses and how errors are shown. */
import { inspect } from "node:util";
import { CommanderError, Command as Program } from "commander";
import { RequestError } from "../errors.ts";
import { manifest } from "../run/manifest.ts";
import { ask } from "./ask.ts";
import { batch } from "./batch.ts";
import { bench } from "./bench.ts";
import type { Command, Option, Terminal } from "./command.ts";
import { convert } from "./convert.ts";
import { evaluate } from "./eval.ts";
import { fabricate } from "./fabricate.ts";
import { failure } from "./failure.ts";
import { models } from "./models.ts";
import { notice } from "./output.ts";
import { plan } from "./plan.ts";
import { pull } from "./pull.ts";
import { resize } from "./resize.ts";
import { rm } from "./rm.ts";
import { serve } from "./serve.ts";
import { synth } from "./synth.ts";
import { train } from "./train.ts";
import { usageError } from "./values.ts";
import { verify } from "./verify.ts";
import { worker } from "./worker.ts";

/** Every command there is, in the order of `galago --help`. */
export const commands: readonly Command[] = [
  ask,
  serve,
  batch,
  worker,
  pull,
  models,
  rm,
  convert,
  train,
  evaluate,
  bench,
  plan,
  resize,
  synth,
  fabricate,
  verify,
];

/** Runs the words after `galago` and returns the exit status; what went wrong is said in one line on stderr. */
export async function main(
  words: readonly string[],
  terminal: Terminal,
  list: readonly Command[] = commands,
): Promise<number> {
  let interrupt: AbortSignal | undefined;
  const watched: Terminal = { ...terminal, interrupted: () => (interrupt ??= terminal.interrupted()) };
  const outcome = { status: 0 };
  const root = program(list, watched, outcome);
  try {
    await root.parseAsync(words, { from: "user" });
    return interrupt?.aborted ? 130 : outcome.status;
  } catch (error) {
    const { status, line } = failure(error, interrupt?.aborted ?? false);
    if (line && root.opts().debug) await notice(terminal, inspect(error));
    else if (line) await notice(terminal, `galago: ${line}${status === 2 ? seeHelp(list, words) : ""}`);
    return status;
  }
}

/** `list` as a commander program; `outcome.status` becomes what the command returned. */
function program(list: readonly Command[], terminal: Terminal, outcome: { status: number }): Program {
  const root = new Program("galago")
    .description("Ask small multimodal language models about images, on the computer you have.")
    .version(manifest().version, "--version", "print the version")
    .option("--debug", "show the stack of an error")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: () => undefined,
    });
  const add = (to: Program, command: Command): void => {
    const made = to.command(command.name).description(command.about).helpCommand(false);
    if (command.usage) made.usage(command.usage);
    for (const { name, about } of command.args) made.argument(name, about);
    for (const option of command.options) made.addOption(commanderOption(made, option));
    for (const part of command.commands ?? []) add(made, part);
    if (command.commands) return;
    made.action(async () => {
      outcome.status = (await command.run(made.args, made.opts(), terminal)) ?? 0;
    });
  };
  for (const command of list) add(root, command);
  return root;
}

function commanderOption(command: Program, { flags, about, parse, default: value, required = false }: Option) {
  const option = command.createOption(flags, about).default(value).makeOptionMandatory(required);
  return parse
    ? option.argParser((text, before) => parsed(option.long ?? flags, (text) => parse(text, before), text))
    : option;
}

/** A bad value is wrong usage, and its message begins with the option's name. */
function parsed(name: string, parse: (text: string) => unknown, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof RequestError || error instanceof CommanderError) throw usageError(`${name}: ${error.message}`);
    throw error;
  }
}

function seeHelp(list: readonly Command[], words: readonly string[]): string {
  const command = list.find(({ name }) => words.includes(name));
  return `; see galago ${command ? `${command.name} ` : ""}--help`;
}
