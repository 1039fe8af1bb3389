/** Which image format some bytes claim to be, from their first bytes alone. */

/** The formats Galago decodes. */
export type ImageFormat = "PNG" | "JPEG" | "WebP" | "GIF" | "TIFF" | "AVIF";

/** How each format begins: `?` stands for any byte, all else is Latin-1. */
const signatures: ReadonlyArray<readonly [ImageFormat, string]> = [
  ["PNG", "\x89PNG\r\n\x1a\n"],
  ["JPEG", "\xff\xd8\xff"],
  ["WebP", "RIFF????WEBP"],
  ["GIF", "GIF87a"],
  ["GIF", "GIF89a"],
  ["TIFF", "II*\0"],
  ["TIFF", "MM\0*"],
  ["TIFF", "II+\0"],
  ["TIFF", "MM\0+"],
];

/** The format whose signature `bytes` starts with, or undefined. */
export function sniff(bytes: Uint8Array): ImageFormat | undefined {
  const head = latin1(bytes.subarray(0, 512));
  const found = signatures.find(([, signature]) => matches(head, signature));
  if (found) return found[0];
  return avif(head) ? "AVIF" : undefined;
}

/** The formats of `sniff`, as a list for a message. */
export const formats = "PNG, JPEG, WebP, GIF, TIFF or AVIF";

/** ISO base media: a leading `ftyp` box (big-endian length first) that names an AV1 image brand among its brands. */
function avif(head: string): boolean {
  if (!matches(head, "????ftyp")) return false;
  const length = [...head.slice(0, 4)].reduce((n, c) => n * 256 + c.charCodeAt(0), 0);
  const brands = head.slice(8, length).match(/.{4}/gs) ?? [];
  return brands.some((brand) => brand === "avif" || brand === "avis");
}

function matches(head: string, signature: string): boolean {
  return head.length >= signature.length && [...signature].every((c, i) => c === "?" || c === head[i]);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
