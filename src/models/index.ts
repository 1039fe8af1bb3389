/** The whole models that Galago runs, by the `model_type` of their config.json: the only list. */
import type { z } from "zod";
import { llava, llavaConfig } from "./llava.ts";
import { miniMonkey, miniMonkeyConfig } from "./mini-monkey.ts";
import { miniGpt4, miniGpt4Config } from "./minigpt4.ts";
import type { Multimodal } from "./multimodal.ts";
import { tinyGptV, tinyGptVFolder } from "./tinygpt-v.ts";

/** Checks a configuration against a schema; throws where it does not fit. */
export type Read = <T>(schema: z.ZodType<T>) => T;

/** Each makes a model of a configuration that it reads. */
export const wholes: Readonly<Record<string, (read: Read) => Multimodal>> = {
  internvl_chat: (read) => miniMonkey(read(miniMonkeyConfig)),
  llava: (read) => llava(read(llavaConfig)),
  minigpt4: (read) => miniGpt4(read(miniGpt4Config)),
  tinygpt_v: (read) => tinyGptV(read(tinyGptVFolder)),
};
