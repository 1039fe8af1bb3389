/** Fitting confidence: what was drawn from a logistic law is found again, and one-sided answers stay finite. */
import { expect, test } from "vitest";
import { Random } from "../../src/data/random.ts";
import { fitConfidence, type Judged } from "../../src/eval/confidence.ts";
import { calibrationError } from "../../src/eval/metrics.ts";
import { confidenceIn } from "../../src/run/confidence.ts";

/** Answers that are right as often as the law says. */
function drawn(scale: number, bias: number, count: number): Judged[] {
  const random = new Random("confidence", 1);
  return Array.from({ length: count }, () => {
    const logP = -random.real(0, 6);
    return { logP, right: random.chance(confidenceIn({ scale, bias }, logP)) };
  });
}

test.each([
  [1.5, 2],
  [0.4, -0.5],
])("scale %f and bias %f are found from 20,000 answers", (scale, bias) => {
  const found = fitConfidence(drawn(scale, bias, 20_000));
  expect(Math.abs(found.scale - scale)).toBeLessThan(0.06);
  expect(Math.abs(found.bias - bias)).toBeLessThan(0.1);
});

test("what was fitted is calibrated: the error is under 2% where raw probabilities are off by more than 10%", () => {
  const answers = drawn(0.4, -0.5, 20_000);
  const law = fitConfidence(answers);
  const error = (of: (logP: number) => number): number =>
    calibrationError(answers.map(({ logP, right }) => ({ probability: of(logP), right })));
  expect(error((logP) => confidenceIn(law, logP))).toBeLessThan(0.02);
  expect(error(Math.exp)).toBeGreaterThan(0.1);
});

test.each([true, false])("where every answer is %s, the fit is finite and says so", (right) => {
  const { scale, bias } = fitConfidence(Array.from({ length: 30 }, (_, i) => ({ logP: -i / 10, right })));
  expect(Number.isFinite(scale) && Number.isFinite(bias)).toBe(true);
  expect(confidenceIn({ scale, bias }, -1) > 0.5).toBe(right);
});
