/** The page in a real browser, before a real server with nano. */
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Started, started } from "../serve/started.ts";
import { absent, browser } from "../support/chromium.ts";
import { pdf } from "../support/pdf.ts";

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const receipt = file("examples/receipt.png");
/** A PDF that says on each page which one it is. */
const paged = (name: string, pages: number) => {
  const lines = Array.from({ length: pages }, (_, i) => `BT /F1 20 Tf 10 60 Td (page ${i + 1}) Tj ET`);
  return { name, mimeType: "application/pdf", buffer: pdf(lines) };
};

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

  const given = (files: string | ReturnType<typeof paged>): Promise<void> =>
    page.locator("input[type=file]").first().setInputFiles(files);
  const opened = async (files: string | ReturnType<typeof paged>): Promise<void> => {
    await given(files);
    const name = typeof files === "string" ? files.split("/").at(-1)! : `${files.name}, Page 1`;
    await page.getByRole("img", { name }).waitFor();
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

  /** Presses Tab until that has the focus, and sees that it shows it. */
  const tabTo = async (target: Locator): Promise<void> => {
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press("Tab");
      if (!(await target.and(page.locator(":focus")).count())) continue;
      expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).not.toBe("none");
      return;
    }
    throw new Error(`Tab does not lead to ${target}`);
  };

  test("a keyboard alone opens an example, asks, changes the tokens that are kept, and hides the tiles", async () => {
    await tabTo(page.getByRole("button", { name: "What is the total?" }).first());
    await page.keyboard.press("Enter");
    await page.locator(".made").waitFor();
    // The button is gone; Tab goes on from the document.
    expect(await page.locator(":focus").textContent()).toBe("receipt.png");
    const detailed = page.getByRole("checkbox", { name: "Detailed 2 × 3" });
    await tabTo(detailed);
    await page.keyboard.press("Space");
    expect(await page.locator("rect.detailed").count()).toBe(0);
    await tabTo(page.getByRole("slider"));
    for (let presses = 0; presses < 10; presses++) await page.keyboard.press("ArrowLeft");
    await page.getByText("192 of 384 visual tokens").waitFor();
    await tabTo(page.getByRole("textbox", { name: "Question" }));
    await page.keyboard.type("Read all the text.");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Read all the text." }).waitFor();
    await page.getByRole("button", { name: "Ask", exact: true }).waitFor();
  });

  describe("390 pixels wide", () => {
    beforeEach(() => page.setViewportSize({ width: 390, height: 844 }));

    /** What reaches beyond the sides, but for what a strip of its own scrolls. */
    const beyond = (): Promise<unknown> =>
      page.evaluate(`[
        document.documentElement.scrollWidth,
        ...[...document.querySelectorAll("#page *")]
          .filter((element) => {
            const { left, right, width } = element.getBoundingClientRect();
            return width > 0 && (left < 0 || right > innerWidth) && !element.closest(".strip ol, .unseen, .overlay");
          })
          .map(({ outerHTML }) => outerHTML.slice(0, 80)),
      ]`);

    test("nothing reaches beyond the sides, and nobody is kept out", async () => {
      expect(await beyond()).toEqual([390]);
      await opened(paged("strip.pdf", 9));
      await ask("Read all the text.");
      await page.locator(".made").waitFor();
      expect(await beyond()).toEqual([390]);
      expect(await barriers()).toEqual([]);
    });

    test("an answer and an error come into sight above the field for the next question", async () => {
      await opened(receipt);
      await ask("What is the total?");
      await page.locator(".made").waitFor();
      const field = (await page.locator(".composer").boundingBox())!;
      const answer = (await page.locator(".answer").boundingBox())!;
      expect(answer.y).toBeGreaterThan(0);
      expect(answer.y + answer.height).toBeLessThan(field.y);
      await given({ ...paged("broken.pdf", 1), buffer: Buffer.from("no") });
      const alert = (await page.getByRole("alert").boundingBox())!;
      expect(alert.y + alert.height).toBeLessThan(844);
    });
  });

  test("pages with a gap are chosen in the strip, and each shows the tiles in which it was seen", async () => {
    await opened(paged("four.pdf", 4));
    await page.getByRole("button", { name: "All", exact: true }).click();
    await page.getByRole("checkbox", { name: "Ask about Page 2" }).uncheck();
    await page.getByText("3 of 4 asked").waitFor();
    const sent = page.waitForRequest(/completions/);
    await ask("Read all the text.");
    expect((await sent).postDataJSON().galago.pages).toBe("1,3-4");
    await page.locator(".made").waitFor();
    const tiles = page.getByRole("img", { name: /^Seen in/ });
    for (const [number, drawn] of [
      [2, 0],
      [4, 1],
    ]) {
      await page.getByRole("button", { name: `Show Page ${number}` }).click();
      await page.getByRole("img", { name: `four.pdf, Page ${number}` }).waitFor();
      expect(await tiles.count()).toBe(drawn);
    }
  });

  test("Stop ends an answer on the page and on the server, and the next question is answered", async () => {
    const left = async (): Promise<number> =>
      Number(
        /galago_answers_total\{.*status="499".*\} (\d+)/.exec(
          await (await page.request.get(`${server.address}/metrics`)).text(),
        )?.[1] ?? 0,
      );
    const before = await left();
    await opened(paged("long.pdf", 24));
    await page.getByRole("button", { name: "All", exact: true }).click();
    // It comes with the tiles, before they are read.
    const begun = page.waitForResponse(/completions/);
    await ask("Read all the text.");
    expect((await begun).status()).toBe(200);
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("Stopped.").waitFor();
    await expect.poll(left).toBe(before + 1);
    await page.getByRole("button", { name: "Only this" }).click();
    await ask("What is on this page?");
    await page.locator(".made").waitFor();
  });

  test("a question that the server refuses shows its sentence, and a file that is none leaves what lies there", async () => {
    await opened(paged("many.pdf", 101));
    await page.getByRole("button", { name: "All", exact: true }).click();
    await ask("Read all the text.");
    await page
      .getByText(/"many\.pdf": 101 pages in one question, the limit is 100/)
      .first()
      .waitFor();
    expect(complaints.splice(0)).toEqual([expect.stringMatching(/status of 400/)]);
    await given({ ...paged("broken.pdf", 1), buffer: Buffer.from("no") });
    expect(await page.getByRole("alert").textContent()).toMatch(/^"broken\.pdf" cannot be opened as a PDF/);
    await page.getByRole("img", { name: "many.pdf, Page 1" }).waitFor();
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
