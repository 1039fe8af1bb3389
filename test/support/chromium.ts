/** A real browser: Debian's Chromium, or that which CHROMIUM names. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const path = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  (path) => path && existsSync(path),
);

/** Why there is no browser to test in; undefined where there is one. */
export const absent: string | undefined = path
  ? undefined
  : "needs chromium: apt-get install chromium, or set CHROMIUM";

/** Starts it, without a window and without a word to anyone. */
export const browser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: path!,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
    ],
  });
