/** What is drawn on the sheet, each with its switch, and how the model is to look. */
import type { ComponentChildren, JSX } from "preact";
import { again } from "./asking.ts";
import { attempt, drawn, keptOf, seen, sight } from "./state.ts";

/** Tile specs that suit any model. */
const cuts: Readonly<Record<string, string>> = {
  "": "as the model does",
  msac: "three layers (MSAC)",
  "dynamic:1..12": "one grid and a thumbnail",
  single: "one tile",
};

export function Legend(): JSX.Element {
  const { detailed, adaptive, global } = seen.value?.tiles ?? {};
  const boxes = attempt.value?.facts?.boxes.length ?? 0;
  return (
    <div class="legend">
      <fieldset>
        <legend class="unseen">Drawn on the page</legend>
        {detailed && <Switch of="detailed">Detailed {detailed.join(" × ")}</Switch>}
        {adaptive && <Switch of="adaptive">Adaptive {adaptive.join(" × ")}</Switch>}
        {global && <Switch of="global">Global</Switch>}
        {detailed && <Switch of="tokens">Tokens {counted()}</Switch>}
        {boxes > 0 && <Switch of="boxes">Boxes {boxes}</Switch>}
      </fieldset>
      <Keep />
      <label class="cut">
        Cut
        <select value={sight.value.tiles ?? ""} onChange={(e) => look({ tiles: e.currentTarget.value || undefined })}>
          {Object.entries(cuts).map(([spec, words]) => (
            <option key={spec} value={spec}>
              {words}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

function Switch({ of, children }: { of: keyof typeof drawn.value; children: ComponentChildren }): JSX.Element {
  const flip = (): void => {
    drawn.value = { ...drawn.value, [of]: !drawn.value[of] };
  };
  return (
    <label class={`switch ${of}`}>
      <input type="checkbox" checked={drawn.value[of]} onChange={flip} />
      {children}
    </label>
  );
}

/** Tokens of the sheet that the model read, of all. */
function counted(): string {
  const cells = seen.value?.cells ?? [];
  const all = cells.reduce((sum, { tokens: [columns, rows] }) => sum + columns * rows, 0);
  const kept = cells.reduce((sum, { tokens: [columns, rows], kept }) => sum + (kept?.length ?? columns * rows), 0);
  return kept === all ? `${all}` : `${kept} of ${all}`;
}

/** The share of the detailed tokens that stays: letting go of the slider asks again. */
function Keep(): JSX.Element {
  const percent = sight.value.keep ?? (attempt.value ? keptOf(attempt.value) : 100);
  return (
    <label class="keep">
      Keep
      <input
        type="range"
        min="5"
        max="100"
        step="5"
        value={percent}
        aria-label="Detailed tokens to keep, in percent"
        aria-valuetext={`${percent}%`}
        onInput={(e) => (sight.value = { ...sight.value, keep: e.currentTarget.valueAsNumber })}
        onChange={() => look({})}
      />
      <span class="percent" aria-hidden="true">
        {percent}%
      </span>
    </label>
  );
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Sees things in another way; a key held on the slider asks once. */
function look(changed: Partial<typeof sight.value>): void {
  sight.value = { ...sight.value, ...changed };
  clearTimeout(timer);
  timer = setTimeout(again, 200);
}
