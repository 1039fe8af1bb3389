/** Seam 1: what runs a graph. The compiler knows engines only by this. */
import type { Outputs } from "./graph.ts";
import type { DType } from "./tensor.ts";

/** Values at the edge of a run: typed array, row-major. i64 is BigInt64Array, bool Uint8Array. */
export interface Values {
  dtype: DType;
  shape: readonly number[];
  data: Float32Array | BigInt64Array | Int32Array | Uint8Array | Int8Array | Uint16Array;
}

export type Feeds = Readonly<Record<string, Values>>;

/** A graph made ready. */
export interface Session {
  /** Runs once. Results are written into `into` where it names an output, so that large buffers are reused. */
  run(feeds: Feeds, into?: Feeds): Promise<Record<string, Values>>;
  /** Frees the session and its weights. */
  close(): Promise<void>;
}

export interface Engine {
  open(outputs: Outputs): Promise<Session>;
}
