/** How an answer was made: where the time went, how far it is to be trusted, how much of the page was read. */
import type { JSX } from "preact";
import { type Facts, type Seen, stages } from "./protocol.ts";
import type { Attempt } from "./state.ts";

export function Made({ facts, images, model, text }: Attempt): JSX.Element | null {
  if (!facts) return null;
  const { confidence, usage } = facts;
  const { visual_tokens: all, visual_tokens_kept: kept } = usage;
  const shrunk = Math.min(1, ...images.map(({ scale }) => scale));
  return (
    <div class="made">
      <Time {...facts} />
      <dl>
        {text && (
          <Fact name="Confidence">
            {confidence === null
              ? `${model} was not fitted to tell`
              : `${percent(confidence)}, that all of it is right`}
          </Fact>
        )}
        <Fact name="Seen at">{shrunk < 1 ? `${percent(shrunk)} of its size: small print is lost` : "full size"}</Fact>
        <Fact name="Read">
          {kept === all ? `all ${all} visual tokens` : `${kept} of ${all} visual tokens`} {tiles(images)}
        </Fact>
      </dl>
    </div>
  );
}

const tiles = (images: readonly Seen[]): string => {
  const count = images.reduce((sum, { cells = [] }) => sum + cells.length, 0);
  return `in ${count} ${count === 1 ? "tile" : "tiles"}`;
};

const percent = (share: number): string => `${Math.round(100 * share)}%`;

function Fact({ name, children }: { name: string; children: (string | number)[] | string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The time as one bar, and its parts in numbers. */
function Time({ timing_ms }: Facts): JSX.Element {
  const parts = stages.map((stage) => ({ stage, ms: timing_ms[stage] }));
  const total = parts.reduce((sum, { ms }) => sum + ms, 0);
  let from = 0;
  return (
    <figure class="time">
      <figcaption>
        <b>{told(total)}</b>
        {timing_ms.load >= 1 && ` after ${told(timing_ms.load)} of opening the model`}
      </figcaption>
      <svg viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true">
        {parts.map(({ stage, ms }) => {
          const x = from;
          from += (1000 * ms) / (total || 1);
          return <rect key={stage} class={stage} x={x} y="0" width={from - x} height="8" />;
        })}
      </svg>
      <ul>
        {parts.map(({ stage, ms }) => (
          <li key={stage} class={stage}>
            {stage} <b>{told(ms)}</b>
          </li>
        ))}
      </ul>
    </figure>
  );
}

function told(ms: number): string {
  if (ms >= 10_000) return `${Math.round(ms / 1000)} s`;
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`;
}
