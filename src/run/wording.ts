/** What is asked about images, in other words. */
import type { Question } from "./answer.ts";

/** The question with the schema behind it, in which nothing stands for an image. */
export function toldOf(question: Question, schema: object): Question {
  const told = JSON.stringify(schema).replaceAll("<", "\\u003c");
  return withLast(question, (content) => `${content}\nAnswer in JSON of this schema: ${told}`);
}

/** Other words about the same images. */
export const putTo = (question: Question, words: string): Question =>
  withLast(question, (content) => [...(content.match(/<image>/g) ?? []), words].join("\n"));

function withLast({ images, messages }: Question, put: (content: string) => string): Question {
  const last = messages.at(-1)!;
  return { images, messages: [...messages.slice(0, -1), { ...last, content: put(last.content) }] };
}

/** What was asked, without the places of the images. */
export function wordsOf({ images, messages }: Question): string {
  const { content } = messages.at(-1)!;
  return images.length ? content.replaceAll("<image>", "").trim() : content;
}
