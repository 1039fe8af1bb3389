/** `galago pull`: a published model from the hub, made ready to be asked. */

import type { PullOptions } from "../run/pull.ts";
import type { StoredPrecision } from "../run/storing.ts";
import { bytesText, countText } from "../weights/quantity.ts";
import { progressBar } from "./bar.ts";
import { type Command, jsonOption, type Terminal } from "./command.ts";
import { precision } from "./convert.ts";
import { json, notice, write } from "./output.ts";
import { clock, pace } from "./pace.ts";

interface Options {
  readonly precision: StoredPrecision;
  readonly keep?: boolean;
  readonly offline?: boolean;
  readonly json?: boolean;
}

/** The command as data. */
export const pull: Command<Options> = {
  name: "pull",
  about: "download a published model, check and convert it; the same command continues a stopped run",
  args: [
    {
      name: "<model>",
      about: "a name that galago models lists, or OWNER/NAME of a repository on the hub (HF_ENDPOINT, HF_TOKEN)",
    },
  ],
  options: [
    {
      flags: "--precision <p>",
      about: "how weights are stored, as in galago convert",
      parse: precision,
      default: "f16",
    },
    { flags: "--keep", about: "leave the downloaded files in GALAGO_HOME/downloads" },
    { flags: "--offline", about: "ask nothing of the network, as with HF_HUB_OFFLINE=1" },
    jsonOption,
  ],
  run,
};

async function run([model]: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const [{ pull }, { hubOf }] = await Promise.all([import("../run/pull.ts"), import("../weights/request.ts")]);
  const begun = performance.now();
  const { HF_HUB_OFFLINE = "" } = process.env;
  const shown = progress(terminal);
  const { name, folder, files, made } = await pull(model, {
    precision: options.precision,
    keep: options.keep,
    offline: options.offline || /^(1|on|yes|true)$/i.test(HF_HUB_OFFLINE),
    hub: hubOf(process.env, terminal.interrupted()),
    ...shown,
  }).finally(shown.stop);
  const seconds = (performance.now() - begun) / 1000;
  if (options.json) return json(terminal, { name, folder, files, ...made, seconds });
  if (!made)
    return write(
      terminal.stdout,
      `${name} is there already, in ${folder}; galago rm ${name} makes room to fetch or convert it anew\n`,
    );
  return write(terminal.stdout, `${name}: ${countText(made.parameters)} parameters, in ${folder}\n`);
}

type Progress = Pick<PullOptions, "onBytes" | "onFile" | "onConvert"> & { stop(): void };

/** Two bars on a terminal, one after the other; elsewhere a line for each file. */
function progress(terminal: Terminal): Progress {
  const download = progressBar(terminal, "{bar} {percentage}% · {here} of {all} · {speed}/s · {left} left");
  const conversion = progressBar(terminal, "{bar} {percentage}% converted, {eta} s left");
  const speed = pace();
  const stop = (): void => {
    download?.stop();
    conversion?.stop();
  };
  if (!download || !conversion)
    return {
      stop,
      onFile: ({ path, bytes, edited }) =>
        void notice(terminal, `${path}  ${bytesText(bytes)}${edited ? ", as corrected here" : ""}`),
    };
  return {
    stop,
    onBytes(done, total) {
      const perSecond = speed(done);
      const [here, all, fast] = [done, total, perSecond].map(bytesText);
      const words = { here, all, speed: fast, left: clock((total - done) / perSecond) };
      if (download.isActive) download.update(done, words);
      else download.start(total, done, words);
    },
    onConvert(done, total) {
      download.stop();
      if (conversion.isActive) conversion.update(done);
      else conversion.start(total, done);
    },
  };
}
