/** The document: its sheets, the one on the table, and what is drawn on it. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Camera, Choose } from "./intake.tsx";
import { Legend } from "./legend.tsx";
import { Overlay } from "./overlay.tsx";
import type { Picture, Sheet } from "./paper.ts";
import { chosen, clear, paper, sentence, sheet } from "./state.ts";

/** Pixels across at which pages of a PDF are drawn. */
const large = 1400;
const small = 144;

export function Desk(): JSX.Element {
  const { name, sheets } = paper.value!;
  const shown = sheets[sheet.value];
  const [picture, problem] = usePicture(shown, large);
  const head = useRef<HTMLHeadingElement>(null);
  // Who came by keyboard goes on here: the button that opened the document is gone.
  useEffect(() => {
    if (document.activeElement === document.body) head.current!.focus();
  }, []);
  return (
    <section class="desk" aria-label="Document">
      <div class="desk-head">
        <h2 ref={head} tabIndex={-1} title={name}>
          {name}
        </h2>
        {picture && (
          <span class="size">
            {picture.width} × {picture.height}
          </span>
        )}
        <span class="actions">
          <Choose>Open…</Choose>
          <Camera />
          <button type="button" class="quiet" onClick={clear}>
            Close
          </button>
        </span>
      </div>
      {sheets.length > 1 && <Strip sheets={sheets} />}
      <div class="light" style={picture && { "--ratio": `${picture.width} / ${picture.height}` }}>
        {problem && <p class="trouble">{problem}</p>}
        {picture && <img src={picture.url} alt={`${name}${sheets.length > 1 ? `, ${shown.name}` : ""}`} />}
        {picture && <Overlay />}
      </div>
      <Legend />
    </section>
  );
}

function Strip({ sheets }: { sheets: readonly Sheet[] }): JSX.Element {
  const every = sheets.map((_, i) => i);
  const all = chosen.value.length === sheets.length;
  return (
    <nav class="strip" aria-label="Pages">
      <p>
        {chosen.value.length} of {sheets.length} asked
        <button type="button" class="quiet" onClick={() => (chosen.value = all ? [sheet.value] : every)}>
          {all ? "Only this" : "All"}
        </button>
      </p>
      <ol>
        {sheets.map((one, i) => (
          <Thumb key={one} one={one} i={i} />
        ))}
      </ol>
    </nav>
  );
}

/** A sheet in the strip; its picture is made once it comes into sight. */
function Thumb({ one, i }: { one: Sheet; i: number }): JSX.Element {
  const item = useRef<HTMLLIElement>(null);
  const [near, come] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && come(true), {
      rootMargin: "200px",
    });
    observer.observe(item.current!);
    return () => observer.disconnect();
  }, []);
  const [picture] = usePicture(near ? one : undefined, small);
  const asked = chosen.value.includes(i);
  const toggle = (): void => {
    chosen.value = asked ? chosen.value.filter((j) => j !== i) : [...chosen.value, i].sort((a, b) => a - b);
  };
  return (
    <li ref={item}>
      <button
        type="button"
        aria-current={sheet.value === i}
        aria-label={`Show ${one.name}`}
        onClick={() => (sheet.value = i)}
      >
        {picture && <img src={picture.url} alt="" />}
      </button>
      <label>
        <input type="checkbox" checked={asked} onChange={toggle} aria-label={`Ask about ${one.name}`} /> {i + 1}
      </label>
    </li>
  );
}

/** The picture of a sheet once it is drawn, or why it cannot be. */
function usePicture(of: Sheet | undefined, width: number): [picture: Picture | undefined, problem: string] {
  const [drawn, draw] = useState<{ of: Sheet; picture?: Picture; problem?: string }>();
  useEffect(() => {
    let current = true;
    of?.picture(width).then(
      (picture) => current && draw({ of, picture }),
      (error) => current && draw({ of, problem: sentence(error) }),
    );
    return () => {
      current = false;
    };
  }, [of]);
  return drawn?.of === of ? [drawn?.picture, drawn?.problem ?? ""] : [undefined, ""];
}
