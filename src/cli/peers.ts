/** Other programs that `galago bench` measures beside a model: each is a process of bench/peers that takes and gives lines of JSON. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { EngineError, RequestError } from "../errors.ts";
import type { Stage } from "../eval/speed.ts";

const script = fileURLToPath(new URL("../../bench/peers/llama-cpp.mjs", import.meta.url));

/** How llama.cpp stores the same shape. */
const forms = ["Q8_0", "Q4_0"] as const;

/** The peers as stages, named as the model's own with the peer's name before. */
export interface Peers {
  readonly stages: Stage[];
  close(): Promise<void>;
}

/** Starts llama.cpp, once for each form of its weights, on a random language model of the shape that config.json of `folder` says.
 *  Throws RequestError where it is not installed, EngineError where it fails. */
export async function openPeers(folder: string, threads: number, lengths: readonly number[]): Promise<Peers> {
  if (!existsSync(join(dirname(script), "node_modules")))
    throw new RequestError(
      "llama.cpp is not installed beside bench/peers; run npm ci --prefix bench/peers in a clone first",
    );
  const peers = forms.map(
    (form) => new Peer(`llama.cpp ${form}`, [script, join(folder, "config.json"), form, String(threads)]),
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
