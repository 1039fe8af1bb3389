/** The whole models that Galago runs, by the `model_type` of their config.json: the only list. */
import type { z } from "zod";
import { miniMonkey, miniMonkeyConfig } from "./mini-monkey.ts";
import type { Multimodal } from "./multimodal.ts";
import { tinyGptV, tinyGptVFolder } from "./tinygpt-v.ts";

/** Checks a configuration against a schema; throws where it does not fit. */
export type Read = <T>(schema: z.ZodType<T>) => T;

/** Each makes a model of a configuration that it reads. */
export const wholes: Readonly<Record<string, (read: Read) => Multimodal>> = {
  internvl_chat: (read) => miniMonkey(read(miniMonkeyConfig)),
  tinygpt_v: (read) => tinyGptV(read(tinyGptVFolder)),
};
