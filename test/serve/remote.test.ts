/** Images at addresses: what is fetched, and what is never reached. The server that must not be reached counts who came. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { remoteImages } from "../../src/serve/remote.ts";
import { fake } from "./fake.ts";

const came: string[] = [];
const bytes = Buffer.from([1, 2, 3, 4, 5]);

/** Servers on 127.0.0.1, which a test may let through, and on 127.0.0.2, which it may not. */
const servers: Server[] = [];
let open: string;
let shut: string;
const routes: Record<string, RequestListener> = {
  "/image": (_, response) => response.end(bytes),
  "/missing": (_, response) => response.writeHead(404).end(),
  "/there": (_, response) => response.writeHead(302, { Location: "/image" }).end(),
  "/inside": (_, response) => response.writeHead(302, { Location: `${shut}/image` }).end(),
  "/file": (_, response) => response.writeHead(302, { Location: "file:///etc/passwd" }).end(),
  "/round": (_, response) => response.writeHead(307, { Location: "/round" }).end(),
};

beforeAll(async () => {
  for (const host of ["127.0.0.1", "127.0.0.2"]) {
    const server = createServer((request, response) => {
      came.push(`${host}${request.url}`);
      routes[request.url!](request, response);
    });
    servers.push(server.listen(0, host));
    await once(server, "listening");
  }
  [open, shut] = servers.map((server) => {
    const { address, port } = server.address() as AddressInfo;
    return `http://${address}:${port}`;
  });
});
afterAll(() => {
  for (const server of servers) server.close();
});
afterEach(() => void came.splice(0));

const never = new AbortController().signal;
const fetched = (url: string, most = 100, allowed = ["127.0.0.1"]) => remoteImages(most, allowed)(new URL(url), never);

describe("an image at an address", () => {
  test("is fetched, also through a redirect", async () => {
    expect(await fetched(`${open}/image`)).toEqual(bytes);
    expect(await fetched(`${open}/there`)).toEqual(bytes);
  });

  test.each([
    ["/missing", 100, "answers with status 404"],
    ["/image", 4, "is larger than 0.000004 MB, the limit"],
    ["/round", 100, "redirects more than 3 times"],
    ["/file", 100, "leads to what is no web page"],
    ["/inside", 100, "is at no public address"],
  ])("%s of at most %d bytes %s", async (path, most, why) => {
    await expect(fetched(open + path, most)).rejects.toThrow(`"${open}${path}" ${why}; send the image itself`);
    expect(came.filter((place) => place.startsWith("127.0.0.2"))).toEqual([]);
  });

  test.each([
    "http://127.0.0.1",
    "http://127.1",
    "http://2130706433",
    "http://0x7f.0.0.1",
    "http://localhost",
    "http://0.0.0.0",
    "http://[::1]",
    "http://[::]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:7f00:1]",
    "http://[64:ff9b::7f00:1]",
    "http://10.0.0.1",
    "http://172.16.0.1",
    "http://192.168.0.1",
    "http://100.64.0.1",
    "http://169.254.169.254",
    "http://[fe80::1]",
    "http://[fc00::1]",
    "https://localhost",
    "https://127.0.0.1",
  ])("%s is not reached, whatever it is called", async (address) => {
    const { port } = servers[0].address() as AddressInfo;
    await expect(fetched(`${address}:${port}/image`, 100, [])).rejects.toThrow("is at no public address");
    expect(came).toEqual([]);
  });

  test("is given up when the signal is aborted", async () => {
    const reason = new Error("enough");
    await expect(remoteImages(100)(new URL(open), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe("a server", () => {
  const ask = (url: string, remote: boolean) =>
    fake(
      async function* () {
        yield "a";
      },
      { remote },
    ).ask({ messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] });

  test("fetches nothing unless it may", async () => {
    const response = await ask(`${open}/image`, false);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining("--allow-remote-images") },
    });
    expect(came).toEqual([]);
  });

  test.each([
    "/etc/passwd",
    "file:///etc/passwd",
    "examples/receipt.png",
    "ftp://example.com/a",
    "data:text/plain,hi",
    "http://",
  ])("never takes %s for an image, also where it may fetch", async (url) => {
    for (const remote of [true, false]) expect((await ask(url, remote)).status).toBe(400);
  });

  test("that may fetch refuses what is at no public address", async () => {
    const response = await ask(`${open}/image`, true);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining("is at no public address") },
    });
    expect(came).toEqual([]);
  });
});
