/** `galago resize`: an image at another size, by the arithmetic that the tiles are made with. */
import { RequestError } from "../errors.ts";
import type { Size } from "../vision/image.ts";
import type { Command, Terminal } from "./command.ts";
import { input, nameOf } from "./input.ts";
import { save, write } from "./output.ts";
import { size } from "./values.ts";

interface Options {
  readonly to: Size;
  readonly raw?: boolean;
  readonly out?: string;
}

const maxPixels = 100_000_000;

/** The command as data. */
export const resize: Command<Options> = {
  name: "resize",
  about: "resize an image as the tiles are resized (Pillow's bicubic, byte for byte)",
  args: [{ name: "<image>", about: "an image file, or - for standard input" }],
  options: [
    {
      flags: "--to <WxH>",
      about: "the new width and height",
      parse: (words) => size(words, maxPixels),
      required: true,
    },
    { flags: "--raw", about: "RGB bytes, row by row, 3 a pixel, instead of a PNG" },
    { flags: "--out <file>", about: "write to a file instead of standard output" },
  ],
  run,
};

async function run([source]: readonly string[], { to, raw, out }: Options, terminal: Terminal): Promise<void> {
  if (!out && terminal.stdout.isTTY) {
    throw new RequestError("an image cannot be shown in a terminal; name a file with --out, or redirect the output");
  }
  const [{ decoder, png }, { resize }] = await Promise.all([
    import("../vision/decode.ts"),
    import("../vision/resize.ts"),
  ]);
  const image = await decoder.decode(await input(source, terminal), { name: nameOf(source) });
  const resized = resize(image, to.width, to.height);
  const bytes = raw ? resized.data : await png(resized);
  return out ? save(out, bytes) : write(terminal.stdout, bytes);
}
