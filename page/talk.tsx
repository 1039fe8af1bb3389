/** The conversation: questions, their answers, and the field for the next. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { put, stop } from "./asking.ts";
import { Made } from "./made.tsx";
import * as state from "./state.ts";
import { type Attempt, type Turn, trouble } from "./state.ts";

/** Questions that documents are often asked. */
const usual = ["What is the total?", "What is the date?", "Read all the text."];

export function Talk(): JSX.Element {
  const { turns } = state;
  const list = useRef<HTMLOListElement>(null);
  const last = turns.value.at(-1);
  const whole = last && state.shownOf(last)?.state === "done";
  useEffect(() => list.current!.lastElementChild?.scrollIntoView({ block: "nearest" }), [last?.id, whole]);
  return (
    <section class="talk" aria-label="Conversation">
      <ol class="turns" ref={list}>
        {turns.value.map((turn) => (
          <Exchange key={turn.id} {...turn} />
        ))}
      </ol>
      {turns.value.length === 0 && <Usual />}
      <Composer />
      <p class="unseen" role="status">
        {aloud(state.attempt.value)}
      </p>
    </section>
  );
}

/** What is said to those who do not look: that it reads, and the answer once it is whole. */
function aloud(attempt: Attempt | undefined): string {
  if (!attempt) return "";
  const { state, text, error } = attempt;
  const words = {
    waiting: "Reading",
    writing: "Reading",
    done: text || nothing,
    stopped: "Stopped",
    failed: error ?? "",
  };
  return words[state];
}

const nothing = "The model wrote nothing.";

function Usual(): JSX.Element {
  const ask = (words: string): void => {
    state.question.value = words;
    void put();
  };
  return (
    <ul class="usual" aria-label="Questions to start with">
      {usual.map((words) => (
        <li key={words}>
          <button type="button" disabled={!state.chosen.value.length} onClick={() => ask(words)}>
            {words}
          </button>
        </li>
      ))}
    </ul>
  );
}

function Exchange(turn: Turn): JSX.Element {
  const { id, question, follows, attempts } = turn;
  const attempt = state.shownOf(turn);
  const pointed = state.pointed.value === id;
  return (
    <li class={pointed ? "exchange pointed" : "exchange"}>
      <h3>
        <button type="button" aria-current={pointed} title="Show what was seen" onClick={() => point(turn)}>
          {follows && <span class="follows">↳ </span>}
          {question}
        </button>
      </h3>
      {attempt && <Answer {...attempt} />}
      {attempts.length > 1 && <Attempts {...turn} />}
      {attempt && pointed && <Made {...attempt} />}
    </li>
  );
}

/** Shows on the page what was seen for an answer. */
function point({ id, sheets, shown, ...turn }: Turn, attempt: number = shown): void {
  state.change(id, () => ({ shown: attempt }));
  state.pointed.value = id;
  state.sight.value = turn.attempts.find(({ id }) => id === attempt)?.sight ?? {};
  if (!sheets.includes(state.sheet.value)) state.sheet.value = sheets[0];
}

function Answer({ state, text, error, images, facts }: Attempt): JSX.Element {
  if (state === "failed") return <p class="trouble">{error}</p>;
  if (state === "waiting") return <p class="waiting">{images.length ? "Reading…" : "Looking…"}</p>;
  const length = text.length <= 28 && !text.includes("\n") ? "short" : "long";
  const doubted = facts?.guess ?? null;
  return (
    <>
      {text && <p class={`answer ${doubted === null ? length : "doubted"}`}>{text}</p>}
      {!text && state === "done" && <p class="remark">{nothing}</p>}
      {facts && facts.shown.length > 0 && <p class="read">It read {quoted(facts.shown)}.</p>}
      {doubted !== null && (
        <p class="guess">
          It would have said <q>{doubted}</q>, and does not trust it.
        </p>
      )}
      {state === "stopped" && <p class="remark">Stopped.</p>}
      {facts?.finish_reason === "length" && <p class="remark">Cut off: the answer was longer than it may be.</p>}
      {facts?.finish_reason === "loop" && <p class="remark">Ended, because it began to repeat itself.</p>}
    </>
  );
}

const quoted = (words: readonly string[]): JSX.Element[] =>
  words.map((word, i) => (
    <span key={`${i} ${word}`}>
      {i ? ", " : ""}
      <q>{word}</q>
    </span>
  ));

/** The answers to one question, each seen in another way. */
function Attempts(turn: Turn): JSX.Element {
  return (
    <ul class="attempts" aria-label="Answers by what was seen">
      {turn.attempts.map((attempt) => (
        <li key={attempt.id}>
          <button type="button" aria-pressed={attempt.id === turn.shown} onClick={() => point(turn, attempt.id)}>
            <b>{way(attempt, turn)}</b> {attempt.text.split("\n")[0] || "…"}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** In what an attempt differs from the others. */
function way(attempt: Attempt, { attempts }: Turn): string {
  const several = (of: (attempt: Attempt) => unknown): boolean => new Set(attempts.map(of)).size > 1;
  const words = [
    several(({ model }) => model) && attempt.model,
    several(({ sight }) => sight.tiles) && (attempt.sight.tiles ?? "usual cut"),
    several(state.keptOf) && `${state.keptOf(attempt)}%`,
  ];
  return words.filter(Boolean).join(" ") || `${state.keptOf(attempt)}%`;
}

function Composer(): JSX.Element {
  const { question, busy, chosen, turns, follow } = state;
  const send = (event: Event): void => {
    event.preventDefault();
    void put();
  };
  const typed = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  };
  return (
    <form class="composer" onSubmit={send}>
      {trouble.value && (
        <p class="trouble" role="alert">
          {trouble}
        </p>
      )}
      <label class="unseen" for="question">
        Question
      </label>
      <textarea
        id="question"
        rows={2}
        placeholder={chosen.value.length ? "Ask about this page" : "Choose a page to ask about"}
        value={question}
        onInput={(e) => (question.value = e.currentTarget.value)}
        onKeyDown={typed}
      />
      <div class="send">
        {turns.value.length > 0 && (
          <label class="follow">
            <input type="checkbox" checked={follow.value} onChange={() => (follow.value = !follow.value)} />
            Goes on from the answers above
          </label>
        )}
        {busy.value ? (
          <button type="button" class="main" onClick={stop}>
            Stop
          </button>
        ) : (
          <button type="submit" class="main" disabled={!question.value.trim() || !chosen.value.length}>
            Ask
          </button>
        )}
      </div>
    </form>
  );
}
