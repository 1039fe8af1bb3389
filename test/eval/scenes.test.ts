/** The suite of scenes, with models that know the truth, nothing, or half of it. */
import { expect, test } from "vitest";
import { evalScenes, type SceneScore, sceneQuestions, sceneRows, scored } from "../../src/eval/scenes.ts";
import type { Model } from "../../src/run/model.ts";

/** A model that says what `answer` makes of the question. */
const mock = (answer: (question: string) => string): Model => ({
  // biome-ignore lint/correctness/useYield: nothing comes in pieces here
  async *answer({ messages }) {
    return { answer: answer(messages[0].content) } as never;
  },
  close: async () => {},
});

test.each(sceneRows)("the truth scores 1 and silence 0 in the row of %s", async (name) => {
  // Answers come in the order of the questions: many scenes are asked the same.
  const answers = [...sceneQuestions(name, 3)].map(({ asked }) => asked.answer);
  const knows = mock(() => answers.shift() ?? "");
  const [row] = await evalScenes(knows, { count: 3, tasks: [name] });
  expect(row).toMatchObject({ task: name, value: 1, questions: 3 });
  const [silent] = await evalScenes(
    mock(() => ""),
    { count: 3, tasks: [name] },
  );
  expect(silent.value).toBe(0);
});

test("the same questions are asked every time, and none of one row is about a scene of another", () => {
  expect([...sceneQuestions("relation", 4)]).toEqual([...sceneQuestions("relation", 4)]);
  const seeds = sceneRows.flatMap((name) => [...sceneQuestions(name, 3)].map(({ shown }) => shown.seed));
  expect(new Set(seeds).size).toBe(seeds.length);
});

const size = { width: 200, height: 100 };
test.each<[SceneScore, string, string, number]>([
  ["exact", " Red\n", "red", 1],
  ["exact", "dark red", "red", 0],
  ["phrases", "a red star and a blue cup", "a blue cup and a red star", 1],
  ["phrases", "a red star", "a blue cup, a red star and two green cars", 1 / 3],
  ["phrases", "a red star, a red star and a red star", "a red star", 1 / 3],
  ["phrases", "There is a red star. The background is white.", "There is a red star. The background is black.", 1 / 2],
  ["boxes", "{<10><10><50><50>}", "{<10><10><50><50>}", 1],
  ["boxes", "{<10><10><50><50>}", "{<10><10><50><75>}", 1],
  ["boxes", "{<10><10><50><50>}", "{<10><10><50><95>}", 0],
  ["boxes", "<p>a cup</p> {<10><10><50><50>}", "<p>a star</p> {<10><10><50><50>}", 0],
  ["boxes", "<p>a cup</p> {<10><10><50><50>}<delim>{<60><60><70><70>}", "<p>a cup</p> {<60><60><70><70>}", 1 / 2],
  ["boxes", "nothing", "<p>a cup</p> {<60><60><70><70>}", 0],
])("by %s, %s for %s scores %f", (score, answer, truth, value) => {
  expect(scored(score, answer, truth, size)).toBeCloseTo(value, 12);
});
