/** The Node Decoder, on sharp: upright, on white, RGB, 8 bits; and the one encoder there is, PNG. */
import sharp, { type Sharp } from "sharp";
import { FormatError } from "../errors.ts";
import type { DecodeOptions, Decoder, Image, Size } from "./image.ts";
import { formats, type ImageFormat, sniff } from "./sniff.ts";

/** Enough for a 600 dpi A3 page; a file of a few kilobytes can claim a hundred times that. */
const defaultMaxPixels = 100_000_000;

/**
 * PNG, JPEG, WebP, GIF and animations (first frame), TIFF (first page), AVIF. EXIF orientation is applied, transparency
 * laid on white, 16 bits become 8, grey and CMYK become RGB. Colour profiles are ignored, as the models saw
 * pixels in training. Throws FormatError when the bytes are no whole image or claim more than `maxPixels`.
 */
export const decoder: Decoder = { decode };

/** The size of an image as `decode` would give it, from its header alone. Throws as `decode` does. */
export async function measure(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Size> {
  const { width, height, turned } = await header(bytes, options);
  return turned ? { width: height, height: width } : { width, height };
}

async function decode(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  const { format } = await header(bytes, options);
  const upright = open(bytes).autoOrient().flatten({ background: "white" }).toColourspace("srgb").removeAlpha();
  const { data, info } = await upright
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => damaged(format, options, cause));
  const { width, height } = info;
  if (info.channels !== 3) damaged(format, options, new Error(`decoded to ${info.channels} channels`));
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height };
}

/** `image` as the bytes of a PNG file. */
export async function png(image: Image): Promise<Uint8Array> {
  const { data, width, height } = image;
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

interface Header extends Size {
  readonly format: ImageFormat;
  readonly turned: boolean;
}

/** What the first bytes say, checked before any pixel is decoded. EXIF orientations 5 to 8 swap the axes. */
async function header(bytes: Uint8Array, options: DecodeOptions): Promise<Header> {
  const { name = "image", maxPixels = defaultMaxPixels } = options;
  if (bytes.length === 0) throw new FormatError(`"${name}": empty file, expected ${formats}`);
  const format = sniff(bytes);
  if (!format) throw new FormatError(`"${name}": starts with ${hex(bytes)}, which is no image; expected ${formats}`);
  const {
    width,
    height,
    orientation = 1,
  } = await open(bytes)
    .metadata()
    .catch((cause: unknown) => damaged(format, options, cause));
  if (!(width > 0 && height > 0))
    throw new FormatError(`"${name}": ${width} x ${height} pixels, expected at least 1 x 1`);
  if (width * height > maxPixels) {
    const [found, limit] = [width * height, maxPixels].map((pixels) => pixels.toLocaleString("en-US"));
    throw new FormatError(`"${name}": ${width} x ${height} is ${found} pixels, the limit is ${limit}; scale it down`);
  }
  return { format, width, height, turned: orientation >= 5 };
}

/** Our own limit stands in for sharp's; a cut-off file is an error and never a half-grey picture. */
function open(bytes: Uint8Array): Sharp {
  return sharp(bytes, { limitInputPixels: false, failOn: "error", ignoreIcc: true });
}

function damaged(format: ImageFormat, { name = "image" }: DecodeOptions, cause: unknown): never {
  throw new FormatError(`"${name}": damaged or cut short, cannot be decoded as ${format}; save it again`, { cause });
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 4), (b) => b.toString(16).padStart(2, "0")).join(" ");
}
