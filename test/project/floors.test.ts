/** The house rules that a reader relies on: imports go down, platforms stay in their rooms, files stay short. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root, sources } from "./source.ts";

const floors: Record<string, number> = {
  graph: 0,
  text: 0,
  vision: 0,
  weights: 1,
  nn: 2,
  models: 3,
  quant: 4,
  compress: 4,
  data: 4,
  train: 5,
  run: 5,
  eval: 6,
  jobs: 6,
  serve: 6,
  cli: 7,
};

const files = sources();
const room = (path: string): string | undefined => (path.includes("/") ? path.split("/")[0] : undefined);

test("every folder of src has a floor", () => {
  expect([...new Set(files.map(({ path }) => room(path)).filter((r) => r !== undefined))].sort()).toEqual(
    Object.keys(floors).sort(),
  );
});

test("a file imports from lower floors or its own folder: never up, never sideways", () => {
  const wrong = files.flatMap(({ path, imports }) =>
    imports.flatMap(({ target }) => {
      const [from, to] = [room(path), room(target)];
      if (!from || !to || !(to in floors) || from === to) return [];
      return floors[to] < floors[from] ? [] : [`${path} imports ${target}`];
    }),
  );
  expect(wrong).toEqual([]);
});

test("no cycle of value imports among files", () => {
  const edges = new Map(files.map(({ path, imports }) => [path, imports.filter((i) => i.value).map((i) => i.target)]));
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "open") {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" > "));
      return;
    }
    state.set(path, "open");
    for (const next of edges.get(path) ?? []) if (edges.has(next)) visit(next, [...trail, path]);
    state.set(path, "done");
  };
  for (const path of edges.keys()) visit(path, []);
  expect(cycles).toEqual([]);
});

describe("platforms stay in their rooms", () => {
  const users = (match: RegExp): string[] =>
    files.filter(({ imports }) => imports.some(({ target }) => match.test(target))).map(({ path }) => path);

  test("only run/ort-*.ts knows ONNX Runtime", () => {
    expect(users(/^onnxruntime/).filter((path) => !/^run\/ort-\w+\.ts$/.test(path))).toEqual([]);
  });

  test("graph, text, vision, nn, models, quant, compress and eval run anywhere: they import nothing of Node", () => {
    const anywhere = ["graph", "text", "vision", "nn", "models", "quant", "compress", "eval"];
    expect(users(/^node:/).filter((path) => anywhere.includes(room(path) ?? ""))).toEqual([]);
  });

  test("nothing asks which platform it is on", () => {
    expect(
      files.filter(({ text }) => /typeof (window|document|process|navigator)\b/.test(text)).map(({ path }) => path),
    ).toEqual([]);
  });
});

describe("budgets", () => {
  const lengths = files.map(({ path, text }) => ({ path, lines: text.split("\n").length }));

  test("no file is longer than 350 lines", () => {
    expect(lengths.filter(({ lines }) => lines > 350)).toEqual([]);
  });

  test("the whole of src stays under 30,000 lines", () => {
    expect(lengths.reduce((sum, { lines }) => sum + lines, 0)).toBeLessThan(30_000);
  });

  test("every file opens by saying what it is", () => {
    expect(files.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test("nothing is left to do in the source", () => {
    expect(files.filter(({ text }) => /\b(TODO|FIXME|XXX)\b/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test("the run-time dependencies are the chosen ones", () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(Object.keys(dependencies).sort()).toEqual([
      "@eslint-community/regexpp",
      "@hono/node-server",
      "@hono/zod-openapi",
      "@huggingface/tokenizers",
      "@hyzyla/pdfium",
      "@napi-rs/canvas",
      "bullmq",
      "cli-progress",
      "commander",
      "hono",
      "ioredis",
      "onnxruntime-node",
      "p-queue",
      "pino",
      "prom-client",
      "protobufjs",
      "request-filtering-agent",
      "sharp",
      "yaml",
      "yauzl",
      "zod",
    ]);
  });

  test.each(readdirSync(join(root, "models")))("the shipped model %s stays under 20 MB", (name) => {
    const folder = join(root, "models", name);
    const size = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .map((path) => statSync(join(folder, path)))
      .reduce((sum, s) => sum + (s.isFile() ? s.size : 0), 0);
    expect(size).toBeLessThan(20e6);
  });
});

test("the public names are these", async () => {
  const names = Object.keys(await import("../../src/index.ts"));
  expect(names.sort()).toEqual(["EngineError", "FormatError", "RequestError", "ShapeError", "WeightError", "load"]);
});

test("the guide for contributors names every folder of src", () => {
  const guide = readFileSync(join(root, "CONTRIBUTING.md"), "utf8");
  expect(Object.keys(floors).filter((folder) => !new RegExp(`\\b${folder}/`).test(guide))).toEqual([]);
});

test("tracked text names no path of one machine and no registry host", () => {
  if (!existsSync(join(root, ".git"))) return;
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  }).split("\0");
  const texts = list.filter(
    (path) =>
      /\.(ts|mjs|md|json|yaml|npmrc)$|run$/.test(path) &&
      !path.startsWith("test/golden/") &&
      existsSync(join(root, path)),
  );
  const hosts = new RegExp(["/wo" + "rk/", "/ro" + "ot/", "registry\\.np" + "mjs"].join("|"));
  expect(texts.filter((path) => hosts.test(readFileSync(join(root, path), "utf8")))).toEqual([]);
});
