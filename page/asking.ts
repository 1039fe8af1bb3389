/** Asking: one question at a time, again at another ratio, and stopping. */
import { type Asked, ask } from "./protocol.ts";
import * as state from "./state.ts";
import { type Attempt, change, type Turn } from "./state.ts";

let current: AbortController | undefined;
let count = 0;

/** Ends the answer that is being written. */
export const stop = (): void => current?.abort();

/** Asks what stands in the field. */
export async function put(): Promise<void> {
  const { question, paper, chosen, busy, follow, turns } = state;
  const text = question.value.trim();
  if (!text || !paper.value || !chosen.value.length || busy.value) return;
  question.value = "";
  const follows = follow.value && turns.value.length > 0;
  // With the answers above go the sheets that they are about.
  const sheets = follows ? turns.value.at(-1)!.sheets : chosen.value;
  const turn: Turn = { id: ++count, question: text, sheets, follows, attempts: [], shown: 0 };
  turns.value = [...turns.value, turn];
  await answer(turn.id);
}

/** Asks the question that is pointed at again, as things are to be seen now; where that was done before, that answer is shown. */
export async function again(): Promise<void> {
  const { turn, model, sight } = state;
  if (!turn.value) return;
  stop();
  const { keep, tiles } = sight.value;
  const known = turn.value.attempts.find(
    (attempt) =>
      attempt.state === "done" &&
      attempt.model === model.value &&
      attempt.sight.tiles === tiles &&
      (keep === undefined ? attempt.sight.keep === undefined : state.keptOf(attempt) === keep),
  );
  if (known) change(turn.value.id, () => ({ shown: known.id }));
  else await answer(turn.value.id);
}

/** One more attempt at a turn; those that came to nothing go. */
async function answer(turn: number): Promise<void> {
  const { sight, model, key, rows, pointed } = state;
  const controller = new AbortController();
  current = controller;
  pointed.value = turn;
  const id = ++count;
  const begun: Attempt = { id, sight: sight.value, model: model.value, state: "waiting", text: "", images: [] };
  change(turn, ({ attempts }) => ({ attempts: [...attempts.filter(finished), begun], shown: id }));
  const tell = (changed: (attempt: Attempt) => Partial<Attempt>): void =>
    change(turn, ({ attempts }) => ({
      attempts: attempts.map((attempt) => (attempt.id === id ? { ...attempt, ...changed(attempt) } : attempt)),
    }));
  try {
    for await (const { text, images, facts } of ask(await request(turn), key.value, controller.signal)) {
      if (facts) tell(() => ({ facts, images: facts.images, state: "done" }));
      if (images) tell(() => ({ images }));
      if (text) tell((before) => ({ text: before.text + text, state: "writing" }));
    }
    if (!rows.value.find((row) => row.id === begun.model)?.galago.loaded) void state.meet();
  } catch (error) {
    if (controller.signal.aborted) tell(() => ({ state: "stopped" }));
    else tell(() => ({ state: "failed", error: state.sentence(error) }));
  }
}

const finished = ({ state }: Attempt): boolean => state === "done";

/** The turn, after those that it follows. */
async function request(id: number): Promise<Asked> {
  const all = state.turns.value;
  const last = all.findIndex((turn) => turn.id === id);
  let first = last;
  while (all[first].follows) first--;
  const { parts, ...beside } = await state.paper.value!.told(all[first].sheets);
  const messages = all.slice(first, last + 1).flatMap((turn, i) => {
    const text = { type: "text" as const, text: turn.question };
    const asked = { role: "user" as const, content: i ? turn.question : [...parts, text] };
    if (turn.id === id) return [asked];
    return [asked, { role: "assistant" as const, content: state.shownOf(turn)?.text ?? "" }];
  });
  const { keep, tiles } = state.sight.value;
  const seen = { cells: true as const, ...(keep !== undefined && { scm: keep / 100 }), ...(tiles && { tiles }) };
  return { model: state.model.value, messages, galago: { ...seen, ...beside } };
}
