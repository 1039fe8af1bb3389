import { describe, expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { internVlTasks, posed, type Task, type TaskOptions, tinyGptTasks } from "../../src/text/tasks.ts";
import { prompt } from "../../src/text/template.ts";
import { chatTemplate } from "../../src/text/templates.ts";

const size = { width: 200, height: 100 };
const asked = (content: string) =>
  [
    { role: "user", content: "before" },
    { role: "user", content },
  ] as const;

describe("a question is put as TinyGPT-V was trained on it", () => {
  test.each<[TaskOptions, string, string]>([
    [{ task: "vqa" }, "is it red?", "[vqa] is it red?"],
    [{ task: "refer" }, "the red cup", "[refer] the red cup"],
    [{ task: "detection" }, "cups", "[detection] cups"],
    [{ task: "grounding" }, "", "[grounding] please describe this image in details"],
    [{ task: "caption" }, "", "[caption] Briefly describe this image."],
    [{ task: "caption" }, "$& in a word", "[caption] $& in a word"],
    [{ task: "identify", box: [20, 10, 100, 100] }, "", "[identify] {<10><10><50><100>}"],
    [{ task: "identify", box: [20, 10, 100, 100] }, "what is it in", "[identify] what is it in {<10><10><50><100>}"],
    [{}, "as it is", "as it is"],
  ])("%j %j", (options, words, expected) => {
    const messages = posed(asked(`<image>\n${words}`), options, tinyGptTasks, size);
    expect(messages.map(({ content }) => content)).toEqual(["before", `<image>\n${expected}`]);
  });
});

test("an image without a question keeps its distance to the task's words", () => {
  const messages = posed([{ role: "user", content: "<image>" }], { task: "caption" }, tinyGptTasks, size);
  expect(prompt(messages, { template: chatTemplate("tinygpt-v-stage4"), imageTokens: [32] })).toBe(
    "<s>[INST] <Img><ImageHere></Img> [caption] Briefly describe this image. [/INST]",
  );
});

test("InternVL is asked to find as it is measured", () => {
  expect(posed(asked("the cup"), { task: "refer" }, internVlTasks).at(-1)!.content).toBe(
    "Please provide the bounding box coordinate of the region this sentence describes: <ref>the cup</ref>",
  );
});

test.each<[string, TaskOptions, string, typeof size | undefined, RegExp]>([
  ["a task of other models", { task: "caption" }, "x", size, /not trained for the task "caption"; there are refer/],
  ["a task that is none", { task: "toString" as Task }, "x", size, /not trained for the task "toString"/],
  ["no words where some are needed", { task: "refer" }, " ", size, /the task "refer" needs words/],
  ["a box for another task", { task: "refer", box: [0, 0, 1, 1] }, "x", size, /only asked about by identify/],
  ["a box without a task", { box: [0, 0, 1, 1] }, "x", size, /only asked about by identify/],
])("%s is a RequestError", (_, options, words, of, message) => {
  const ask = () => posed(asked(words), options, internVlTasks, of);
  expect(ask).toThrow(RequestError);
  expect(ask).toThrow(message);
});

test.each<[string, TaskOptions, typeof size | undefined, RegExp]>([
  ["no box", { task: "identify" }, size, /identify asks about a box in one image/],
  ["no single image", { task: "identify", box: [0, 0, 1, 1] }, undefined, /identify asks about a box in one image/],
  ["a box outside", { task: "identify", box: [0, 0, 1, 101] }, size, /box 0,0,1,101 is none of the 200 x 100 image/],
])("identify with %s is a RequestError", (_, options, of, message) => {
  expect(() => posed(asked("x"), options, tinyGptTasks, of)).toThrow(message);
});
