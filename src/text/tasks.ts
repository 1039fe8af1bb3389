/** What a model was trained to do with an image, by the words that ask for it. */
import { RequestError } from "../errors.ts";
import { type Box, hundredthsOf, type Seen } from "./boxes.ts";
import type { Message } from "./template.ts";

/** Answer in a word, find what words name, name what is in a box, list what is there with boxes, describe with boxes, describe. */
export const tasks = ["vqa", "refer", "identify", "detection", "grounding", "caption"] as const;
export type Task = (typeof tasks)[number];

/** What a model of ours says of a value that a page lacks. */
export const lacking = "Not on this page.";

/** How a task is asked: `{}` stands for the words, and `alone` for those that are asked where nobody gives any. */
interface TaskForm {
  readonly form: string;
  readonly alone?: string;
}

/** The forms of one family of models. */
export type TaskForms = Readonly<Partial<Record<Task, TaskForm>>>;

/** The first form of each of MiniGPT-v2's pools, as TinyGPT-V's stage 4 was trained on them. */
export const tinyGptTasks: TaskForms = {
  vqa: { form: "[vqa] {}" },
  refer: { form: "[refer] {}" },
  identify: { form: "[identify] {}" },
  detection: { form: "[detection] {}" },
  grounding: { form: "[grounding] {}", alone: "please describe this image in details" },
  caption: { form: "[caption] {}", alone: "Briefly describe this image." },
};

/** As InternVL is measured on RefCOCO (`evaluate_grounding.py`). */
export const internVlTasks: TaskForms = {
  refer: { form: "Please provide the bounding box coordinate of the region this sentence describes: <ref>{}</ref>" },
};

/** A task, and the box in an image's pixels that `identify` asks about. */
export interface TaskOptions {
  readonly task?: Task | undefined;
  readonly box?: Box | undefined;
}

/** The messages with the last one's words put as the task asks; `<image>`s in front of them stay. `size` is the image's, undefined where there is not
 *  exactly one. Throws RequestError for a task the model does not know, words or a box that it needs and has not, and a box outside the image. */
export function posed(
  messages: readonly Message[],
  { task, box }: TaskOptions,
  forms: TaskForms,
  seen?: Seen,
): readonly Message[] {
  if (box && task !== "identify") throw new RequestError("a box is only asked about by identify; leave it out");
  if (!task) return messages;
  if (!Object.hasOwn(forms, task)) {
    const names = Object.keys(forms).join(", ") || "none";
    throw new RequestError(`the model was not trained for the task "${task}"; there are ${names}`);
  }
  const { form, alone } = forms[task]!;
  if (task === "identify" && !(box && seen))
    throw new RequestError("identify asks about a box in one image; give one image, and a box in its pixels");
  const last = messages.at(-1);
  if (!last) return messages;
  const [images] = /^(<image>\s*)*/.exec(last.content)!;
  const words = last.content.slice(images.length).trim();
  const asked = [words || alone, box && seen && hundredthsOf(box, seen)].filter(Boolean).join(" ");
  if (!asked) throw new RequestError(`the task "${task}" needs words: what is asked about the image`);
  return [
    ...messages.slice(0, -1),
    { ...last, content: (images && `${images.trimEnd()}\n`) + form.replace("{}", () => asked) },
  ];
}
