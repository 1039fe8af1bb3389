/** What Prometheus is told: the queue, how soon and how fast answers are written, what was cached, memory. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Noted } from "./answering.ts";
import type { Pool } from "./pool.ts";

/** The numbers of one server. */
export interface Metrics {
  note(noted: Noted): void;
  /** All of them, in Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

const seconds = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const rates = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** The numbers of a server of this pool. */
export function metricsOf(pool: Pool): Metrics {
  const registers = [new Registry()];
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  };
  gauge("galago_queue_length", "Questions that wait for a place.", () => pool.count().waiting);
  gauge("galago_answers_running", "Answers that are being written.", () => pool.count().running);
  gauge("process_resident_memory_bytes", "Resident memory of the server.", () => process.memoryUsage.rss());
  gauge("process_start_time_seconds", "When the server began.", () => Date.now() / 1000 - process.uptime());

  const labelNames = ["model"] as const;
  const shared = { labelNames, registers };
  const named = { labelNames: ["model", "status"] as const, registers };
  const answers = new Counter({ name: "galago_answers_total", help: "Answers by their HTTP status.", ...named });
  const first = "galago_time_to_first_token_seconds";
  const firstToken = new Histogram({
    name: first,
    help: "From a question to the first of its answer.",
    buckets: seconds,
    ...shared,
  });
  const whole = new Histogram({
    name: "galago_answer_seconds",
    help: "From a question to the end of its answer.",
    buckets: seconds,
    ...shared,
  });
  const speed = new Histogram({
    name: "galago_tokens_per_second",
    help: "Tokens of an answer a second of writing it.",
    buckets: rates,
    ...shared,
  });
  const tokens = new Counter({
    name: "galago_tokens_total",
    help: "Tokens: of prompts, of those the cached ones (cache hits), of images, of answers.",
    labelNames: ["model", "kind"] as const,
    registers,
  });

  return {
    note({ model: asked, status, seconds, firstSeconds, record }) {
      // A name that is not served is anyone's invention.
      const model = pool.names.includes(asked) ? asked : "";
      answers.inc({ model, status });
      if (!record) return;
      if (firstSeconds !== null) firstToken.observe({ model }, firstSeconds);
      whole.observe({ model }, seconds);
      const { usage, timing_ms } = record;
      if (timing_ms.decode) speed.observe({ model }, usage.completion_tokens / (timing_ms.decode / 1000));
      const kinds = {
        prompt: usage.prompt_tokens,
        cached: usage.cached_tokens,
        visual: usage.visual_tokens,
        completion: usage.completion_tokens,
      };
      for (const [kind, count] of Object.entries(kinds)) tokens.inc({ model, kind }, count);
    },
    text: () => registers[0].metrics(),
    contentType: registers[0].contentType,
  };
}
