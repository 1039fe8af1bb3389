/** The page in a real browser, before a real server with nano. */
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Started, started } from "../serve/started.ts";
import { absent, browser } from "../support/chromium.ts";

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const receipt = file("examples/receipt.png");

describe.skipIf(absent)(absent ? `the page (${absent})` : "the page", () => {
  let chromium: Browser;
  let server: Started;
  let page: Page;
  /** What the browser complained of. */
  let complaints: string[];

  beforeAll(async () => {
    [chromium, server] = await Promise.all([browser(), started(["--model", "nano", "--threads", "1"])]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([chromium?.close(), server?.stop()]);
  });
  beforeEach(async () => {
    page = await chromium.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(40_000);
    complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    await page.goto(server.address);
  });
  afterEach(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });

  const opened = async (...paths: string[]): Promise<void> => {
    await page.locator("input[type=file]").first().setInputFiles(paths);
    await page.getByRole("img", { name: paths[0].split("/").at(-1)! }).waitFor();
  };
  const ask = async (question: string): Promise<void> => {
    await page.getByRole("textbox", { name: "Question" }).fill(question);
    await page.getByRole("button", { name: "Ask", exact: true }).click();
  };

  /** What of it some cannot use, by axe's rules. */
  const barriers = async (): Promise<unknown> => {
    await page.evaluate(axe.source);
    return page.evaluate(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ target }) => target.join())]))",
    );
  };

  for (const colorScheme of ["light", "dark"] as const)
    test(`axe finds nothing against the page in ${colorScheme} mode, before a document and after an answer`, async () => {
      await page.emulateMedia({ colorScheme });
      expect(await barriers()).toEqual([]);
      await page.getByRole("button", { name: "Read all the text." }).click();
      await page.locator(".made").waitFor();
      expect(await barriers()).toEqual([]);
    });

  test("answers a question about an opened image as the command line does, and draws its six tiles on it", async () => {
    await opened(receipt);
    await ask("What is the total?");
    await page.getByText("295.20").first().waitFor();
    expect(
      await page
        .getByRole("img", { name: /^Seen in 2 by 3 tiles/ })
        .locator("rect.detailed")
        .count(),
    ).toBe(6);
    expect(await page.getByRole("status").textContent()).toBe("295.20");
    expect(await page.locator(".time li").allTextContents()).toHaveLength(5);
  });

  test("a shorter slider asks again with half of the tokens, and shows which are gone", async () => {
    await opened(receipt);
    await ask("What is the total?");
    await page.locator(".made").waitFor();
    await page.getByRole("slider").fill("50");
    await page.getByText("192 of 384 visual tokens").waitFor();
    await page.getByRole("img", { name: /; 192 tokens dropped$/ }).waitFor();
    // Both answers stay to be compared; the first is shown again without asking.
    await page.getByRole("button", { name: /^100%/ }).click();
    await page.getByText("all 384 visual tokens").waitFor();
    expect(await page.getByRole("slider").inputValue()).toBe("100");
  });
});
