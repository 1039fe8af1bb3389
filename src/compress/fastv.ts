/** FastV (Chen 2024, arXiv 2403.06764): after the second layer of the language model, the visual tokens that were looked at least are gone. */
import { type Compression, checkRatio, keeping, largest } from "./compression.ts";

/** K of the paper: layers below see every token. */
export const fastvLayer = 2;

/** Keeps the ⌊H · ratio⌋ tokens of a window of H to which all tokens attend most in the layer before (of equals the first), and all others. Positions stay as they
 *  are. Throws RequestError for a ratio out of range. */
export function fastv({ ratio }: { readonly ratio: number }): Compression {
  checkRatio("fastv", ratio);
  return {
    name: `fastv ${ratio}`,
    asks: "attention",
    layer: fastvLayer,
    async keep(prompt) {
      if (ratio === 1) return keeping(prompt, ratio, (_, size) => Array(size).keys());
      const scores = await prompt.attention(fastvLayer - 1, "all");
      return keeping(prompt, ratio, (window, _, count) => largest(scores[window], count));
    },
  };
}
