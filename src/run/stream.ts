/** From the bytes of tokens to pieces of text that are safe to show. Each stage takes what arrives and returns what is
 *  certain; `flush` returns the rest. */

/** A stage of the stream. The texts returned, joined, do not depend on how the input was cut. */
export interface Stage<Input> {
  push(input: Input): string;
  flush(): string;
}

/** Bytes to text: an unfinished UTF-8 character is held back until its last byte; bytes that are no UTF-8 become U+FFFD,
 *  as in TextDecoder. */
export function utf8Stream(): Stage<Uint8Array> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return { push: (bytes) => decoder.decode(bytes, { stream: true }), flush: () => decoder.decode() };
}

/** A stage that may end the text. */
export interface StopStream extends Stage<string> {
  /** True once a stop string has been seen; from then on nothing is returned. */
  readonly stopped: boolean;
}

/** Text up to the stop string that is complete first, even where it came in several pieces: an end that may be the
 *  beginning of a stop string is held back. stop: strings of at least one character. */
export function stopStream(stop: readonly string[]): StopStream {
  let held = "";
  let stopped = false;
  return {
    get stopped() {
      return stopped;
    },
    push(text) {
      if (stopped) return "";
      held += text;
      const begin = firstStop(held, stop);
      stopped = begin !== -1;
      const safe = stopped ? begin : held.length - partialStop(held, stop);
      const piece = held.slice(0, safe);
      held = held.slice(safe);
      return piece;
    },
    flush() {
      const rest = stopped ? "" : held;
      held = "";
      return rest;
    },
  };
}

/** Where the stop string that ends first begins (of two that end together, the longer), -1 when there is none. */
function firstStop(text: string, stop: readonly string[]): number {
  let first = -1;
  let firstEnd = Number.POSITIVE_INFINITY;
  for (const word of stop) {
    const begin = text.indexOf(word);
    const end = begin + word.length;
    if (begin === -1 || end > firstEnd || (end === firstEnd && begin > first)) continue;
    first = begin;
    firstEnd = end;
  }
  return first;
}

/** Length of the longest end of `text` that a stop string begins with. */
function partialStop(text: string, stop: readonly string[]): number {
  const longest = Math.max(0, ...stop.map((word) => word.length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--)
    if (stop.some((word) => word.length > length && word.startsWith(text.slice(-length)))) return length;
  return 0;
}

/** Text without its outer white space: what leads is dropped, what may trail is held back until more follows. */
export function trimStream(): Stage<string> {
  let held = "";
  let begun = false;
  return {
    push(text) {
      held += text;
      if (!begun) held = held.trimStart();
      const piece = held.trimEnd();
      begun ||= piece !== "";
      held = held.slice(piece.length);
      return piece;
    },
    flush: () => "",
  };
}
