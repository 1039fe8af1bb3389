/** What ONNX Runtime does beside computing, in processes of their own. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { built } from "../support/built.ts";
import { tinyModel } from "../support/tiny-model.ts";

const home = mkdtempSync(join(tmpdir(), "galago-silent-"));
const model = tinyModel(join(home, "tiny"));
afterAll(() => rmSync(home, { recursive: true }));

const inThread = `
  const { load } = await import(process.argv[1] + "index.js");
  const model = await load(process.argv[2], { threads: 1 });
  for await (const _ of model.chat([{ role: "user", content: "?" }], { maxTokens: 1 }));
  await model.close();`;
const inMain = `
  const { openModel } = await import(process.argv[1] + "run/model.js");
  await (await openModel(process.argv[2], { threads: 1 })).close();`;

/** It keeps the number of the machine and what it has not told yet below the home folder, and a log among the temporary files. */
test.each([
  ["in a thread", inThread],
  ["in the main thread", inMain],
])("a model %s leaves nothing at home and among temporary files", async (name, program) => {
  const [own, temporary] = ["home", "tmp"].map((kind) => mkdtempSync(join(home, `${kind}-${name.at(-8)}`)));
  const { ORT_DISABLE_TELEMETRY: _, XDG_CACHE_HOME: __, CI: ___, ...rest } = process.env;
  const words = ["--input-type=module", "-e", program, built("").href, model];
  await promisify(execFile)(process.execPath, words, { env: { ...rest, HOME: own, TMPDIR: temporary } });
  expect([readdirSync(own), readdirSync(temporary)]).toEqual([[], []]);
});
