/** Progress on a terminal. */
import { SingleBar } from "cli-progress";
import type { Terminal } from "./command.ts";

/** A progress bar of this format on stderr; none where stderr is no terminal. */
export function progressBar({ stderr }: Terminal, format: string): SingleBar | undefined {
  if (!stderr.isTTY) return undefined;
  return new SingleBar({ stream: stderr as NodeJS.WritableStream, format });
}
