/** Token compression: which visual tokens of a prompt the language model gets to read. */

/** Visual tokens from … to − 1, counted over all images of the prompt. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What a method may look at before it decides. */
export interface VisualPrompt {
  /** Number of visual tokens. */
  readonly tokens: number;
  /** The detailed layer of each image: the tokens that may go. */
  readonly windows: readonly Span[];
  /** The visual tokens themselves: [tokens, d]. */
  readonly features: Float32Array;
  /** How much each token of a window is looked at: the probability that layer `layer` (from 0) of the language model attends
   *  to it, mean over heads and over every token of the prompt after the window. One array a window. */
  attention(layer: number): Promise<readonly Float32Array[]>;
}

/** A method. `keep` returns the visual tokens that survive, ascending. */
export interface Compression {
  readonly name: string;
  keep(prompt: VisualPrompt): Promise<Int32Array>;
}
