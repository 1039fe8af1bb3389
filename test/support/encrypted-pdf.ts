/** A PDF under a password, after section 7.6 of ISO 32000-1: the standard handler of revision 2, 40 bits. */
import { createHash } from "node:crypto";

const padding = Buffer.from("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a", "hex");
const padded = (password: string): Buffer => Buffer.concat([Buffer.from(password, "latin1"), padding]).subarray(0, 32);
const md5 = (...parts: Buffer[]): Buffer => createHash("md5").update(Buffer.concat(parts)).digest();
const little = (value: number, bytes: number): Buffer => Buffer.from(Int32Array.of(value).buffer).subarray(0, bytes);

/** RC4 of the data, which is its own inverse. */
function rc4(key: Buffer, data: Buffer): Buffer {
  const s = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + s[i] + key[i % key.length]) & 255;
    [s[i], s[j]] = [s[j], s[i]];
  }
  let [i, j] = [0, 0];
  return data.map((byte) => {
    i = (i + 1) & 255;
    j = (j + s[i]) & 255;
    [s[i], s[j]] = [s[j], s[i]];
    return byte ^ s[(s[i] + s[j]) & 255];
  }) as Buffer;
}

/** One page, 200 by 100 points, of a content stream, which opens with the password. */
export function encryptedPdf(content: string, password: string): Buffer {
  const [id, permissions] = [Buffer.alloc(16, 7), -4];
  const owner = rc4(md5(padded("owner")).subarray(0, 5), padded(password));
  const key = md5(padded(password), owner, little(permissions, 4), id).subarray(0, 5);
  const streamKey = md5(key, little(4, 3), little(0, 2)).subarray(0, 10);
  const hex = (bytes: Buffer): string => `<${bytes.toString("hex")}>`;
  const stream = rc4(streamKey, Buffer.from(content)).toString("hex");
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R >>",
    `<< /Length ${content.length} >>\nstream\n${stream}\nendstream`,
    `<< /Filter /Standard /V 1 /R 2 /O ${hex(owner)} /U ${hex(rc4(key, padding))} /P ${permissions} >>`,
  ];
  const parts = objects.map((object, i) => {
    const [head, body, tail] = object.split(/(?<=stream\n)([0-9a-f]+)(?=\nendstream)/);
    const bytes = [Buffer.from(`${i + 1} 0 obj\n${head}`), Buffer.from(body ?? "", "hex"), Buffer.from(tail ?? "")];
    return Buffer.concat([...bytes, Buffer.from("\nendobj\n")]);
  });
  const trailer = `trailer << /Size 6 /Root 1 0 R /Encrypt 5 0 R /ID [${hex(id)} ${hex(id)}] >>\n%%EOF\n`;
  return Buffer.concat([Buffer.from("%PDF-1.4\n"), ...parts, Buffer.from(trailer)]);
}
