/** What the hub says of a repository: which files make a model, and what is told where it gives no answer. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FormatError, RequestError } from "../../src/errors.ts";
import { type Repository, repositoryFiles } from "../../src/weights/hub.ts";
import type { Hub } from "../../src/weights/request.ts";
import { type FakeHub, fakeHub, status } from "../support/hub.ts";

let server: FakeHub;
let hub: Hub;
beforeAll(async () => {
  server = await fakeHub();
});
beforeEach(() => {
  hub = { endpoint: server.endpoint, wait: async () => undefined };
});
afterEach(() => server.calm());
afterAll(() => server.close());

let repositories = 0;

/** The paths of a model's files where a repository holds these. */
async function chosen(
  held: readonly string[],
  origin: Omit<Repository, "repo"> = {},
  repo = "me/model",
): Promise<string[]> {
  const name = `${repo}-${++repositories}`;
  for (const path of held) server.put(name, path, Buffer.from(path));
  return (await repositoryFiles({ repo: name, ...origin }, hub)).map(({ path }) => path);
}

const small = ["config.json", "tokenizer.model", "added_tokens.json"];
const others = [
  "README.md",
  "modeling_internvl_chat.py",
  "examples/image1.jpg",
  "trainer_state.json",
  "internvl_v2.zip",
];

describe("of a repository are taken", () => {
  test.each<[string, string[], string[]]>([
    ["one file of weights, the configuration and the tokenizer", ["model.safetensors"], []],
    [
      "shards with their index",
      ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"],
      [],
    ],
    ["safetensors before torch files", ["model.safetensors"], ["pytorch_model.bin", "pytorch_model.bin.index.json"]],
    ["torch files, but not a trainer's", ["pytorch_model-00001-of-00001.bin"], ["training_args.bin", "rng_state.pt"]],
    ["none from folders below", ["model.safetensors"], ["onnx/config.json", "onnx/model.safetensors"]],
  ])("%s", async (_, taken, left) => {
    expect((await chosen([...small, ...taken, ...others, ...left])).sort()).toEqual([...small, ...taken].sort());
  });

  test("those of a folder, in a space", async () => {
    const held = ["app.py", "TinyGPT-V_for_Stage3.pth", "phi-2/config.json", "phi-2/pytorch_model.bin"];
    expect(await chosen(held, { folder: "phi-2" }, "spaces/me/space")).toEqual(held.slice(2));
  });

  test("just those that are named", async () => {
    const held = ["stage1.pth", "stage4.pth", "config.json"];
    expect(await chosen(held, { files: ["stage4.pth"] })).toEqual(["stage4.pth"]);
    await expect(chosen(held, { files: ["stage5.pth"] })).rejects.toThrow(/has no stage5\.pth there/);
  });
});

test("a list that comes in pages is read to its end", async () => {
  const page = (path: string, link?: string) => (_: unknown, response: import("node:http").ServerResponse) =>
    void response
      .writeHead(200, link ? { link: `<${server.endpoint}/api/models/a/b/tree/main?cursor=2>; rel="next"` } : {})
      .end(JSON.stringify([{ type: "file", path, size: 1, oid: "0".repeat(40) }]));
  server.trickHub("/tree/main", page("config.json", "next"), page("model.safetensors"));
  expect((await repositoryFiles({ repo: "a/b" }, hub)).map(({ path }) => path)).toEqual([
    "config.json",
    "model.safetensors",
  ]);
});

test("a list that breaks off is asked for again", async () => {
  server.put("me/again", "model.safetensors", Buffer.from("w"));
  server.trickHub(
    "me/again",
    (_, response) => void response.writeHead(200).write("[{", () => response.destroy()),
    status(502),
  );
  expect(await repositoryFiles({ repo: "me/again" }, hub)).toEqual([
    {
      path: "model.safetensors",
      url: `${server.endpoint}/me/again/resolve/main/model.safetensors`,
      bytes: 1,
      sum: { kind: "sha256", hex: "50e721e49c013f00c62cf59f2163542a9d8df02464efeb615d31051b0fddc326" },
    },
  ]);
});

describe("one sentence says what to do where", () => {
  test.each<[string, number, string | undefined, RegExp]>([
    [
      "nobody is known",
      401,
      undefined,
      /me\/none: http:.* asks who you are \(401\); set HF_TOKEN to a token that may read it/,
    ],
    ["the token is refused", 401, "hf_x", /me\/none: http:.* does not accept HF_TOKEN \(401\); make a token/],
    [
      "the licence is not accepted",
      403,
      "hf_x",
      /me\/none: http:.* gives no access \(403\); accept its licence on its page there/,
    ],
    ["nothing is there", 404, undefined, /me\/none: http:.* does not have it \(404\); correct the name/],
    ["the hub thinks it wrong", 410, undefined, /me\/none: http:.* answered 410; run it again later/],
  ])("%s", async (_, code, token, message) => {
    server.trickHub("me/none", status(code));
    const failing = repositoryFiles({ repo: "me/none" }, { ...hub, token });
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toThrow(RequestError);
    await expect(failing).rejects.toMatchObject({ status: code });
  });

  test("the hub redirects in a circle", async () => {
    server.trickHub("me/none", ...Array(10).fill(status(302, { location: "/me/none" })));
    await expect(repositoryFiles({ repo: "me/none" }, hub)).rejects.toThrow(/redirects without end/);
  });

  test("there are no weights", async () => {
    await expect(chosen(["config.json", "README.md"])).rejects.toThrow(/holds no weights: no \.safetensors, /);
  });

  test.each([
    ["is another website", "<html>"],
    ["is of another form", '{"error": "x"}'],
    ["names no hash", '[{"type": "file", "path": "model.safetensors", "size": 1, "oid": "?"}]'],
  ])("HF_ENDPOINT %s", async (_, body) => {
    server.trickHub("me/none", (_, response) => void response.writeHead(200).end(body));
    const failing = repositoryFiles({ repo: "me/none" }, hub);
    await expect(failing).rejects.toThrow(FormatError);
    await expect(failing).rejects.toThrow(/tree\/main\?recursive=1: /);
  });
});
