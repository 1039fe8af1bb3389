/** The border between pages for learning and pages for judging. */

/** Training draws pages with seeds below this number, evaluation from it on. */
export const firstHeldOutSeed = 1_000_000_000;
