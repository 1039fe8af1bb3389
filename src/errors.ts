/** The five ways Galago fails. A message is one sentence: where, what was found, what was expected, what to do. */

/** Sizes or types that do not fit: names the operator, the shapes and the line of model code that called it. */
export class ShapeError extends Error {
  override name = "ShapeError" as const;
}

/** A checkpoint and a model disagree: a key is missing, misshaped, unused or holds values that cannot be. */
export class WeightError extends Error {
  override name = "WeightError" as const;
}

/** Bytes that are not what they claim to be: an image, a checkpoint, a configuration, a page. */
export class FormatError extends Error {
  override name = "FormatError" as const;
}

/** The caller asked for something that cannot be done; `status` is the HTTP status that says so. */
export class RequestError extends Error {
  override name = "RequestError" as const;
  readonly status: number;
  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** The runtime refused or failed; `cause` is its own error. */
export class EngineError extends Error {
  override name = "EngineError" as const;
}
