/** The published models that Galago knows by name: where their files lie, their licence and their size. The only such list. */
import type { Remote, Repository } from "../weights/hub.ts";

/** A published model. Facts are those of the pages of its repositories on the hub. */
export interface Published {
  /** For `galago pull` and `--model`. */
  readonly name: string;
  /** Repositories of the hub, and files that lie elsewhere. */
  readonly origins: readonly (Repository | Remote)[];
  /** Of the weights, as the hub has it. */
  readonly licence: string;
  /** Numbers in the weights, adapters merged: the sum of the published shapes. */
  readonly parameters: number;
  /** Bytes to download, to three digits. */
  readonly download: number;
}

/** A file of BLIP-2's bucket; the SHA-256 is the one under which copies of it lie on the hub. */
const bucket = (path: string, bytes: number, hex: string): Remote => ({
  path,
  url: `https://storage.googleapis.com/sfr-vision-language-research/LAVIS/models/BLIP2/${path}`,
  bytes,
  sum: { kind: "sha256", hex },
});

/** Its tower; and its Q-Former with the queries and the norm in front. */
const blip2: readonly Remote[] = [
  bucket("eva_vit_g.pth", 2_025_249_237, "99d2bb36c6b52c94fe6e2e12373afb27de57ae81378c3d8c53bf0e83b0f4275f"),
  bucket(
    "blip2_pretrained_flant5xxl.pth",
    433_481_467,
    "4b3839ea6c617f315ead9bf4036bbb0f0cf6bf62695ecfc14968ea626af03a29",
  ),
];

/** A model whose files make up one repository. */
const one = (name: string, repo: string, licence: string, parameters: number, download: number): Published => ({
  name,
  origins: [{ repo }],
  licence,
  parameters,
  download,
});

/** All of them, in the order of `galago models`. */
export const catalogue: readonly Published[] = [
  one("mini-monkey", "mx262/MiniMonkey", "mit", 2_205_754_368, 4.41e9),
  one("internvl2-1b", "OpenGVLab/InternVL2-1B", "mit", 938_158_976, 1.88e9),
  one("internvl2-2b", "OpenGVLab/InternVL2-2B", "mit", 2_205_754_368, 4.41e9),
  one("internvl2-4b", "OpenGVLab/InternVL2-4B", "mit", 4_146_855_936, 8.3e9),
  one("internvl2-8b", "OpenGVLab/InternVL2-8B", "mit", 8_075_365_376, 16.2e9),
  one("internvl2.5-1b", "OpenGVLab/InternVL2_5-1B", "mit", 938_193_024, 1.88e9),
  one("internvl2.5-2b", "OpenGVLab/InternVL2_5-2B", "mit", 2_205_754_368, 4.41e9),
  one("internvl3-1b", "OpenGVLab/InternVL3-1B", "apache-2.0", 938_193_024, 1.89e9),
  one("internvl3-2b", "OpenGVLab/InternVL3-2B", "apache-2.0", 2_088_957_440, 4.19e9),
  {
    name: "tinygpt-v",
    origins: [
      { repo: "Tyrannosaurus/TinyGPT-V", files: ["TinyGPT-V_for_Stage4.pth"] },
      // Phi-2 with query_key_value in one: the hub's other copies have it in three by now.
      { repo: "spaces/llizhx/TinyGPT-V", folder: "phi-2" },
      ...blip2,
    ],
    licence: "bsd-3-clause, phi-2 mit",
    parameters: 3_884_473_728,
    download: 8.56e9,
  },
  {
    name: "minigpt4-7b",
    origins: [
      // A copy of the authors' file, which lies on a drive that is no hub.
      { repo: "wangrongsheng/MiniGPT4-7B", files: ["prerained_minigpt4_7b.pth"] },
      { repo: "Vision-CAIR/vicuna-7b", into: "vicuna-7b" },
      ...blip2,
    ],
    licence: "bsd-3-clause, vicuna llama",
    parameters: 7_832_633_216,
    download: 16.0e9,
  },
  one("llava-1.5-7b", "llava-hf/llava-1.5-7b-hf", "llama2", 7_063_427_072, 14.1e9),
];
