/** `galago verify` at the terminal. */
import { describe, expect, test } from "vitest";
import { altered, copied, golden, number } from "../support/altered.ts";
import { galago } from "./terminal.ts";

const wrong = altered(
  copied("intern_vit"),
  "outputs",
  number("pooler_output_56", 0, (x) => x + 1),
);

test("--json prints the comparison of every output, and 0 says that all is well", async () => {
  const { status, text, stderr } = await galago(["verify", golden("internlm2_ntk"), "--json"]);
  expect([status, stderr]).toEqual([0, ""]);
  const { ok, outputs } = JSON.parse(text);
  expect(ok).toBe(true);
  expect(Object.keys(outputs).sort()).toEqual(["from30_greedy_tokens", "from30_step_logits", "prefill40_logits"]);
  expect(outputs.from30_greedy_tokens).toMatchObject({ max_abs_error: 0, identical: true });
  expect(outputs.prefill40_logits.max_abs_error).toBeLessThan(1e-4 * outputs.prefill40_logits.max_abs_value);
});

test("without --json there is a line for each output with its verdict", async () => {
  const { status, text, stderr } = await galago(["verify", wrong]);
  expect(status).toBe(1);
  const lines = text.trimEnd().split("\n");
  expect(lines).toHaveLength(11);
  expect(lines.filter((line) => line.endsWith("FAILED"))).toEqual([
    expect.stringMatching(/^pooler_output_56 +1\.00e\+0/),
  ]);
  expect(lines.filter((line) => line.endsWith("within tolerance"))).toHaveLength(9);
  expect(stderr).toMatch(/^galago: .*: 1 of 10 outputs missing or out of tolerance: pooler_output_56\n$/);
});

test("a failure under --json is still one document, and the status is 1", async () => {
  const { status, text } = await galago(["verify", wrong, "--json"]);
  expect(status).toBe(1);
  expect(JSON.parse(text)).toMatchObject({ ok: false, outputs: { pooler_output_56: { identical: false } } });
});

test("--tolerance widens what passes", async () => {
  expect((await galago(["verify", wrong, "--tolerance", "1", "--json"])).status).toBe(0);
});

describe("what is at fault is said in one line", () => {
  test.each([
    [["verify"], 2, /missing required argument 'dir'/],
    [["verify", wrong, "--tolerance", "-1"], 2, /--tolerance: "-1" is no tolerance/],
    [["verify", wrong, "--tolerance", "tight"], 2, /--tolerance: "tight" is no tolerance, expected a number/],
    [["verify", "/nowhere"], 1, /\/nowhere\/reference\.json: no such file/],
  ])("%j", async (words, code, message) => {
    const { status, text, stderr } = await galago(words);
    expect([status, text]).toEqual([code, ""]);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd()).not.toContain("\n");
  });
});
