/** `galago pull`, `models` and `rm`, from a hub on this machine to a model that answers. */
import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { main } from "../../src/cli/program.ts";
import { convert } from "../../src/run/convert.ts";
import { openModel } from "../../src/run/model.ts";
import { modelFolder } from "../../src/run/models.ts";
import { built } from "../support/built.ts";
import { another, type FakeHub, hubAndHomes, sha256, status, type Trick } from "../support/hub.ts";
import { tinyModel, wideModel } from "../support/tiny-model.ts";
import { galago, interrupted, type Outcome } from "./terminal.ts";

const root = mkdtempSync(join(tmpdir(), "galago-pull-"));
const published = tinyModel(join(root, "published"));
const names = ["config.json", "model.safetensors", "tokenizer.json"];
const bytes = (name: string): Buffer => readFileSync(join(published, name));
const weights = "model.safetensors";

let hub: FakeHub;
let home: string;
const at = hubAndHomes(root);

beforeAll(() => {
  hub = at.hub;
  for (const name of names) hub.put("me/tiny", name, bytes(name));
  for (const name of ["README.md", "modeling_x.py", "examples/x.json"]) hub.put("me/tiny", name, Buffer.from("no"));
});
beforeEach(() => {
  home = at.home;
});

/** All files in GALAGO_HOME. */
const files = (): string[] =>
  readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1))
    .sort();
const whole = names.map((name) => `models/me/tiny/${name}`);

/** Runs `galago`; expects a status, one line on stderr that begins with galago, and an empty stdout. */
async function fails(words: readonly string[], message: RegExp): Promise<void> {
  const outcome: Outcome = await galago(words);
  expect(outcome.stderr.split("\n").filter((line) => line.startsWith("galago: "))).toHaveLength(1);
  expect(outcome.stderr).toMatch(message);
  expect([outcome.status, outcome.text]).toEqual([1, ""]);
}

describe("a model of a repository on the hub", () => {
  test("is downloaded, converted, and answers under its name", async () => {
    const { status, text, stderr } = await galago(["pull", "me/tiny"]);
    expect([status, text]).toEqual([0, `me/tiny: 77.6 K parameters, in ${join(home, "models/me/tiny")}\n`]);
    expect(stderr.trimEnd().split("\n").sort()).toEqual([
      expect.stringMatching(/^config\.json {2}[\d.]+ k?B$/),
      expect.stringMatching(/^model\.safetensors {2}[\d.]+ kB$/),
      expect.stringMatching(/^tokenizer\.json {2}[\d.]+ kB$/),
    ]);
    expect(files()).toEqual(whole);
    const folder = modelFolder("me/tiny");
    const model = await openModel(folder, { threads: 1 });
    const answer = model.answer({ messages: [{ role: "user", content: "?" }], images: [] }, { maxTokens: 3 });
    let last = await answer.next();
    while (!last.done) last = await answer.next();
    await model.close();
    expect(last.value).toMatchObject({ finish_reason: "length", usage: { completion_tokens: 3 } });
  });

  test("is stored as asked, the same as convert stores it", async () => {
    await convert(published, join(home, "other"), { precision: "f32" });
    expect((await galago(["pull", "me/tiny", "--precision", "f32"])).status).toBe(0);
    const [pulled, other] = ["models/me/tiny", "other"].map((folder) => readFileSync(join(home, folder, weights)));
    expect(pulled.equals(other)).toBe(true);
  });

  test("--json is one document with every file and its hash", async () => {
    const { text } = await galago(["pull", "me/tiny", "--json"]);
    const { name, folder, files, parameters, seconds } = JSON.parse(text);
    expect([name, folder, parameters]).toEqual(["me/tiny", join(home, "models/me/tiny"), 77_568]);
    expect(seconds).toBeGreaterThan(0);
    const expected = names.map((path) => ({ path, bytes: bytes(path).length, sha256: sha256(bytes(path)) }));
    expect(files).toEqual(expected);
  });

  test("is not fetched again, nor asked for", async () => {
    await galago(["pull", "me/tiny"]);
    hub.requests.length = 0;
    const place = join(home, "models/me/tiny");
    const text = `me/tiny is there already, in ${place}; galago rm me/tiny makes room to fetch or convert it anew\n`;
    const again = { status: 0, text, stderr: "" };
    expect(await galago(["pull", "me/tiny"])).toMatchObject(again);
    expect(await galago(["pull", "me/tiny", "--offline"])).toMatchObject(again);
    expect(hub.requests).toEqual([]);
  });

  test("--keep leaves what was downloaded, and the next pull fetches none of it", async () => {
    await galago(["pull", "me/tiny", "--keep"]);
    expect(files()).toEqual([...names.map((name) => `downloads/me/tiny/${name}`), ...whole]);
    rmSync(join(home, "models"), { recursive: true });
    hub.requests.length = 0;
    expect((await galago(["pull", "me/tiny"])).status).toBe(0);
    expect(hub.requests.map(({ path }) => path)).toEqual(["/api/models/me/tiny/tree/main?recursive=1"]);
    expect(files()).toEqual(whole);
  });

  test("four files come at a time", async () => {
    const many = Array.from({ length: 9 }, (_, i) => `part-${i}.safetensors`);
    for (const name of ["config.json", "tokenizer.json"]) hub.put("me/many", name, bytes(name));
    for (const name of many) hub.put("me/many", name, Buffer.from(name));
    // Answers wait for one another: with fewer than four at a time nothing would ever come.
    const waiting: (() => void)[] = [];
    let most = 0;
    const together: Trick = (_, response, file) => {
      waiting.push(() => response.end(file));
      most = Math.max(most, waiting.length);
      if (waiting.length === 4) setTimeout(() => waiting.splice(0).forEach((send) => void send()), 20);
    };
    hub.trick("part-", ...Array(8).fill(together));
    await fails(["pull", "me/many"], /part-0\.safetensors: /);
    expect([most, files().filter((path) => path.endsWith(".safetensors")).length]).toEqual([4, 9]);
  });

  test("HF_TOKEN goes to the hub alone", async () => {
    process.env.HF_TOKEN = "hf_secret";
    await galago(["pull", "me/tiny"]);
    expect(hub.requests.every(({ to, token }) => token === (to === "hub" ? "Bearer hf_secret" : undefined))).toBe(true);
    expect(hub.requests.filter(({ to }) => to === "store")).toHaveLength(3);
  });
});

describe("nothing under a model's name is left, and the next run continues, after", () => {
  afterEach(async () => {
    hub.calm();
    expect((await galago(["pull", "me/tiny"])).status).toBe(0);
    expect(files()).toEqual(whole);
  });

  test("wrong bytes", async () => {
    const wrong = Buffer.from(bytes(weights)).fill(1, 5000, 6000);
    hub.trick(weights, another(wrong));
    await fails(["pull", "me/tiny"], /galago: model\.safetensors: what arrived has the hash [0-9a-f]+, expected/);
    expect(files()).toEqual(["config.json", "tokenizer.json"].map((name) => `downloads/me/tiny/${name}`));
  });

  test("a file that may not be had", async () => {
    hub.trickHub(`resolve/main/${weights}`, status(403));
    await fails(["pull", "me/tiny"], /galago: model\.safetensors: http:.* gives no access \(403\); accept its licence/);
  });

  test("a disk that takes no more", async () => {
    const words = ["-c", 'ulimit -f 64; exec "$@"', "bash", process.execPath, fileURLToPath(built("cli/main.js"))];
    const child = spawn("bash", [...words, "pull", "me/tiny"]);
    const lines: Buffer[] = [];
    child.stderr.on("data", (piece) => lines.push(piece));
    expect((await once(child, "close"))[0]).toBe(1);
    expect(Buffer.concat(lines).toString()).toMatch(
      /galago: "\S*model\.safetensors\.\w+\.part": larger than this disk allows/,
    );
  });

  test("Ctrl-C", async () => {
    hub.trick(weights, (_, response, file) => {
      response.writeHead(200, { "content-length": file.length });
      response.write(file.subarray(0, 40_000));
    });
    const child: ChildProcess = fork(fileURLToPath(built("cli/main.js")), ["pull", "me/tiny"], { silent: true });
    const part = (): string | undefined => files().find((path) => path.includes(`${weights}.`));
    while (!part() || readFileSync(join(home, part()!)).length < 40_000)
      await new Promise((done) => setTimeout(done, 20));
    expect(files().filter((path) => path.startsWith(`locks/me--tiny/${child.pid}-`))).toHaveLength(1);
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
    expect(files().filter((path) => /lock|models/.test(path))).toEqual([]);
    hub.requests.length = 0;
    await galago(["pull", "me/tiny", "--keep"]);
    expect(hub.requests.flatMap(({ to, range }) => (to === "store" && range) || [])).toEqual(["bytes=40000-"]);
    rmSync(join(home, "downloads"), { recursive: true });
  });

  test("Ctrl-C while it is converted", async () => {
    const wide = wideModel(join(root, "wide"));
    for (const name of names) hub.put("me/wide", name, readFileSync(join(wide, name)));
    const begun = (): boolean =>
      files().some((path) => /models\/me\/\.wide\.part\/model\.safetensors\..*\.part$/.test(path));
    expect(await interrupted(["pull", "me/wide", "--precision", "int8"], begun)).toBe(130);
    expect(files()).toEqual(names.map((name) => `downloads/me/wide/${name}`));
    hub.requests.length = 0;
    expect((await galago(["pull", "me/wide"])).status).toBe(0);
    expect(hub.requests.map(({ to }) => to)).toEqual(["hub"]);
    expect(files()).toEqual(names.map((name) => `models/me/wide/${name}`));
    rmSync(join(home, "models"), { recursive: true });
  });

  test("two at once: one pulls, the other is told so", async () => {
    const both = await Promise.all([galago(["pull", "me/tiny"]), galago(["pull", "me/tiny"])]);
    expect(both.map(({ status }) => status)).toEqual([0, 1]);
    expect(both[1].stderr).toMatch(
      /^galago: me\/tiny is being pulled by process \d+ already; wait for it, or end it\n$/,
    );
  });

  test("another process that pulls it", async () => {
    const lock = join(home, "locks/me--tiny");
    mkdirSync(lock, { recursive: true });
    writeFileSync(join(lock, `${process.ppid}-1`), "");
    mkdirSync(join(home, "downloads/me/tiny"), { recursive: true });
    writeFileSync(join(home, "downloads/me/tiny/x.part"), "");
    await fails(
      ["pull", "me/tiny"],
      new RegExp(`me/tiny is being pulled by process ${process.ppid} already; wait for it`),
    );
    await fails(
      ["rm", "me/tiny"],
      new RegExp(`me/tiny is being pulled by process ${process.ppid} already; wait for it`),
    );
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    renameSync(join(lock, `${process.ppid}-1`), join(lock, `${gone}-1`));
  });
});

describe("one sentence says what is at fault:", () => {
  test.each<[string, () => void, string[], RegExp]>([
    [
      "no such name",
      () => undefined,
      ["minimonkey"],
      /no published model "minimonkey"; there are mini-monkey, .*, and OWNER\/NAME/,
    ],
    ["a path", () => undefined, ["../me/tiny"], /no published model "\.\.\/me\/tiny"/],
    ["no such repository", () => undefined, ["me/none"], /me\/none: http:.* does not have it \(404\)/],
    [
      "a catalogued one that is gone",
      () => undefined,
      ["mini-monkey"],
      /mx262\/MiniMonkey: http:.* does not have it \(404\)/,
    ],
    [
      "HF_ENDPOINT is no address",
      () => (process.env.HF_ENDPOINT = "hub"),
      ["me/tiny"],
      /HF_ENDPOINT is "hub", expected an address such as https:\/\/huggingface\.co/,
    ],
    [
      "--offline",
      () => undefined,
      ["me/tiny", "--offline"],
      /me\/tiny is not on this machine; pull it without --offline/,
    ],
    [
      "HF_HUB_OFFLINE",
      () => (process.env.HF_HUB_OFFLINE = "1"),
      ["me/tiny"],
      /me\/tiny is not on this machine; pull it/,
    ],
    [
      "a folder in the way",
      () => mkdirSync(join(home, "models/me/tiny"), { recursive: true }),
      ["me/tiny"],
      /models\/me\/tiny is in the way: it is no model; move it away/,
    ],
    [
      "a disk too small",
      () => hub.trickHub("me/tiny", (_, response) => void response.end(JSON.stringify([huge]))),
      ["me/tiny"],
      /me\/tiny needs 2000 TB in \S+, 1000 TB to download and 1000 TB to convert it into, but [\d.]+ .B are free; make room, or set GALAGO_HOME/,
    ],
  ])("%s", async (_, prepare, words, message) => {
    prepare();
    await fails(["pull", ...words], message);
  });
  const huge = { type: "file", path: weights, size: 1e15, oid: "0".repeat(40), lfs: { oid: "0".repeat(64) } };

  test("one file that fails ends the others", async () => {
    for (const name of ["config.json", "tokenizer.json"]) hub.put("me/shards", name, bytes(name));
    for (const name of ["1.safetensors", "2.safetensors"]) hub.put("me/shards", name, bytes(weights));
    hub.trick("1.safetensors", (_, response) => void response.writeHead(200).write("for ever"));
    hub.trickHub("resolve/main/2.safetensors", status(401));
    await fails(["pull", "me/shards"], /galago: 2\.safetensors: http:.* asks who you are \(401\); set HF_TOKEN/);
  });

  test("a model of another kind, before its weights are fetched", async () => {
    hub.put("me/other", "config.json", Buffer.from('{"model_type": "blip"}'));
    hub.put("me/other", weights, bytes(weights));
    await fails(["pull", "me/other"], /config\.json: model_type: found "blip", expected one of/);
    // A download that the test before cut off may still be on its way.
    const own = hub.requests.filter(({ to, path }) => to === "store" && path.startsWith("/me/other/"));
    expect(own.map(({ path }) => path)).toEqual(["/me/other//config.json"]);
  });
});

test("on a terminal one bar shows bytes, speed and time left, and then the conversion", async () => {
  let shown = "";
  const stderr = Object.assign(
    new Writable({
      write(piece, _, done) {
        shown += piece;
        done();
      },
    }),
    { isTTY: true, columns: 120 },
  );
  const stdout = new Writable({ write: (_piece, _encoding, done) => done() });
  const interrupted = () => new AbortController().signal;
  expect(await main(["pull", "me/tiny"], { stdin: process.stdin, stdout, stderr, interrupted })).toBe(0);
  expect(shown).toMatch(/100% · ([\d.]+ kB) of \1 · [\d.]+ k?M?B\/s · \d:\d\d:\d\d left/);
  expect(shown).toMatch(/100% converted/);
});

describe("models", () => {
  test("lists the package's own, the published and the pulled, with what is known of them", async () => {
    await galago(["pull", "me/tiny"]);
    mkdirSync(join(home, "downloads/internvl2-1b"), { recursive: true });
    writeFileSync(join(home, "downloads/internvl2-1b/model.safetensors.12345678.part"), Buffer.alloc(1500));
    const lines = (await galago(["models"])).text.split("\n");
    const line = (name: string): string | undefined => lines.find((text) => text.startsWith(`${name} `));
    expect(lines[0]).toMatch(/^model +parameters +download +memory f32 +int8 +int4 +licence +on this machine$/);
    expect(lines[1]).toMatch(/^nano +7\.67 M +30\.7 MB +8\.34 MB +7\.14 MB +apache-2\.0 +[\d.]+ MB in /);
    expect(line("mini-monkey")).toMatch(/^mini-monkey +2\.21 B +4\.41 GB +8\.82 GB +2\.22 GB +1\.78 GB +mit$/);
    expect(line("internvl2-1b")).toMatch(/1\.5 kB downloaded; galago pull internvl2-1b continues$/);
    expect(line("me/tiny")).toMatch(/^me\/tiny +77\.6 K +310 kB +146 kB +140 kB +[\d.]+ kB in .*models\/me\/tiny$/);
  });

  test("--json has the same in numbers", async () => {
    await galago(["pull", "me/tiny"]);
    const { models } = JSON.parse((await galago(["models", "--json"])).text);
    const row = (name: string) => models.find((model: { name: string }) => model.name === name);
    expect(row("mini-monkey")).toEqual({
      name: "mini-monkey",
      parameters: 2_205_754_368,
      download_bytes: 4.41e9,
      memory_bytes: { f32: 8_823_017_472, f16: 4_411_508_736, int8: 2_216_160_328, int4: 1_780_280_392 },
      licence: "mit",
      folder: null,
      bytes: 0,
      downloaded_bytes: 0,
    });
    expect(row("me/tiny")).toMatchObject({ parameters: 77_568, licence: null, folder: join(home, "models/me/tiny") });
    expect(row("nano")).toMatchObject({ download_bytes: null, licence: "apache-2.0" });
  });

  test("a published name that is not here yet is told with the command that fetches it", () => {
    expect(() => modelFolder("mini-monkey")).toThrow(
      /^mini-monkey is not on this machine; galago pull mini-monkey fetches it, 4\.41 GB$/,
    );
  });
});

describe("rm", () => {
  test("removes a pulled model and says what that frees", async () => {
    await galago(["pull", "me/tiny"]);
    const size = whole.reduce((sum, path) => sum + readFileSync(join(home, path)).length, 0);
    expect(JSON.parse((await galago(["rm", "me/tiny", "--json"])).text)).toEqual({ name: "me/tiny", bytes: size });
    expect(readdirSync(join(home, "models"))).toEqual([]);
  });

  test("removes what a stopped pull left", async () => {
    hub.trickHub(`resolve/main/${weights}`, status(404));
    await fails(["pull", "me/tiny"], /model\.safetensors: http:.* does not have it/);
    const { text } = await galago(["rm", "me/tiny"]);
    expect(text).toMatch(/^me\/tiny: [\d.]+ kB freed\n$/);
    expect(files()).toEqual([]);
  });

  test.each([
    ["the package's own", "nano", /nano is part of this package and stays; there are me\/tiny to remove/],
    ["an unknown name", "mini-monkey", /no pulled model "mini-monkey"; there are me\/tiny to remove/],
    ["a path", "me/../me/tiny", /no pulled model "me\/\.\.\/me\/tiny"/],
    ["an owner", "me", /no pulled model "me"/],
    ["nothing", "", /no pulled model ""/],
  ])("refuses %s", async (_, name, message) => {
    await galago(["pull", "me/tiny"]);
    await fails(["rm", name], message);
    expect(existsSync(join(home, "models/me/tiny", weights))).toBe(true);
  });
});
