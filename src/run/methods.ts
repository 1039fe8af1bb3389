/** The methods of token compression by the names that options have for them. */
import { type Compression, checkRatio } from "../compress/compression.ts";
import { divprune } from "../compress/divprune.ts";
import { fastv } from "../compress/fastv.ts";
import { randomly } from "../compress/random.ts";
import { scm } from "../compress/scm.ts";
import { Random } from "../data/random.ts";
import { RequestError } from "../errors.ts";

const methods: Readonly<Record<string, (ratio: number, seed: number) => Compression>> = {
  scm: (ratio) => scm({ ratio }),
  random: (ratio, seed) => randomly({ ratio, numbers: () => numbers(seed) }),
  divprune: (ratio) => divprune({ ratio }),
  fastv: (ratio) => fastv({ ratio }),
};

function numbers(seed: number): () => number {
  const draws = new Random("compression", seed);
  return () => draws.real();
}

/** Their names. */
export const methodNames: readonly string[] = Object.keys(methods);

/** The method that a spec names: `METHOD:RATIO`, where the ratio is the part of the detailed layer's tokens that stays, `random:RATIO,seed=N`, or undefined for
 *  `off`. Throws RequestError otherwise. */
export function parseCompression(spec: string): Compression | undefined {
  if (spec === "off") return undefined;
  const [, name, ratio, seed] = /^([a-z]+):([^,]+)(?:,seed=(\d{1,15}))?$/.exec(spec) ?? [];
  if (name === undefined || !Object.hasOwn(methods, name) || (seed !== undefined && name !== "random"))
    throw new RequestError(
      `no compression "${spec}"; there are ${methodNames.map((name) => `${name}:0.5`).join(", ")}, random:0.5,seed=1 and off`,
    );
  checkRatio(name, Number(ratio));
  return methods[name](Number(ratio), Number(seed ?? 1));
}
