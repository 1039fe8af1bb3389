/** Downloads over a network that drops, lies and asks for patience: what arrives is right, what is here is not fetched again. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FormatError, RequestError } from "../../src/errors.ts";
import { bytesHere, download } from "../../src/weights/download.ts";
import { type Remote, repositoryFiles } from "../../src/weights/hub.ts";
import type { Hub } from "../../src/weights/request.ts";
import { another, deaf, drop, type FakeHub, fakeHub, sha256, status } from "../support/hub.ts";

const root = mkdtempSync(join(tmpdir(), "download-"));
let server: FakeHub;
let path: string;
let waits: number[];
let hub: Hub;

beforeAll(async () => {
  server = await fakeHub();
});
beforeEach(() => {
  path = join(mkdtempSync(join(root, "to-")), "model.safetensors");
  waits = [];
  server.requests.length = 0;
  hub = { endpoint: server.endpoint, wait: async (ms) => waits.push(ms) };
});
afterEach(() => server.calm());
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

const noise = (length: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => i * i * seed + (i >> 8)));
const right = noise(300_000, 7);
const other = noise(300_000, 11);

/** The file as the hub lists it now. */
async function listed(bytes = right, name = "model.safetensors"): Promise<Remote> {
  server.put("me/model", "model.safetensors", right);
  server.put("me/model", name, bytes);
  const files = await repositoryFiles({ repo: "me/model" }, hub);
  server.requests.length = 0;
  return files.find((file) => file.path === name)!;
}
const ranges = (): (string | undefined)[] =>
  server.requests.filter(({ to }) => to === "store").map(({ range }) => range);
const beside = (): string[] => readdirSync(join(path, ".."));

test("a file arrives under its name with its SHA-256, and nothing lies beside it", async () => {
  const counts: number[] = [];
  expect(await download(await listed(), path, hub, (count) => counts.push(count))).toBe(sha256(right));
  expect(readFileSync(path).equals(right)).toBe(true);
  expect(beside()).toEqual(["model.safetensors"]);
  expect(counts.reduce((a, b) => a + b)).toBe(right.length);
  expect([ranges(), waits]).toEqual([[undefined], []]);
});

test("a small file that git keeps is held against the id that git gives it", async () => {
  const config = Buffer.from('{"model_type": "é"}');
  const file = await listed(config, "config.json");
  expect(file.sum).toEqual({ kind: "git", hex: expect.stringMatching(/^[0-9a-f]{40}$/) });
  expect(await download(file, path, hub)).toBe(sha256(config));
  server.trick("config.json", another(Buffer.from('{"model_type": "è"}')));
  await expect(download(file, `${path}2`, hub)).rejects.toThrow(
    /config\.json: what arrived has the hash [0-9a-f]{40}, expected/,
  );
});

describe("after the connection broke", () => {
  let here: number;
  const count = (more: number): void => {
    here += more;
  };
  beforeEach(() => {
    here = 0;
  });
  /** Cuts the connection when so many bytes of the file are here. */
  const dropAt =
    (bytes: number): typeof deaf =>
    (request, response, file) =>
      drop(bytes - here, () => here === bytes)(request, response, file);

  test("the rest alone is asked for, and a try that got further costs no patience", async () => {
    const file = await listed();
    server.trick("model", ...[100_000, 150_000, 150_000, 220_000].map(dropAt));
    await download(file, path, hub, count);
    expect(readFileSync(path).equals(right)).toBe(true);
    expect(ranges()).toEqual([undefined, "bytes=100000-", "bytes=150000-", "bytes=150000-", "bytes=220000-"]);
    expect(waits).toEqual([1000, 1000, 2000, 1000]);
  });

  test("a later run continues, and reads what is here for the hash", async () => {
    const file = await listed();
    server.trick("model", ...Array(6).fill(dropAt(120_000)));
    const failing = download(file, path, hub, count);
    await expect(failing).rejects.toThrow(
      /^model\.safetensors: the connection broke \(.+\), 6 times in a row; run it again later$/,
    );
    await expect(failing).rejects.toThrow(RequestError);
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect([existsSync(path), bytesHere(file, path)]).toEqual([false, 120_000]);
    server.requests.length = 0;
    await download(file, path, hub);
    expect(readFileSync(path).equals(right)).toBe(true);
    expect(ranges()).toEqual(["bytes=120000-"]);
  });

  test("a server deaf to ranges sends all of it again; one that always drops there is given up", async () => {
    const file = await listed();
    server.trick("model", drop(100_000), deaf);
    await download(file, path, hub);
    expect(readFileSync(path).equals(right)).toBe(true);
    const cut: typeof deaf = (request, response, bytes) => {
      delete request.headers.range;
      drop(100_000, () => here === 100_000)(request, response, bytes);
    };
    server.trick("model", ...Array(9).fill(cut));
    await expect(download(file, `${path}2`, hub, count)).rejects.toThrow(/6 times in a row/);
  });

  test.each([
    ["and the server says so", another(right)],
    [
      "and the server sends the end of the new one all the same",
      ((request, response) => {
        delete request.headers["if-range"];
        another(right)(request, response, right);
      }) satisfies typeof deaf,
    ],
  ])("a file that changed between two tries is begun anew, %s", async (_, second) => {
    const file = await listed();
    const first: typeof deaf = (request, response) => drop(100_000)(request, response, other);
    server.trick("model", first, second);
    await download(file, path, hub);
    expect(readFileSync(path).equals(right)).toBe(true);
  });
});

describe("what is on the disk already", () => {
  test("and right is kept: nothing is fetched", async () => {
    const file = await listed();
    writeFileSync(path, right);
    const counts: number[] = [];
    await download(file, path, hub, (count) => counts.push(count));
    expect([server.requests, counts, bytesHere(file, path)]).toEqual([[], [], right.length]);
  });

  test("and damaged is fetched anew, and counted off", async () => {
    const file = await listed();
    writeFileSync(path, other);
    let count = 0;
    await download(file, path, hub, (n) => {
      count += n;
    });
    expect([readFileSync(path).equals(right), count]).toEqual([true, 0]);
  });

  test("and cut short is continued", async () => {
    const file = await listed();
    writeFileSync(path, right);
    truncateSync(path, 200_000);
    await download(file, path, hub);
    expect([readFileSync(path).equals(right), ranges()]).toEqual([true, ["bytes=200000-"]]);
  });

  test("and part of what the hub held before is left alone", async () => {
    server.trick("model", drop(100_000), ...Array(5).fill(status(503)));
    await expect(download(await listed(other), path, hub)).rejects.toThrow(/answered 503/);
    await download(await listed(), path, hub);
    expect(readFileSync(path).equals(right)).toBe(true);
    expect(ranges()).toEqual([undefined]);
  });
});

describe("bytes that are not those that the hub announced", () => {
  test.each([
    [
      "other",
      other,
      /what arrived has the hash [0-9a-f]{64}, expected [0-9a-f]{64}; nothing of it was kept, run it again/,
    ],
    ["too many", noise(300_001, 7), /what arrived is more than the 300000 bytes that were announced/],
  ])("%s: an error, nothing under the name, and the next run begins anew", async (_, sent, message) => {
    const file = await listed();
    server.trick("model", another(sent));
    const failing = download(file, path, hub);
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toThrow(FormatError);
    expect([existsSync(path), bytesHere(file, path)]).toEqual([false, 0]);
    await download(file, path, hub);
    expect(readFileSync(path).equals(right)).toBe(true);
    expect(ranges()).toEqual([undefined, undefined]);
  });

  test("too few: asked for again, then given up", async () => {
    const file = await listed();
    server.trick("model", another(right.subarray(0, 1000)), ...Array(12).fill(another(right.subarray(0, 1000))));
    await expect(download(file, path, hub)).rejects.toThrow(
      /ended after 1000 of 300000 bytes, 6 times|shorter than it was, 6 times/,
    );
    expect(existsSync(path)).toBe(false);
  });
});

describe("a server that says no", () => {
  test.each([
    [503, {}, [1000]],
    [500, {}, [1000]],
    [429, { "retry-after": "7" }, [7000]],
    [429, { "retry-after": "nonsense" }, [1000]],
  ] as const)("%i %j, then good", async (code, headers, expected) => {
    server.trick("model", status(code, headers));
    await download(await listed(), path, hub);
    expect([readFileSync(path).equals(right), waits]).toEqual([true, expected]);
  });

  test("Retry-After may be a date", async () => {
    server.trick("model", status(429, { "retry-after": new Date(Date.now() + 30_000).toUTCString() }));
    await download(await listed(), path, hub);
    expect(waits[0]).toBeGreaterThan(25_000);
    expect(waits[0]).toBeLessThanOrEqual(30_000);
  });

  test("an hour is too long to wait for", async () => {
    server.trick("model", status(429, { "retry-after": "3600" }));
    await expect(download(await listed(), path, hub)).rejects.toThrow(
      /answered 429 and asks to wait 60 minutes; run it again then/,
    );
    expect(waits).toEqual([]);
  });

  test("for ever is told with its status", async () => {
    server.trick("model", ...Array(9).fill(status(503)));
    await expect(download(await listed(), path, hub)).rejects.toMatchObject({ status: 503 });
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000]);
  });

  test("and whose word will not change is not asked twice", async () => {
    server.trick("model", status(403));
    await expect(download(await listed(), path, hub)).rejects.toThrow(
      /127\.0\.0\.1:\d+ answered 403; run it again later/,
    );
    expect([waits, server.requests.length]).toEqual([[], 2]);
  });

  test("by not being there is named", async () => {
    const gone = await fakeHub();
    await gone.close();
    await expect(download({ ...(await listed()), url: gone.endpoint }, path, hub)).rejects.toThrow(
      /http:\/\/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\), 6 times in a row/,
    );
  });
});

test("the token goes to the hub and never to where it redirects", async () => {
  hub = { ...hub, token: "hf_secret" };
  await download(await listed(), path, hub);
  expect(server.requests.map(({ to, token }) => [to, token])).toEqual([
    ["hub", "Bearer hf_secret"],
    ["store", undefined],
  ]);
});

test("an abort ends it and leaves what came for the next run", async () => {
  const stop = new AbortController();
  const file = await listed();
  server.trick("model", (request, response, bytes) => {
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, 50_000));
    request.on("close", () => response.destroy());
  });
  let came = 0;
  const ended = download(file, path, { ...hub, signal: stop.signal }, (count) => {
    came += count;
    if (came === 50_000) stop.abort();
  });
  await expect(ended).rejects.toThrow(/abort/i);
  expect([existsSync(path), bytesHere(file, path), waits]).toEqual([false, 50_000, []]);
});
