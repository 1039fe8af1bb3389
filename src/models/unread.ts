/** Fields of published configurations that no model here reads because they change nothing that it computes; any other is refused, not passed over. */
import { FormatError } from "../errors.ts";

const words = (...lines: string[]): string[] => lines.flatMap((line) => line.split(" "));

/** What transformers writes into the configuration of any model (PretrainedConfig of 4.37 to 5.0, and the fields most classes share). */
const everywhere = words(
  // Where it comes from, and what code and types it was saved with.
  "_commit_hash _name_or_path architectures auto_map transformers_version dtype torch_dtype use_bfloat16",
  // How torch and TensorFlow would run it.
  "_attn_implementation_autoset attn_implementation chunk_size_feed_forward output_attentions output_hidden_states",
  "return_dict tf_legacy_loss torchscript use_cache use_flash_attn",
  // Training.
  "attention_dropout dropout embd_pdrop gradient_checkpointing initializer_range resid_pdrop",
  // Ids of tokens and names of classes: the tokenizer and the template say what matters of them.
  "bos_token_id decoder_start_token_id eos_token_id finetuning_task id2label label2id pad_token_id prefix problem_type",
  "sep_token_id task_specific_params tokenizer_class",
  // How words would be chosen: whoever asks says that.
  "bad_words_ids begin_suppress_tokens diversity_penalty do_sample early_stopping encoder_no_repeat_ngram_size",
  "exponential_decay_length_penalty forced_bos_token_id forced_eos_token_id length_penalty max_length min_length",
  "no_repeat_ngram_size num_beam_groups num_beams num_return_sequences output_scores remove_invalid_values",
  "repetition_penalty return_dict_in_generate suppress_tokens temperature top_k top_p typical_p",
  // Of encoders with decoders, which none of these is.
  "add_cross_attention cross_attention_hidden_size is_decoder is_encoder_decoder pruned_heads tie_encoder_decoder",
);

/** The same of each family, by `model_type`, or by the field under which a part without one stands. Sizes are here where the weights have them too. */
const families: Readonly<Record<string, readonly string[]>> = {
  // How the authors cut images, which --tiles chooses; and what their code works out as it runs.
  internvl_chat: words(
    "dynamic_image_size max_dynamic_patch min_dynamic_patch use_thumbnail",
    "img_context_token_id num_image_token target_aspect_ratio",
  ),
  // The rest is of experts, which `use_moe` says there are none of.
  intern_vit_6b: words(
    "capacity_factor eval_capacity_factor laux_allreduce moe_coeff_ratio moe_intermediate_size moe_output_scale",
    "noisy_gate_policy num_experts num_routed_experts num_shared_experts shared_expert_intermediate_size use_residual",
    "use_rts use_weighted_residual",
  ),
  // In how many parts products are added up.
  internlm2: ["pretraining_tp"],
  llama: words("head_dim max_sequence_length pretraining_tp"),
  // Of the sliding window, which `use_sliding_window` says there is none of.
  qwen2: words("max_window_layers sliding_window"),
  phi3: [],
  phi: [],
  // Of CLIP's text side, and of its projection to what both sides share.
  clip_vision_model: words("initializer_factor projection_dim vocab_size"),
  llava: words("ignore_index image_seq_length image_token_index vocab_size"),
  minigpt4: [],
  // Of the authors' training.
  tinygpt_v: words("bos_id end_sym max_txt_len pad_id prompt_template"),
  eva_clip_g: ["mlp_ratio"],
  // Of BERT's text side.
  qformer: words("attention_probs_dropout_prob hidden_dropout_prob max_position_embeddings vocab_size"),
};

/** What parts are that say no `model_type`. */
const unnamed: Readonly<Record<string, string>> = {
  vision_config: "intern_vit_6b",
  llm_config: "internlm2",
  vit: "eva_clip_g",
};

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Holds a configuration against what a schema read of it. Throws FormatError for a field that was not read and is not known to change nothing; `file` is
 *  where it stands, `path` the fields around it. */
export function checkUnread(config: unknown, read: unknown, file: string, path: readonly string[] = []): void {
  if (!isFields(config) || !isFields(read)) return;
  const { model_type } = config;
  const key = path.at(-1) ?? "";
  const own = families[typeof model_type === "string" ? model_type : (unnamed[key] ?? key)];
  for (const [field, value] of Object.entries(config)) {
    const here = [...path, field];
    if (Object.hasOwn(read, field)) checkUnread(value, read[field], file, here);
    else if (!own || !(everywhere.includes(field) || own.includes(field)))
      throw new FormatError(
        `${file}: ${here.join(".")}: found ${JSON.stringify(value).slice(0, 80)}, in a field that is not known here and may change what the model computes; correct its name, or take it out if it changes nothing`,
      );
  }
}
