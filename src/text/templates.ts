/** How families of models write conversations down, one row a family. */
import { RequestError } from "../errors.ts";
import { internVlTasks, type TaskForms, tinyGptTasks } from "./tasks.ts";

/** Who speaks. */
export type Role = "system" | "user" | "assistant";

/** One family. A conversation is each turn between its opening and its close, then the cue of the answer. */
export interface Template {
  /** System message when nobody gives one; "" for none. */
  readonly system: string;
  readonly open: Readonly<Record<Role, string>>;
  readonly close: Readonly<Record<Role, string>>;
  /** What stands in place of a system message where there is none. Default: nothing. */
  readonly bare?: string;
  /** What the answer that is asked for is written behind. Default: `open.assistant`. */
  readonly cue?: string;
  /** The token in front of everything, where the family has one. */
  readonly bos?: string;
  /** Tokens that end an answer. */
  readonly stop: readonly string[];
  readonly image: ImagePlace;
  /** Where an answer ends and begins in what was written, for families whose marks are plain text. */
  readonly reply?: Reply;
  /** The tasks that the family was trained for beside plain questions. */
  readonly tasks?: TaskForms;
}

/** An image is `begin`, its tokens, `end`, and `gap` before the words that follow it. */
interface ImagePlace {
  readonly begin: string;
  /** The vocabulary's token that is written once for each feature; or, where `spliced`, only the mark that is cut out of the text: what is
   *  between the marks is segmented each by itself, and the features stand between. */
  readonly token: string;
  readonly spliced?: true;
  readonly end: string;
  readonly gap: "\n" | " ";
}

/** The answer is what stands before the first `until`, without the `without`s, and behind the last `after`. */
interface Reply {
  readonly until: string;
  readonly without?: string;
  readonly after: string;
}

const each = (text: string): Record<Role, string> => ({ system: text, user: text, assistant: text });
const marked = (mark: (role: Role) => string): Record<Role, string> => ({
  system: mark("system"),
  user: mark("user"),
  assistant: mark("assistant"),
});

const firstGreeting =
  "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, 是一个有用无害的人工智能助手。";

/** InternVL's (`conversation.py`): no newline after `<|im_end|>`, and an answer ends only with it. Hermes-2 is the Qwen2 of InternVL2-1B. */
const hermes2: Template = {
  system: firstGreeting,
  open: marked((role) => `<|im_start|>${role}\n`),
  close: each("<|im_end|>"),
  stop: ["<|im_end|>"],
  image: { begin: "<img>", token: "<IMG_CONTEXT>", end: "</img>", gap: "\n" },
  tasks: internVlTasks,
};

/** InternVL2.5's and InternVL3's. */
const internvl25: Template = {
  ...hermes2,
  system: "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。",
  close: each("<|im_end|>\n"),
};

/** MiniGPT-4's (`conversation.py`), whose marks are words like any other. */
const imgTags: ImagePlace = { begin: "<Img>", token: "<ImageHere>", spliced: true, end: "</Img>", gap: " " };
const humanAssistant: Template = {
  system:
    "Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide it to you. Please answer my questions.",
  open: { system: "", user: "Human: ", assistant: "Assistant: " },
  close: each("###"),
  bare: "###",
  stop: [],
  image: imgTags,
  reply: { until: "###", after: "Assistant:" },
};

/** LLaVA-1.5's (`conversation.py`); what transformers' processor writes for it is the row `llava-hf`. */
const vicuna: Template = {
  system:
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions.",
  open: { system: "", user: "USER: ", assistant: "ASSISTANT: " },
  close: { system: " ", user: " ", assistant: "</s>" },
  cue: "ASSISTANT:",
  bos: "<s>",
  stop: ["</s>"],
  image: { begin: "", token: "<image>", spliced: true, end: "", gap: "\n" },
};

/** Templates by name: InternVL's as config.json has them, ours for the rest. */
const templates: Readonly<Record<string, Template>> = {
  "internlm2-chat": { ...hermes2, bos: "<s>" },
  "Hermes-2": hermes2,
  "phi3-chat": {
    ...hermes2,
    open: marked((role) => `<|${role}|>\n`),
    close: each("<|end|>"),
    bos: "<s>",
    stop: ["<|end|>"],
  },
  internvl2_5: internvl25,
  // InternLM2.5's tokenizer puts its begin in front, Qwen2.5's has none.
  "internvl2_5-internlm2": { ...internvl25, bos: "<s>" },
  "minigpt-4": { ...humanAssistant, bos: "<s>", stop: ["</s>"] },
  vicuna_v1: vicuna,
  "llava-hf": { ...vicuna, system: "", close: each(" ") },
  // TinyGPT-V: demo.py for stages 1 to 3, demo_v2.py for stage 4, and what its benchmarks ask whatever the stage.
  "tinygpt-v": humanAssistant,
  "tinygpt-v-stage4": {
    ...humanAssistant,
    system: "",
    open: { system: "", user: "<s>[INST] ", assistant: " [/INST]" },
    close: each(""),
    bare: "",
    tasks: tinyGptTasks,
  },
  "tinygpt-v-benchmark": {
    ...humanAssistant,
    system: "",
    reply: { until: "</s>", without: "<s>", after: "[/INST]" },
    tasks: tinyGptTasks,
  },
};

/** The template of that name. Throws RequestError that lists the known ones. */
export function chatTemplate(name: string): Template {
  if (Object.hasOwn(templates, name)) return templates[name]!;
  throw new RequestError(`no chat template "${name}"; there are ${Object.keys(templates).join(", ")}`);
}
