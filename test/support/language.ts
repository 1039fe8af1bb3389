/** A language model with one conversation. */
import { openLanguage, type Seat } from "../../src/run/language.ts";

export interface OpenSeat extends Seat {
  close(): Promise<void>;
}

/** Opens a language model and takes its only seat. */
export async function openSeat(...given: Parameters<typeof openLanguage>): Promise<OpenSeat> {
  const language = await openLanguage(...given);
  const seat = await language.take({ ids: [], features: new Float32Array() });
  return {
    prefill: (prompt) => seat.prefill(prompt),
    step: (id) => seat.step(id),
    get reused() {
      return seat.reused;
    },
    close: () => language.close(),
  };
}
