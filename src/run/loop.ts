/** Noticing that a model repeats itself without end. */

/** Longest repeated unit, in tokens. */
const maxPeriod = 64;
/** Times a unit must stand in a row: a chorus or a table head printed three times is no loop. */
const minRepeats = 4;
/** Tokens the repetition must cover. Byte-level tokens are the hard case, where a drawn line of 60 dashes is 60 equal
 *  tokens and a dozen identical receipt lines of 13 characters are 156; three rows of 60 dashes, 183, still pass. A loop
 *  is noticed after at most maxPeriod * minRepeats = 256 repeated tokens. */
const minTokens = 192;

/** Takes the ids of an answer one by one and returns true when its end is a unit of 1 to 64 tokens that stands at least
 *  4 times in a row and covers at least 192 tokens. */
export function loopGuard(): (id: number) => boolean {
  const recent = new Int32Array(maxPeriod).fill(-1); // the last ids, the one of p tokens ago at (count - p) mod maxPeriod
  const matched = new Int32Array(maxPeriod + 1); // how many ids in a row equal the one `period` before them
  let count = 0;
  return (id) => {
    let loop = false;
    for (let period = 1; period <= Math.min(maxPeriod, count); period++) {
      const same = recent[(count - period) % maxPeriod] === id;
      matched[period] = same ? matched[period]! + 1 : 0;
      loop ||= matched[period]! + period >= Math.max(minTokens, minRepeats * period);
    }
    recent[count++ % maxPeriod] = id;
    return loop;
  };
}
