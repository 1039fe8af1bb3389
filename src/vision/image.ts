/** What an image is to the rest of Galago, and the seam through which bytes become one. */

/** Pixels as RGB, row-major, 3 bytes a pixel; `data.length` is `width * height * 3`. */
export interface Image {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Width and height in pixels. */
export type Size = Pick<Image, "width" | "height">;

/** `name` is what error messages call the image; `maxPixels` is the most pixels it may have (default 100 million). */
export interface DecodeOptions {
  readonly name?: string;
  readonly maxPixels?: number;
}

/** Seam 3: turns the bytes of an image file into pixels, upright and on white. Throws FormatError for what is no image. */
export interface Decoder {
  decode(bytes: Uint8Array, options?: DecodeOptions): Promise<Image>;
}

/** RGB of opaque RGBA pixels. */
export function opaque(rgba: Uint8Array, pixels: number): Uint8Array {
  const out = new Uint8Array(pixels * 3);
  for (let i = 0, o = 0; o < out.length; i += 4, o += 3) {
    out[o] = rgba[i];
    out[o + 1] = rgba[i + 1];
    out[o + 2] = rgba[i + 2];
  }
  return out;
}
