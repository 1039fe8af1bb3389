/** How fast something goes, by what it did in the last seconds, and how long that takes. */

/** Milliseconds that count, and milliseconds from one look to the next. */
const [memory, interval] = [10_000, 200];

/** A watch over an amount: told how much there is now, it says how much a second comes to it. `now`: milliseconds of a clock. */
export function pace(now: () => number = () => performance.now()): (amount: number) => number {
  const seen: { readonly at: number; readonly amount: number }[] = [];
  return (amount) => {
    const at = now();
    if (!seen.length || at - seen.at(-1)!.at >= interval) seen.push({ at, amount });
    while (seen.length > 2 && at - seen[1].at > memory) seen.shift();
    const [first] = seen;
    return at > first.at ? Math.max(0, (1000 * (amount - first.amount)) / (at - first.at)) : 0;
  };
}

/** Seconds as hours, minutes and seconds, 1:02:03; "?" where nobody can say. */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}
