/** Fields that no model reads: the many of published configurations load, any that nobody knows is refused by name. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { knownConfig, modelOf, readJson } from "../../src/run/models.ts";
import { parseTrainConfig } from "../../src/train/config.ts";
import { tinyConfig } from "../support/tiny-model.ts";

type Fields = Record<string, unknown>;
const published = (name: string): Record<string, Fields> => readJson(knownConfig(name)) as Record<string, Fields>;
const names = readdirSync(fileURLToPath(new URL("../../configs/models", import.meta.url)));

test.each(names.map((file) => file.replace(/\.json$/, "")))("the published config.json of %s loads", (name) => {
  expect(modelOf(published(name), name).tokensPerTile).toBeGreaterThan(0);
});

/** What transformers 4.37 wrote into every part of InternVL2's. */
const dumped = {
  _name_or_path: "internlm/internlm2-chat-1_8b",
  add_cross_attention: false,
  architectures: ["InternLM2ForCausalLM"],
  attn_implementation: "flash_attention_2",
  auto_map: { AutoConfig: "configuration_internlm2.InternLM2Config" },
  bad_words_ids: null,
  begin_suppress_tokens: null,
  chunk_size_feed_forward: 0,
  cross_attention_hidden_size: null,
  decoder_start_token_id: null,
  diversity_penalty: 0,
  do_sample: false,
  early_stopping: false,
  encoder_no_repeat_ngram_size: 0,
  exponential_decay_length_penalty: null,
  finetuning_task: null,
  forced_bos_token_id: null,
  forced_eos_token_id: null,
  id2label: { 0: "LABEL_0", 1: "LABEL_1" },
  initializer_range: 0.02,
  is_decoder: false,
  is_encoder_decoder: false,
  label2id: { LABEL_0: 0, LABEL_1: 1 },
  length_penalty: 1,
  max_length: 20,
  min_length: 0,
  no_repeat_ngram_size: 0,
  num_beam_groups: 1,
  num_beams: 1,
  num_return_sequences: 1,
  output_attentions: false,
  output_hidden_states: false,
  output_scores: false,
  prefix: null,
  problem_type: null,
  pruned_heads: {},
  remove_invalid_values: false,
  repetition_penalty: 1,
  return_dict: true,
  return_dict_in_generate: false,
  sep_token_id: null,
  suppress_tokens: null,
  task_specific_params: null,
  temperature: 1,
  tf_legacy_loss: false,
  tie_encoder_decoder: false,
  tokenizer_class: null,
  top_k: 50,
  top_p: 1,
  torch_dtype: "bfloat16",
  torchscript: false,
  transformers_version: "4.37.2",
  typical_p: 1,
  use_bfloat16: true,
  use_cache: true,
};
const experts = {
  capacity_factor: 1.2,
  eval_capacity_factor: 1.4,
  laux_allreduce: "all_nodes",
  moe_coeff_ratio: 0.5,
  moe_intermediate_size: 768,
  moe_output_scale: 4,
  noisy_gate_policy: "RSample_before",
  num_experts: 8,
  num_routed_experts: 4,
  num_shared_experts: 4,
  shared_expert_intermediate_size: 3072,
  use_moe: false,
  use_residual: true,
  use_rts: false,
  use_weighted_residual: false,
};

/** A published config.json with more fields in its parts; "" is the whole. */
function grown(name: string, more: Record<string, Fields>): Fields {
  const { "": top = {}, ...parts } = more;
  const json = published(name);
  return {
    ...json,
    ...top,
    ...Object.fromEntries(Object.entries(parts).map(([part, fields]) => [part, { ...json[part], ...fields }])),
  };
}

test.each<[string, string, Record<string, Fields>]>([
  [
    "InternVL2-8B",
    "internvl2-8b",
    {
      "": { _commit_hash: null, use_backbone_lora: 0, use_llm_lora: 0, transformers_version: null },
      vision_config: { attention_dropout: 0, dropout: 0, return_dict: true, use_flash_attn: true },
      llm_config: { ...dumped, pretraining_tp: 1 },
    },
  ],
  [
    "InternVL3-1B",
    "internvl3-1b",
    {
      "": { image_fold: null, output_attentions: false, tie_word_embeddings: false },
      vision_config: { _name_or_path: "OpenGVLab/InternViT-6B-448px-V1-5", ...experts },
      llm_config: { max_window_layers: 70, moe_config: null, sliding_window: null, layer_types: ["full_attention"] },
    },
  ],
  ["InternVL2-4B", "internvl2-4b", { llm_config: { ...dumped, attention_bias: false, embd_pdrop: 0, resid_pdrop: 0 } }],
  [
    "LLaVA-1.5, as transformers writes it today",
    "llava-1.5-7b",
    {
      "": { ignore_index: -100, image_seq_length: 576, multimodal_projector_bias: true, vocab_size: 32064 },
      vision_config: { vocab_size: 32000, initializer_factor: 1, num_channels: 3, dropout: 0 },
      text_config: { _name_or_path: "lmsys/vicuna-7b-v1.5", attention_bias: false, mlp_bias: false, head_dim: 128 },
    },
  ],
  [
    "MiniGPT-4 with the config.json of Vicuna-7B",
    "minigpt4-7b",
    { llm: { pad_token_id: 0, pretraining_tp: 1, max_sequence_length: 2048, transformers_version: "4.28.0" } },
  ],
])("the fields of %s that change nothing are passed over", (_, name, more) => {
  const [plain, full] = [published(name), grown(name, more)].map((json) => modelOf(json, name));
  expect(JSON.stringify(full)).toBe(JSON.stringify(plain));
});

describe("a field that may change what is computed is refused with its place, what it holds and what to do:", () => {
  const cure =
    ", in a field that is not known here and may change what the model computes; correct its name, or take it";
  test.each<[string, string, Record<string, Fields>, string]>([
    ["of the whole", "mini-monkey", { "": { max_new_token: 3 } }, `max_new_token: found 3${cure}`],
    [
      "of weights in another form",
      "internvl2-8b",
      { "": { quantization_config: { bits: 4 } } },
      `quantization_config: found {"bits":4}${cure}`,
    ],
    ["of the tower", "mini-monkey", { vision_config: { registers: 4 } }, `vision_config.registers: found 4${cure}`],
    [
      "of a language model",
      "internvl3-1b",
      { llm_config: { rope_parameters: { rope_theta: 5 } } },
      `llm_config.rope_parameters: found {"rope_theta":5}${cure}`,
    ],
    [
      "of another family",
      "internvl2-2b",
      { llm_config: { sliding_window: 64 } },
      `llm_config.sliding_window: found 64${cure}`,
    ],
    [
      "within a field",
      "internvl2-2b",
      { llm_config: { rope_scaling: { type: "dynamic", factor: 2, temperature: 0.1 } } },
      `llm_config.rope_scaling.temperature: found 0.1${cure}`,
    ],
    ["of the Q-Former", "minigpt4-7b", { qformer: { gated: true } }, `qformer.gated: found true${cure}`],
    ["of TinyGPT-V", "tinygpt-v", { llm: { qk_layernorm: true } }, `llm.qk_layernorm: found true${cure}`],
    [
      "known, with another value",
      "internvl2-1b",
      { llm_config: { attention_bias: true } },
      "llm_config.attention_bias",
    ],
  ])("%s", (_, name, more, message) => {
    const read = () => modelOf(grown(name, more), "x/config.json");
    expect(read).toThrow(FormatError);
    expect(read).toThrow(`x/config.json: ${message}`);
  });

  test("of the model that is to be trained", () => {
    const model = { ...tinyConfig(), scm_ration: 0.5 };
    const phases = [
      {
        name: "a",
        steps: 1,
        lr: [1, 1],
        shapes: [{ rows: 1, tokens: 9, tiles: 1 }],
        mixture: [{ kind: "line", weight: 1, tiles: "single" }],
      },
    ];
    expect(() => parseTrainConfig({ out: "x", model, phases }, "nano.yaml")).toThrow(
      "nano.yaml: model.scm_ration: found 0.5",
    );
  });
});
