/** PDFs: sizes, passwords, damage. pdf/*.pdf: the page below through qpdf 11.3, `--encrypt s3cret owner 256` (aes256), `40` (rc4), and with an empty
 *  user password (owner). */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isPdf, openPdf } from "../../src/vision/pdf.ts";
import { pdf } from "../support/pdf.ts";

const text = "BT /F1 20 Tf 10 60 Td (Total 12.40) Tj ET";
const plain = pdf([text]);
const file = (name: string): Buffer => readFileSync(new URL(`pdf/${name}.pdf`, import.meta.url));

async function pixels(bytes: Uint8Array, password?: string): Promise<Uint8Array> {
  const opened = await openPdf(bytes, { password });
  const { data } = await opened.draw(opened.page(1), { width: 100, height: 50 });
  opened.close();
  return data;
}

test("a page is measured in points, and drawn in as many pixels as one asks, also out of its shape", async () => {
  const opened = await openPdf(pdf([text, text], "0 0 595.5 842"));
  expect(opened.pages).toBe(2);
  expect(opened.size(2)).toEqual({ width: 595.5, height: 842 });
  const { data, width, height } = await opened.draw(opened.page(2), { width: 300, height: 40 });
  expect([width, height, data.length]).toEqual([300, 40, 300 * 40 * 3]);
  opened.close();
});

describe("an encrypted file", () => {
  test.each([
    ["aes256", "s3cret"],
    ["rc4", "s3cret"],
    ["owner", undefined],
  ])("%s shows with its password what it showed before", async (name, password) => {
    expect(await pixels(file(name), password)).toEqual(await pixels(plain));
  });

  test.each([
    ["aes256", undefined, "opens with its password only; give it"],
    ["aes256", "S3cret", "this password does not open it"],
    ["rc4", "", "opens with its password only; give it"],
  ])("%s is refused with the password %s", async (name, password, why) => {
    await expect(openPdf(file(name), { name: "a.pdf", password })).rejects.toMatchObject({
      name: "RequestError",
      message: `"a.pdf": is encrypted, and ${why}`,
    });
  });
});

test.each([
  [{ first: 0, last: 1 }, 0],
  [{ first: 2, last: 3 }, 3],
  [{ first: 3, last: 3 }, 3],
])("pages %o of two are refused by number", async (range, missing) => {
  const opened = await openPdf(pdf([text, text]), { name: "a.pdf" });
  expect(() => opened.numbers([{ first: 1, last: 1 }, range])).toThrow(
    `"a.pdf": no page ${missing}; it has pages 1 to 2`,
  );
  opened.close();
});

test("a page whose object is gone is damaged, the one beside it is not", async () => {
  const broken = Buffer.from(
    pdf([text, text]).toString("latin1").replace("/Kids [4 0 R 6 0 R]", "/Kids [4 0 R 9 0 R]"),
  );
  const opened = await openPdf(broken, { name: "a.pdf" });
  expect(() => opened.size(2)).toThrow(`"a.pdf": page 2 is damaged`);
  expect(() => opened.page(2)).toThrow(`"a.pdf": page 2 is damaged`);
  expect(opened.size(1)).toEqual({ width: 200, height: 100 });
  opened.close();
});

test("a PDF is known by its mark within the first kilobyte", () => {
  expect(isPdf(plain)).toBe(true);
  expect(isPdf(Buffer.concat([Buffer.alloc(1000), plain]))).toBe(true);
  expect(isPdf(Buffer.concat([Buffer.alloc(1100), plain]))).toBe(false);
  expect(isPdf(Buffer.from("\x89PNG\r\n"))).toBe(false);
});
