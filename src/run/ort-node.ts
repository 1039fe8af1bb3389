/** The engine in Node: ONNX Runtime's native binding. The only file that knows it. */
import "./ort-silent.ts";
import * as ort from "onnxruntime-node";
import { EngineError } from "../errors.ts";
import type { Engine, Feeds, Session, Values } from "../graph/engine.ts";
import { bindSizes } from "../graph/evaluate.ts";
import { inputsOf, type Outputs, order, paramsOf } from "../graph/graph.ts";
import { type LowerOptions, onnxModel } from "../graph/onnx.ts";
import { type DType, input, type Tensor } from "../graph/tensor.ts";

export interface OrtOptions extends LowerOptions {
  /** Threads of one operator. Default: all cores. */
  threads?: number;
  /** Where the weight files lie that the graph's places name. */
  folder?: string;
  /** Writes ONNX Runtime's own profile (JSON) to files that begin so. */
  profile?: string;
}

const names: Partial<Record<DType, ort.Tensor.Type>> = {
  f32: "float32",
  f16: "float16",
  i64: "int64",
  i32: "int32",
  u8: "uint8",
  i8: "int8",
  bool: "bool",
};
const dtypes = Object.fromEntries(Object.entries(names).map(([ours, theirs]) => [theirs, ours as DType]));

/** An engine that runs graphs on this machine's processor. */
export function ortNode(options: OrtOptions = {}): Engine {
  return {
    async open(outputs: Outputs): Promise<Session> {
      const extra = {
        session: { ...(options.folder && { model_external_initializers_file_folder_path: options.folder }) },
      };
      const bytes = order(Object.values(outputs)).some(({ op }) => op === "product8");
      const lowering = { signed8: bytes && (await exactSigned8()), ...options };
      const session = await failing("open", () =>
        ort.InferenceSession.create(onnxModel(outputs, lowering), {
          executionProviders: ["cpu"],
          graphOptimizationLevel: "all",
          // A plan of all results is one block of their sum for each shape that is met, and kept: memory for no time.
          enableMemPattern: false,
          logSeverityLevel: 3,
          extra,
          ...(options.threads && { intraOpNumThreads: options.threads }),
          ...(options.profile && { enableProfiling: true, profileFilePrefix: options.profile }),
        }),
      );
      return new NodeSession(session, outputs);
    },
  };
}

let signed8: Promise<boolean> | undefined;

/** Whether this processor sums products of unsigned and signed 8 bits exactly, as those with VNNI do: others add pairs in 16 bits, which overflow.
 *  Found by trying: the largest products there are. */
export function exactSigned8(): Promise<boolean> {
  signed8 ??= trySigned8();
  return signed8;
}

async function trySigned8(): Promise<boolean> {
  const [m, n] = [64, 16];
  const y = input("x", [1, m]).apply("product8", [input("bytes", [m, n], "i8"), input("scales", [n])]);
  const session = await ort.InferenceSession.create(onnxModel({ y }, { signed8: true }), { logSeverityLevel: 3 });
  const given = {
    x: tensor({ dtype: "f32", shape: [1, m], data: new Float32Array(m).fill(127) }),
    bytes: tensor({ dtype: "i8", shape: [m, n], data: new Int8Array(m * n).fill(127) }),
    scales: tensor({ dtype: "f32", shape: [n], data: new Float32Array(n).fill(1) }),
  };
  const found = (await session.run(given)).y.data as Float32Array;
  await session.release();
  return found.every((sum) => sum === m * 127 * 127);
}

class NodeSession implements Session {
  private readonly session: ort.InferenceSession;
  private readonly results: readonly string[];
  private readonly inputs: readonly Tensor[];
  private readonly keys: readonly string[];
  constructor(session: ort.InferenceSession, outputs: Outputs) {
    this.session = session;
    this.results = Object.keys(outputs);
    this.inputs = inputsOf(outputs);
    this.keys = [...paramsOf(outputs)].filter(([, p]) => !p.attrs.at).map(([key]) => key);
  }

  async run(feeds: Feeds, into: Feeds = {}): Promise<Record<string, Values>> {
    this.check(feeds);
    const given = Object.fromEntries(Object.entries(feeds).map(([name, v]) => [name, tensor(v)]));
    const wanted = Object.fromEntries(this.results.map((name) => [name, into[name] ? tensor(into[name]) : null]));
    const results = await failing("run", () => this.session.run(given, wanted));
    return Object.fromEntries(Object.entries(results).map(([name, t]) => [name, into[name] ?? values(t)]));
  }

  async close(): Promise<void> {
    await this.session.release();
  }

  /** Shapes are checked here, where the message can name the input and its sizes. */
  private check(feeds: Feeds): void {
    const sizes = new Map<string, number>();
    for (const x of this.inputs) {
      const given = feeds[x.attrs.name];
      if (!given)
        throw new EngineError(`run: no value for input "${x.attrs.name}"; given are ${Object.keys(feeds).join(", ")}`);
      bindSizes(x.attrs.name, x.shape, given.shape, sizes);
    }
    for (const key of this.keys) if (!feeds[key]) throw new EngineError(`run: no value for weight "${key}"`);
  }
}

const tensor = (v: Values): ort.Tensor => new ort.Tensor(names[v.dtype] as "float32", v.data as Float32Array, v.shape);
const values = (t: ort.Tensor): Values => ({ dtype: dtypes[t.type], shape: t.dims, data: t.data as Float32Array });

/** The runtime's errors are ours to explain; its own one is the cause. */
async function failing<T>(what: string, f: () => Promise<T>): Promise<T> {
  try {
    return await f();
  } catch (cause) {
    const [line] = String(cause instanceof Error ? cause.message : cause).split("\n");
    throw new EngineError(`ONNX Runtime could not ${what} the graph: ${line}`, { cause });
  }
}
