/** Setting text into a given width: smaller, or on several lines. */

import { measure, type Sheet, type Style } from "./canvas.ts";

/** The style, smaller where needed so that the text is at most `width` pixels wide. */
export function fitted(text: string, style: Style, width: number): Style {
  const wanted = measure(text, style);
  return wanted <= width ? style : { ...style, size: (style.size * width) / wanted };
}

/** Splits a text at blanks into lines of at most `width` pixels. */
export function wrapped(text: string, style: Style, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && measure(longer, style) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Writes a text as a block of lines from the first baseline `y` on; returns the baseline after the last. */
export function paragraph(
  sheet: Sheet,
  text: string,
  style: Style,
  { x, y, width, pitch }: { x: number; y: number; width: number; pitch: number },
): number {
  for (const line of wrapped(text, style, width)) {
    sheet.write({ text: line, x, y, style: fitted(line, style, width) });
    y += pitch;
  }
  return y;
}

/** A light or dark random colour as #rrggbb, each channel in [low, high]. */
export function color(random: { int(low: number, high: number): number }, low: number, high: number): string {
  const channel = () => random.int(low, high).toString(16).padStart(2, "0");
  return `#${channel()}${channel()}${channel()}`;
}
