/** The log: a line of JSON an answer and an error. Of images and texts it holds nothing, unless asked. */
import { type DestinationStream, pino } from "pino";
import type { Noted } from "./answering.ts";

/** What a server tells of. */
export interface Log {
  note(noted: Noted): void;
  /** An error that nobody foresaw. */
  failed(error: unknown): void;
}

/** A log that is written to a stream; `content`: also what is asked and answered. */
export function serverLog(to: DestinationStream, content: boolean): Log {
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, to);
  return {
    note({ model, status, seconds, firstSeconds, record }) {
      const { usage, finish_reason, question, answer } = record ?? {};
      const facts = { model, status, seconds, first_seconds: firstSeconds, finish_reason, usage };
      log.info({ ...facts, ...(content && { question, answer }) }, "answer");
    },
    failed: (err) => log.error({ err }, "failure"),
  };
}
