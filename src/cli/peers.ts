/** Other programs that `galago bench` measures beside a model: each is a process of bench/peers that takes and gives lines of JSON. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { EngineError, RequestError } from "../errors.ts";
import type { Stage } from "../eval/speed.ts";

const folder = fileURLToPath(new URL("../../bench/peers", import.meta.url));

/** Each peer: what it is called, its program, the forms in which it stores the same shape, and those for a model in floats only. */
const programs = [
  { name: "llama.cpp", script: "llama-cpp.mjs", forms: ["Q8_0", "Q4_0"], floats: [] },
  { name: "transformers.js", script: "transformers-js.mjs", forms: ["q8"], floats: ["fp32"] },
] as const;

/** What is measured beside them. */
interface Measured {
  readonly precision: string;
  readonly threads: number;
  /** Tokens of the prompts. */
  readonly lengths: readonly number[];
}

/** The peers as stages, named as the model's own with the peer's name before. */
export interface Peers {
  readonly stages: Stage[];
  close(): Promise<void>;
}

/** Starts llama.cpp and transformers.js, once for each form of their weights, on a random language model of the shape that config.json of `model`
 *  says. Throws RequestError where they are not installed, EngineError where one fails. */
export async function openPeers(model: string, { precision, threads, lengths }: Measured): Promise<Peers> {
  if (!existsSync(join(folder, "node_modules", "@huggingface", "transformers")))
    throw new RequestError(
      "llama.cpp and transformers.js are not installed beside bench/peers; run npm ci --prefix bench/peers --ignore-scripts in a clone first",
    );
  const peers = programs.flatMap(({ name, script, forms, floats }) =>
    [...forms, ...(precision === "f32" ? floats : [])].map(
      (form) => new Peer(`${name} ${form}`, [join(folder, script), join(model, "config.json"), form, String(threads)]),
    ),
  );
  return {
    stages: peers.flatMap((peer) =>
      lengths.flatMap((n) =>
        ["prefill", "decode"].map((what) => ({
          name: `${peer.name}: ${what} ${n}`,
          unit: "tokens/s",
          measure: () => peer.ask(what, n),
        })),
      ),
    ),
    close: async () => {
      for (const peer of peers) peer.close();
    },
  };
}

/** A process that answers {what, tokens} with {value}. */
class Peer {
  readonly name: string;
  private readonly process: ReturnType<typeof spawn>;
  private readonly answers: AsyncIterator<string>;

  constructor(name: string, words: readonly string[]) {
    this.name = name;
    this.process = spawn(process.execPath, words, { stdio: ["pipe", "pipe", "inherit"] });
    this.answers = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
  }

  async ask(what: string, tokens: number): Promise<number> {
    this.process.stdin!.write(`${JSON.stringify({ what, tokens })}\n`);
    const { value, done } = await this.answers.next();
    if (done) throw new EngineError(`${this.name} ended while it was measured; its own message stands above`);
    return JSON.parse(value).value;
  }

  close(): void {
    this.process.stdin!.end();
  }
}
