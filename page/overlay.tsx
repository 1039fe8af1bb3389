/** What the model sees, drawn over a sheet: tiles, tokens that were dropped, boxes. */
import type { JSX } from "preact";
import type { Cell, PhraseBox, Seen } from "./protocol.ts";
import { attempt, drawn, seen } from "./state.ts";

/** The drawing over the sheet on the table, in pixels of the image. */
export function Overlay(): JSX.Element | null {
  const image = seen.value;
  if (!image) return null;
  const { cells = [], width, height } = image;
  const visible = cells.filter(({ layer }) => drawn.value[layer]);
  const boxes = drawn.value.boxes ? (attempt.value?.facts?.boxes ?? []) : [];
  return (
    <svg class="overlay" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={told(image)}>
      {drawn.value.tokens && <path class="dropped" d={visible.map(dropped).join("")} />}
      {visible.map(({ layer, x, y, width, height }) => (
        <rect key={`${layer} ${x} ${y}`} class={`cell ${layer}`} {...{ x, y, width, height }} />
      ))}
      {boxes.map((box) => (
        <Box key={box.box.join()} {...box} side={Math.max(width, height)} />
      ))}
    </svg>
  );
}

function Box({ phrase, box: [x1, y1, x2, y2], side }: PhraseBox & { side: number }): JSX.Element {
  const size = side / 40;
  return (
    <g class="box">
      <rect x={x1} y={y1} width={x2 - x1} height={y2 - y1} />
      {phrase && (
        <text x={x1} y={Math.max(size, y1 - size / 3)} font-size={size}>
          {phrase}
        </text>
      )}
    </g>
  );
}

/** Squares of the tokens that are gone; a part of a tile that the image does not reach is not drawn. */
function dropped({ x, y, width, height, span, tokens: [columns, rows], kept }: Cell): string {
  if (!kept) return "";
  const stays = new Set(kept);
  const [w, h] = [span[0] / columns, span[1] / rows];
  return Array.from({ length: columns * rows }, (_, i) => {
    const [left, top] = [(i % columns) * w, Math.floor(i / columns) * h];
    if (stays.has(i) || left >= width || top >= height) return "";
    const [right, bottom] = [Math.min(left + w, width), Math.min(top + h, height)];
    return `M${x + left} ${y + top}H${x + right}V${y + bottom}H${x + left}Z`;
  }).join("");
}

/** The drawing in words. */
function told({ tiles: { detailed, adaptive, global }, cells = [] }: Seen): string {
  const grid = ([columns, rows]: readonly [number, number]): string => `${columns} by ${rows} tiles`;
  const layers = [grid(detailed), adaptive && `adaptive ${grid(adaptive)}`, global && "one tile of the whole"];
  const gone = cells.reduce(
    (sum, { tokens: [columns, rows], kept }) => sum + (kept ? columns * rows - kept.length : 0),
    0,
  );
  return `Seen in ${layers.filter(Boolean).join(", ")}${gone ? `; ${gone} tokens dropped` : ""}`;
}
