/** A gate between the thread that computes and the one that may end the process: ONNX Runtime aborts the whole process when its
 *  thread is taken away in the middle of a call. */
import type { Engine, Session } from "../graph/engine.ts";

/** Two counters that both threads see: calls under way, and whether the gate is shut. */
export type Gate = Int32Array<SharedArrayBuffer>;
const calls = 0;
const shutAt = 1;

/** An open gate. */
export const openGate = (): Gate => new Int32Array(new SharedArrayBuffer(8));

/** Lets no further call begin and waits, blocking, until those under way have ended. */
export function shut(gate: Gate): void {
  Atomics.store(gate, shutAt, 1);
  for (let left = Atomics.load(gate, calls); left > 0; left = Atomics.load(gate, calls))
    Atomics.wait(gate, calls, left);
}

/** The engine, whose calls pass the gate; at a shut gate the thread sleeps until it is taken away. */
export function gated(engine: Engine, gate: Gate): Engine {
  return {
    async open(outputs) {
      const session = await pass(gate, () => engine.open(outputs));
      return {
        run: (feeds, into) => pass(gate, () => session.run(feeds, into)),
        close: () => pass(gate, () => session.close()),
      } satisfies Session;
    },
  };
}

/** The call is counted before the gate is looked at: whoever shuts it sees the call, or the call sees the shut gate. */
async function pass<T>(gate: Gate, call: () => Promise<T>): Promise<T> {
  Atomics.add(gate, calls, 1);
  try {
    if (Atomics.load(gate, shutAt)) sleep(gate);
    return await call();
  } finally {
    Atomics.sub(gate, calls, 1);
    Atomics.notify(gate, calls);
  }
}

function sleep(gate: Gate): void {
  Atomics.sub(gate, calls, 1);
  Atomics.notify(gate, calls);
  Atomics.wait(gate, shutAt, 1);
}
