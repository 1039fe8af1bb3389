/** `galago train`: trains a model as a configuration file says, and continues what was begun. */
import { SingleBar } from "cli-progress";
import type { Metrics } from "../train/loop.ts";
import { type Command, jsonOption, type Terminal } from "./command.ts";
import { json, notice, write } from "./output.ts";
import { clock } from "./pace.ts";

/** The command as data. */
export const train: Command<{ json?: boolean }> = {
  name: "train",
  about: "train a model from a YAML file; the same command continues a stopped run",
  args: [{ name: "<config>", about: "such as configs/nano.yaml" }],
  options: [jsonOption],
  run,
};

async function run([path]: readonly string[], options: { json?: boolean }, terminal: Terminal): Promise<void> {
  const [
    { parse },
    { readFile },
    { parseTrainConfig },
    { supply },
    { ortNode },
    { run: trained },
    { FormatError, RequestError },
  ] = await Promise.all([
    import("yaml"),
    import("node:fs/promises"),
    import("../train/config.ts"),
    import("../train/supply.ts"),
    import("../run/ort-node.ts"),
    import("../train/run.ts"),
    import("../errors.ts"),
  ]);
  const text = await readFile(path, "utf8").catch(({ code, message }: NodeJS.ErrnoException) => {
    const why = code === "ENOENT" ? "no such file" : `cannot be read: ${message}`;
    throw new RequestError(`${path}: ${why}; expected a training configuration such as configs/nano.yaml`, 404);
  });
  const config = parseTrainConfig(yaml(text, path, parse, FormatError), path);
  const samples = supply(config);
  const signal = terminal.interrupted();
  const bar = terminal.stderr.isTTY ? progress(terminal) : undefined;
  try {
    const end = await trained(config, ortNode({ threads: config.threads }), samples, {
      signal,
      onStep: (m, done, total) => bar?.show(m, done, total),
    });
    if (options.json) return json(terminal, { ...end, out: config.out });
    if (!end.finished)
      return notice(terminal, `stopped after ${end.steps} steps; the same command continues ${config.out}`);
    return write(terminal.stdout, `${end.steps} steps, ${end.samples} samples; the model is in ${config.out}/model\n`);
  } finally {
    bar?.stop();
    await samples.close();
  }
}

function yaml(
  text: string,
  path: string,
  parse: (text: string) => unknown,
  Wrong: new (message: string) => Error,
): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new Wrong(`${path} is no YAML: ${(error as Error).message.split("\n")[0]}`);
  }
}

/** A bar with losses, tokens and GFLOP a second, and the time left, on a terminal. */
function progress(terminal: Terminal): { show(m: Metrics, done: number, total: number): void; stop(): void } {
  const format = "{phase} {bar} {value}/{total} loss {loss} · {tokens} tok/s · {gflops} GFLOP/s · {left} left";
  const bar = new SingleBar({ stream: terminal.stderr as NodeJS.WritableStream, format, hideCursor: true });
  let seconds = 0;
  const show = (m: Metrics, done: number, total: number): void => {
    if (!bar.isActive) bar.start(total, done - 1);
    seconds = seconds ? 0.95 * seconds + 0.05 * m.seconds : m.seconds;
    bar.update(done, {
      phase: m.phase,
      loss: m.loss.toFixed(3),
      tokens: Math.round(m.tokens / m.seconds),
      gflops: Math.round(m.gflops),
      left: clock(seconds * (total - done)),
    });
  };
  return { show, stop: () => bar.stop() };
}
