/** The frame of the command line: help, wrong usage, and how errors end a run. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Command } from "../../src/cli/command.ts";
import { failure } from "../../src/cli/failure.ts";
import { commands } from "../../src/cli/program.ts";
import { EngineError, FormatError } from "../../src/errors.ts";
import { galago } from "./terminal.ts";

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

describe("help", () => {
  test("--version prints the version of package.json", async () => {
    expect(await galago(["--version"])).toMatchObject({ status: 0, text: `${manifest.version}\n`, stderr: "" });
  });

  test("--help names every command", async () => {
    const { status, text, stderr } = await galago(["--help"]);
    expect([status, stderr]).toEqual([0, ""]);
    const listed = text.slice(text.indexOf("Commands:")).replace(/\s+/g, " ");
    for (const { name, about } of commands) {
      expect(listed).toContain(` ${name} `);
      expect(listed).toContain(about);
    }
  });

  test.each(commands.map((command) => [command.name, command] as const))(
    "%s --help names every option",
    async (name, command) => {
      const { status, text } = await galago([name, "--help"]);
      expect(status).toBe(0);
      for (const { flags } of command.options) expect(text).toContain(flags);
      expect(text).toContain("--debug");
    },
  );

  test("no command shows the help on stderr and is wrong usage", async () => {
    const { status, text, stderr } = await galago([]);
    expect([status, text]).toEqual([2, ""]);
    expect(stderr).toContain("Usage: galago");
  });
});

describe("wrong usage", () => {
  test.each([
    [["plam"], /unknown command 'plam' \(Did you mean plan\?\); see galago --help/],
    [["plan"], /missing required argument 'image'; see galago plan --help/],
    [["plan", "--jsn", "1x1"], /unknown option '--jsn'/],
    [["plan", "1x1", "2x2"], /too many arguments/],
    [["plan", "1x1", "--tiles"], /argument missing/],
    [["plan", "1x1", "--tiles", "mosaic"], /--tiles: no tiling "mosaic"; there are msac/],
    [["plan", "1x1", "--scm", "2"], /--scm: "2" is no ratio/],
    [["plan", "0x1"], /"0x1" has no pixels/],
    [["resize", "a.png"], /required option '--to <WxH>' not specified/],
    [["resize", "a.png", "--to", "12"], /--to: "12" is no size/],
    [["resize", "a.png", "--to", "100000x100000"], /10,000,000,000 pixels, the limit is 100,000,000/],
  ])("%j ends with status 2 and one line", async (words, message) => {
    const { status, text, stderr } = await galago(words);
    expect([status, text]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^galago: [^\n]+\n$/);
  });
});

describe("a command", () => {
  const command = (run: Command["run"]): Command => ({ name: "try", about: "", args: [], options: [], run });

  test.each([
    ["returns nothing", async () => undefined, 0],
    ["returns a status", async () => 1, 1],
  ])("that %s ends with it", async (_, run, status) => {
    expect(await galago(["try"], { list: [command(run)] })).toEqual({
      status,
      stdout: Buffer.alloc(0),
      text: "",
      stderr: "",
    });
  });

  test.each([
    ["saves and returns", async () => undefined],
    ["throws", async () => Promise.reject(new Error("aborted"))],
  ])("that %s after Ctrl-C ends with 130 and says nothing", async (_, end) => {
    const list = [
      command((_words, _options, terminal) => {
        expect(terminal.interrupted().aborted).toBe(true);
        return end();
      }),
    ];
    expect(await galago(["try"], { list, signal: AbortSignal.abort() })).toMatchObject({ status: 130, stderr: "" });
  });
});

describe("failure", () => {
  const system = (code: string, path?: string) => Object.assign(new Error(`${code}: bad`), { code, path });

  test.each([
    [new FormatError("a.png: cut\n  short"), 1, "a.png: cut short"],
    [new EngineError("out of memory"), 1, "out of memory"],
    [system("ENOENT", "a.png"), 1, '"a.png": no such file or folder'],
    [system("ENOSPC", "w.bin"), 1, '"w.bin": no space left on the disk; free some, nothing was left under this name'],
    [system("EMFILE"), 1, "too many files are open"],
    [new TypeError("x is undefined"), 1, "x is undefined; this was not foreseen, run it again with --debug"],
    ["plain words", 1, "plain words"],
    [system("EPIPE"), 0, undefined],
  ])("%s", (error, status, line) => expect(failure(error, false)).toEqual({ status, line }));

  test("whatever is thrown after Ctrl-C ends with 130 and says nothing", () => {
    expect(failure(new Error("aborted"), true)).toEqual({ status: 130 });
  });

  test("a stack is shown with --debug and only then", async () => {
    const words = ["plan", "missing.png"];
    expect((await galago(words)).stderr).toBe('galago: "missing.png": no such file or folder\n');
    expect((await galago([...words, "--debug"])).stderr).toMatch(/ENOENT.*\n\s+at /);
    expect((await galago(["--debug", ...words])).status).toBe(1);
  });
});
