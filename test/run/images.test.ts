/** Images by path, address and pixels. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type NamedImage, openImages } from "../../src/run/images.ts";
import { golden, source } from "../vision/golden.ts";

const file = fileURLToPath(golden("resize/tiny_3x5.png"));
const open = (image: NamedImage["image"], signal?: AbortSignal) => openImages({ name: "x", image }, {}, signal);
const read = async (image: NamedImage["image"]) => {
  const [opened] = await open(image);
  return opened.decode(opened);
};

describe("an address", () => {
  let server: Server;
  let address: string;
  beforeAll(async () => {
    server = createServer(({ url }, response) => {
      response.writeHead(url === "/a.png" ? 200 : 404).end(url === "/a.png" ? readFileSync(file) : "");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  test("gives the pixels of the file behind it", async () => {
    expect(await read(`${address}/a.png`)).toEqual(await source("tiny_3x5.png"));
  });

  test("with nothing behind it is named with the status", async () => {
    await expect(read(`${address}/b.png`)).rejects.toMatchObject({
      name: "RequestError",
      message: `"${address}/b.png": answered with status 404`,
    });
  });

  test("of no server is named with the cause", async () => {
    await expect(read("http://127.0.0.1:9/")).rejects.toMatchObject({ name: "RequestError" });
  });

  test("is left at once when the signal is aborted", async () => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(open(`${address}/a.png`, signal)).rejects.toBe(reason);
  });
});

test("a path and its file URL give the same pixels", async () => {
  expect(await read(pathToFileURL(file).href)).toEqual(await read(file));
});

test("a folder is refused by name", async () => {
  const folder = fileURLToPath(golden("resize"));
  await expect(read(folder)).rejects.toThrow(`"${folder}": is a folder, expected an image file`);
});

describe("pixels", () => {
  test("half transparent ones lie on white", async () => {
    const data = Uint8Array.of(0, 100, 200, 255, 0, 100, 200, 0, 0, 100, 200, 51);
    expect(await read({ data, width: 3, height: 1 })).toEqual({
      data: Uint8Array.of(0, 100, 200, 255, 255, 255, 204, 224, 244),
      width: 3,
      height: 1,
    });
  });

  test.each([
    [5, 1, 1],
    [0, 0, 0],
    [12, 2, 2.5],
    [3, -1, -1],
    [6, 1, 1],
  ])("%d bytes for %d x %d are refused", async (length, width, height) => {
    await expect(read({ data: new Uint8Array(length), width, height })).rejects.toThrow(
      `"x": ${length} bytes for ${width} x ${height} pixels; expected 3 (RGB) or 4 (RGBA) for each`,
    );
  });
});
