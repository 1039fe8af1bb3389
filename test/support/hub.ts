/** A hub on 127.0.0.1: lists repositories, redirects to a store on another port that knows ranges, and misbehaves on demand. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach } from "vitest";

/** What the store does to one request for a file in place of sending it. */
export type Trick = (request: IncomingMessage, response: ServerResponse, file: Buffer) => void;

export interface FakeHub {
  /** For HF_ENDPOINT. */
  readonly endpoint: string;
  /** Where the bytes come from. */
  readonly store: string;
  /** Requests so far, to the hub and to the store: path, and the headers of interest. */
  readonly requests: {
    readonly to: "hub" | "store";
    readonly path: string;
    readonly range?: string;
    readonly token?: string;
  }[];
  /** Puts a file into a repository: .json and .txt as git keeps small ones, others as large ones, with a SHA-256. */
  put(repo: string, path: string, bytes: Buffer): void;
  /** The next requests for these files are answered so, one after the other. */
  trick(path: string, ...tricks: Trick[]): void;
  /** The next requests to the hub itself that contain `path` are answered so. */
  trickHub(path: string, ...tricks: Trick[]): void;
  /** No more tricks. */
  calm(): void;
  close(): Promise<void>;
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Sends this many bytes of what was asked for, then cuts the connection, when `arrived` says that they are there: a reader drops what it has not read. */
export const drop =
  (bytes: number, arrived: () => boolean = () => true): Trick =>
  (request, response, file) => {
    const { status, headers, body } = answer(request, file);
    response.writeHead(status, headers);
    response.write(body.subarray(0, bytes));
    const cut = setInterval(() => {
      if (!arrived()) return;
      clearInterval(cut);
      response.destroy();
    }, 2);
  };

/** Sends this file in place of the right one, deaf to ranges if `ranges` is false. */
export const another =
  (bytes: Buffer, ranges = true): Trick =>
  (request, response) =>
    send(response, answer(ranges ? request : undefined, bytes));

/** Answers with a status. */
export const status =
  (code: number, headers: Record<string, string> = {}): Trick =>
  (_, response) => {
    response.writeHead(code, headers).end("no");
  };

/** Sends the whole file whatever was asked for. */
export const deaf: Trick = (_, response, file) => send(response, answer(undefined, file));

interface Answer {
  status: number;
  headers: Record<string, string | number>;
  body: Buffer;
}

/** A file or the range of it that was asked for, unless If-Range names another file. */
function answer(request: IncomingMessage | undefined, file: Buffer): Answer {
  const etag = `"${sha256(file).slice(0, 16)}"`;
  const from = Number(/^bytes=(\d+)-$/.exec(request?.headers.range ?? "")?.[1]);
  const same = (request?.headers["if-range"] ?? etag) === etag;
  if (Number.isNaN(from) || !same) return { status: 200, headers: { etag, "content-length": file.length }, body: file };
  if (from >= file.length) return { status: 416, headers: {}, body: Buffer.alloc(0) };
  const body = file.subarray(from);
  const headers = {
    etag,
    "content-length": body.length,
    "content-range": `bytes ${from}-${file.length - 1}/${file.length}`,
  };
  return { status: 206, headers, body };
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, headers).end(body);
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Starts both servers. */
export async function fakeHub(): Promise<FakeHub> {
  const files = new Map<string, Map<string, Buffer>>();
  const tricks = new Map<string, Trick[]>();
  const requests: FakeHub["requests"] = [];
  const next = (key: string): Trick | undefined => {
    for (const [path, list] of tricks) if (key.includes(path) && list.length) return list.shift();
    return undefined;
  };
  const note = (to: "hub" | "store", { url, headers }: IncomingMessage): void => {
    requests.push({ to, path: url!, range: headers.range, token: headers.authorization });
  };

  const stored = createServer((request, response) => {
    note("store", request);
    const [repo, path] = decodeURI(request.url!).slice(1).split("//");
    const file = files.get(repo)!.get(path)!;
    const trick = next(`store:${path}`);
    if (trick) trick(request, response, file);
    else send(response, answer(request, file));
  });
  const store = await listen(stored);

  const hub = createServer((request, response) => {
    note("hub", request);
    const trick = next(`hub:${request.url}`);
    if (trick) return trick(request, response, Buffer.alloc(0));
    const [, kind, listed] = /^\/api\/(models\/|)(.+)\/tree\/main\?recursive=1$/.exec(request.url!) ?? [];
    const repo = listed && files.get(listed);
    if (repo && (kind === "models/") !== listed.startsWith("spaces/"))
      return void response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify([...repo].map(entry)));
    const [, asked, path] = /^\/(.+)\/resolve\/main\/(.+)$/.exec(request.url!) ?? [];
    if (files.get(asked)?.has(path))
      return void response.writeHead(302, { location: `${store}/${asked}//${path}` }).end();
    response.writeHead(404).end("Entry not found");
  });
  const endpoint = await listen(hub);

  return {
    endpoint,
    store,
    requests,
    put(repo, path, bytes) {
      if (!files.has(repo)) files.set(repo, new Map());
      files.get(repo)!.set(path, bytes);
    },
    trick: (path, ...list) => void tricks.set(`store:${path}`, list),
    trickHub: (path, ...list) => void tricks.set(path, list),
    calm: () => tricks.clear(),
    async close() {
      for (const server of [hub, stored]) {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      }
    },
  };
}

/** A file as the hub lists it; the id of a large one is that of its pointer. */
function entry([path, bytes]: [string, Buffer]) {
  const listed = { type: "file", path, size: bytes.length };
  if (!/\.(json|txt)$/.test(path))
    return { ...listed, oid: "0".repeat(40), lfs: { oid: sha256(bytes), size: bytes.length } };
  return { ...listed, oid: createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex") };
}

/** For all tests of a file: a hub, and for each test a new home below `root`, which is removed at the end; the environment points to both. */
export function hubAndHomes(root: string): { hub: FakeHub; home: string } {
  const at = {} as { hub: FakeHub; home: string };
  const environment = { ...process.env };
  beforeAll(async () => {
    at.hub = await fakeHub();
  });
  beforeEach(() => {
    at.home = mkdtempSync(join(root, "home-"));
    process.env.GALAGO_HOME = at.home;
    process.env.HF_ENDPOINT = at.hub.endpoint;
    delete process.env.HF_TOKEN;
    delete process.env.HF_HUB_OFFLINE;
    at.hub.calm();
    at.hub.requests.length = 0;
  });
  afterAll(async () => {
    process.env = environment;
    await at.hub.close();
    rmSync(root, { recursive: true });
  });
  return at;
}
