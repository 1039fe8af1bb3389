/** `galago rm`: removes a pulled model. */
import { bytesText } from "../weights/quantity.ts";
import { type Command, jsonOption } from "./command.ts";
import { json, write } from "./output.ts";

/** The command as data. */
export const rm: Command<{ json?: boolean }> = {
  name: "rm",
  about: "remove a pulled model, and what was downloaded of it",
  args: [{ name: "<model>", about: "its name" }],
  options: [jsonOption],
  async run([name], options, terminal) {
    const { remove } = await import("../run/remove.ts");
    const bytes = await remove(name);
    if (options.json) return json(terminal, { name, bytes });
    return write(terminal.stdout, `${name}: ${bytesText(bytes)} freed\n`);
  },
};
