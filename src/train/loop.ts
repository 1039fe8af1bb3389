/** The training loop: phases of steps, each step one run of one graph over buffers that take turns. */

import { EngineError, RequestError } from "../errors.ts";
import { flops } from "../graph/cost.ts";
import type { Engine, Feeds, Session, Values } from "../graph/engine.ts";
import { inputsOf, type Outputs, paramsOf } from "../graph/graph.ts";
import { openEnded } from "../weights/checkpoint.ts";
import { weights } from "../weights/path.ts";
import type { Phase, TrainConfig } from "./config.ts";
import { type BatchShape, begins, type Losses, learningOf } from "./losses.ts";
import { Packer } from "./pack.ts";
import type { Sample } from "./sample.ts";
import type { State, Wanted } from "./state.ts";
import { accumulation, gradient, next, update } from "./step.ts";
import { type Trained, trained } from "./trained.ts";

/** One line of the metrics. Losses are nats, of the last micro-batch; seconds are of the whole step. */
export interface Metrics {
  phase: string;
  step: number;
  loss: number;
  /** The parts that it sums, by name. */
  parts: Record<string, number>;
  /** Length of the gradient before clipping. */
  norm: number;
  lr: number;
  samples: number;
  tokens: number;
  tiles: number;
  seconds: number;
  gflops: number;
}

/** Samples of a phase by number, made ahead of time. */
export interface Supply {
  take(phase: number, index: number): Promise<Sample>;
}

/** The parameters of a model that learns, from its own trace. Throws RequestError where a phase freezes, or moves, what there is not. */
export function wantedOf(config: TrainConfig, placeholder: number): Wanted {
  const source = openEnded();
  const w = weights(source);
  const model = trained(config.model);
  const all = { answer: 1, look: 1, dense: 1, words: 1, average: "token" } as const;
  for (const sight of ["tiles", "labels"] as const)
    model.losses(w, { tiles: 1, rows: 1, tokens: 8 }, placeholder, { sight, ...all });
  for (const { name, frozen, learns = [] } of config.phases)
    for (const [what, pattern] of [...frozen.map((p) => ["frozen", p]), ...learns.map((p) => ["learns", p])])
      if (![...source.wanted.keys()].some((key) => begins(key, pattern)))
        throw new RequestError(
          `phase "${name}": ${what} "${pattern}" begins the name of no weight, such as ${[...source.wanted.keys()][0]}`,
        );
  return source.wanted;
}

/** Trains from where the state stands; yields after every step, when the state is whole and may be saved. The state's
 *  parameters are current whenever the generator has yielded. */
export async function* train(
  config: TrainConfig,
  state: State,
  engine: Engine,
  supply: Supply,
  placeholder: number,
): AsyncGenerator<Metrics> {
  const spare = new Map([...state.values].map(([key, v]) => [key, { ...v, data: new Float32Array(v.data.length) }]));
  for (
    ;
    state.position.phase < config.phases.length;
    state.position = { ...state.position, phase: state.position.phase + 1, step: 0, sample: 0, pending: [] }
  )
    yield* trainPhase(config, state, spare, engine, supply, placeholder);
}

async function* trainPhase(
  config: TrainConfig,
  state: State,
  spare: Map<string, Values>,
  engine: Engine,
  supply: Supply,
  placeholder: number,
): AsyncGenerator<Metrics> {
  const { phase: number } = state.position;
  const phase = config.phases[number];
  const model = trained(config.model);
  const packer = new Packer(phase.shapes);
  for (const index of state.position.pending) packer.add(index, await supply.take(number, index));
  const programs = new Map<number, Program>();
  let index = state.position.sample;
  const nextBatch = async (): Promise<{ shape: number; samples: Sample[] }> => {
    const first = index;
    for (;;) {
      const sample = await supply.take(number, index);
      const closed = packer.add(index++, sample);
      if (closed) return closed;
      // Most samples wait for a batch; a thousand in a row that close none were all left out.
      if (index - first > 1000)
        throw new RequestError(
          `phase "${phase.name}": 1,000 samples closed no batch: its tiles or questions exceed every shape; raise tokens or tiles`,
        );
    }
  };
  try {
    while (state.position.step < phase.steps) {
      const began = performance.now();
      const batches = [];
      for (let i = 0; i < phase.accumulate; i++) batches.push(await nextBatch());
      const lr = rate(phase, state.position.step);
      let gradients: Feeds = {};
      let losses: Record<string, Values> = {};
      let work = 0;
      for (const [i, { shape, samples }] of batches.entries()) {
        const program =
          programs.get(shape) ?? (await openProgram(model, config, phase, packer.shapes[shape], engine, placeholder));
        programs.set(shape, program);
        const batch = model.feeds(samples, packer.shapes[shape], {
          name: `${config.seed} ${phase.name}`,
          number: state.position.step * phase.accumulate + i,
        });
        const last = i === batches.length - 1;
        work += program.flops;
        if (last) losses = await program.update(state, spare, { ...batch, ...gradients }, lr);
        else gradients = await program.accumulate(state, batch, gradients);
      }
      if (!Number.isFinite(losses.loss.data[0]) || !Number.isFinite(losses.norm.data[0]))
        throw new EngineError(
          `${phase.name}, step ${state.position.step + 1}: the loss is ${losses.loss.data[0]}, its gradient ${losses.norm.data[0]}; the last checkpoint stays, lower lr and continue from it`,
        );
      const { step, total } = state.position;
      state.position = { phase: number, step: step + 1, total: total + 1, sample: index, pending: packer.pending() };
      const seconds = (performance.now() - began) / 1000;
      const samples = batches.flatMap((batch) => batch.samples);
      yield {
        phase: phase.name,
        step: state.position.step,
        ...scalars(losses),
        lr,
        samples: samples.length,
        tokens: samples.reduce((sum, s) => sum + s.ids.length, 0),
        tiles: samples.reduce((sum, s) => sum + s.count, 0),
        seconds,
        gflops: work / 1e9 / seconds,
      };
    }
  } finally {
    for (const program of programs.values()) await program.close();
  }
}

function scalars(losses: Record<string, Values>): Pick<Metrics, "loss" | "parts" | "norm"> {
  const of = (name: string): number => Number(losses[name].data[0]);
  const names = Object.keys(losses).filter((name) => name.startsWith(part("")));
  return {
    loss: of("loss"),
    parts: Object.fromEntries(names.map((name) => [name.slice(part("").length), of(name)])),
    norm: of("norm"),
  };
}

/** Linear warm-up, then half a cosine from lr[0] to lr[1]. */
export function rate({ steps, warmup, lr: [from, to] }: Pick<Phase, "steps" | "warmup" | "lr">, step: number): number {
  if (step < warmup) return (from * (step + 1)) / warmup;
  const done = (step - warmup) / Math.max(1, steps - warmup);
  return to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * done));
}

/** The graphs of one batch shape, opened when first needed. */
interface Program {
  flops: number;
  update(state: State, spare: Map<string, Values>, batch: Feeds, lr: number): Promise<Record<string, Values>>;
  accumulate(state: State, batch: Feeds, before: Feeds): Promise<Feeds>;
  close(): Promise<void>;
}

async function openProgram(
  model: Trained,
  config: TrainConfig,
  phase: Phase,
  shape: BatchShape,
  engine: Engine,
  placeholder: number,
): Promise<Program> {
  const losses = model.losses(weights(openEnded()), shape, placeholder, phase);
  const params = paramsOf({ loss: losses.loss });
  const learning = learningOf(losses.loss, { ...phase, frozen: [...phase.frozen, ...model.still(phase)] });
  const stepped = update(losses.loss, learning, config.optimizer, phase.accumulate);
  const step = await engine.open({ ...named(losses), ...stepped });
  const moving = Object.keys(stepped).flatMap((name) =>
    name.startsWith(next("")) ? [name.slice(next("").length)] : [],
  );
  const grow =
    phase.accumulate > 1 ? await engine.open(accumulation(losses.loss, learning, phase.accumulate)) : undefined;
  const wanted = new Set(inputsOf({ ...named(losses), ...stepped }).map((x) => x.attrs.name));
  const only = (batch: Feeds): Feeds => Object.fromEntries(Object.entries(batch).filter(([name]) => wanted.has(name)));
  const weightsOf = (state: State): Feeds =>
    Object.fromEntries([...params.keys()].map((key) => [key, state.values.get(key)!]));
  return {
    flops: flops({ ...named(losses), ...stepped }),
    update: (state, spare, batch, lr) =>
      runUpdate(step, [...learning.keys()], moving, state, spare, { ...only(batch), ...weightsOf(state) }, lr),
    accumulate: async (state, batch, before) => {
      const zeros = [...learning].map(
        ([key, p]) =>
          [
            gradient(key),
            { dtype: "f32", shape: p.shape as number[], data: new Float32Array(state.values.get(key)!.data.length) },
          ] as const,
      );
      const start = Object.keys(before).length ? before : Object.fromEntries(zeros);
      const result = await grow!.run({ ...only(batch), ...start, ...weightsOf(state) });
      return Object.fromEntries(Object.entries(result).map(([name, v]) => [name.slice(next("").length), v]));
    },
    close: async () => {
      await step.close();
      await grow?.close();
    },
  };
}

const part = (name: string): string => `loss.${name}`;
const named = ({ loss, parts }: Losses): Outputs => ({
  loss,
  ...Object.fromEntries(Object.entries(parts).map(([name, x]) => [part(name), x])),
});

/** Runs the step of the parameters `keys`, whose changing values are `names`, into the spare buffers, then swaps: what was spare is the state, what was the state is spare. */
async function runUpdate(
  session: Session,
  keys: readonly string[],
  names: readonly string[],
  state: State,
  spare: Map<string, Values>,
  batch: Feeds,
  lr: number,
): Promise<Record<string, Values>> {
  for (const key of keys) state.ages.set(key, state.ages.get(key)! + 1);
  const moving = Object.fromEntries(names.map((name) => [name, state.values.get(name)!]));
  const into = Object.fromEntries(names.map((name) => [next(name), spare.get(name)!]));
  const ages = Float32Array.from(keys, (key) => state.ages.get(key)!);
  const rates: Feeds = {
    lr: { dtype: "f32", shape: [1], data: Float32Array.of(lr) },
    ages: { dtype: "f32", shape: [keys.length], data: ages },
  };
  const result = await session.run({ ...batch, ...moving, ...rates }, into);
  for (const name of names) {
    const before = state.values.get(name)!;
    state.values.set(name, spare.get(name)!);
    spare.set(name, before);
  }
  return result;
}
