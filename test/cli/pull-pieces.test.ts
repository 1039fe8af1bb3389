/** `galago pull` of models that are published in pieces, from a hub on this machine to an answer of `galago ask`, against the build. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Remote } from "../../src/weights/hub.ts";
import { built } from "../support/built.ts";
import { type FakeHub, fakeHub, sha256, status } from "../support/hub.ts";
import { cut, tensorsOf, withIdleAdapters, writeMiniGpt4, writeTinyGptV } from "../support/pieces.ts";
import { tinyGptConfig, tinyMiniGpt4Config, tinyWhole } from "../support/tiny-model.ts";
import { golden } from "../vision/golden.ts";
import { galago } from "./terminal.ts";

const { main: program } = (await import(built("cli/program.js").href)) as typeof import("../../src/cli/program.ts");
const { catalogue } = (await import(
  built("models/catalogue.js").href
)) as typeof import("../../src/models/catalogue.ts");

const root = mkdtempSync(join(tmpdir(), "galago-pieces-"));
const home = join(root, "home");
const fresh = (): string => mkdtempSync(join(root, "folder-"));
let hub: FakeHub;

beforeAll(async () => {
  hub = await fakeHub();
  vi.stubEnv("GALAGO_HOME", home);
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  vi.stubEnv("HF_HUB_OFFLINE", "");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  rmSync(root, { recursive: true });
});

/** The pieces at tiny size, in a folder as `pull` is to make it. */
const models: [name: string, write: () => string][] = [
  [
    "tinygpt-v",
    () => {
      const config = { ...tinyGptConfig() };
      const whole = tensorsOf(join(tinyWhole(fresh(), config), "model.safetensors"));
      return writeTinyGptV(fresh(), withIdleAdapters(cut(whole, "llama_model.")), config);
    },
  ],
  [
    "minigpt4-7b",
    () => {
      const config = { ...tinyMiniGpt4Config() };
      return writeMiniGpt4(fresh(), tensorsOf(join(tinyWhole(fresh(), config), "model.safetensors")), config);
    },
  ],
];

/** Puts the pieces where the catalogue has them. What lies in no repository, and the sizes, come from the store, under the sums of these bytes. */
function publish(name: string, folder: string): void {
  const elsewhere: Remote[] = [];
  const entry = catalogue.find((model) => model.name === name)!;
  const repositories = entry.origins.filter((origin) => "repo" in origin);
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => /\.\w+$/.test(path));
  for (const path of paths) {
    const bytes = readFileSync(join(folder, path));
    const home = repositories.find(
      ({ folder, into, files }) => files?.includes(path) || path.startsWith(`${into ?? folder}/`),
    );
    hub.put(home?.repo ?? name, home?.into ? path.slice(home.into.length + 1) : path, bytes);
    if (!home)
      elsewhere.push({
        path,
        url: `${hub.store}/${name}//${path}`,
        bytes: bytes.length,
        sum: { kind: "sha256", hex: sha256(bytes) },
      });
  }
  expect(elsewhere.map(({ path }) => path).sort()).toEqual([
    "blip2_pretrained_flant5xxl.pth",
    "config.json",
    "eva_vit_g.pth",
  ]);
  Object.assign(entry, { origins: [...repositories, ...elsewhere] });
}

test.each(models)("%s is pulled from its places, put together, and answers about an image", async (name, write) => {
  publish(name, write());
  hub.trickHub("resolve/main", status(404));
  const broken = await galago(["pull", name], { program });
  expect([broken.status, broken.stderr]).toEqual([1, expect.stringMatching(/galago: .* does not have it \(404\)/)]);
  hub.calm();

  const pulled = await galago(["pull", name, "--precision", "int8"], { program });
  const folder = join(home, "models", name);
  expect([pulled.status, pulled.text]).toEqual([0, expect.stringMatching(`^${name}: .* parameters, in ${folder}\n$`)]);
  expect(readdirSync(folder).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  expect(existsSync(join(home, "downloads"))).toBe(false);

  const image = fileURLToPath(golden("resize/noise_33x47.png"));
  const words = ["ask", image, "What?", "--model", name, "--max-tokens", "3", "--threads", "1", "--json"];
  const asked = await galago(words, { program });
  expect(asked.status).toBe(0);
  expect(JSON.parse(asked.text)).toMatchObject({ model: name, usage: { visual_tokens: 32, completion_tokens: 3 } });
});
