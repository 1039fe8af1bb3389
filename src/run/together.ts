/** Steps of several conversations that are asked for at the same time, taken as one. */

/** What becomes of a step, or why nothing does. */
export type Outcome = Float32Array | Error;

interface Waiting {
  readonly id: number;
  settle(outcome: Outcome): void;
}

/** A function that asks for the step of a seat. Those that are asked for before its `turn` comes are handed to `run` at once, as ids by
 *  seat, and so are those that come while it runs, in the next turn. Rejects with the Error that is the outcome, or with what `run` threw. */
export function together(
  run: (ids: ReadonlyMap<number, number>) => Promise<ReadonlyMap<number, Outcome>>,
  turn: (flush: () => Promise<void>) => Promise<void> = (flush) => flush(),
): (seat: number, id: number) => Promise<Float32Array> {
  let waiting = new Map<number, Waiting>();
  let running: Promise<void> = Promise.resolve();

  async function flush(): Promise<void> {
    const group = waiting;
    waiting = new Map();
    if (group.size === 0) return;
    const ids = new Map([...group].map(([seat, { id }]) => [seat, id]));
    const failed = (error: unknown): ReadonlyMap<number, Outcome> =>
      new Map([...group.keys()].map((seat) => [seat, error as Error]));
    const outcomes = await run(ids).catch(failed);
    for (const [seat, { settle }] of group) settle(outcomes.get(seat)!);
  }

  return (seat, id) =>
    new Promise((resolve, reject) => {
      if (waiting.size === 0)
        setImmediate(() => {
          running = running.then(() => turn(flush));
        });
      waiting.set(seat, { id, settle: (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)) });
    });
}
