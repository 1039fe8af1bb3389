import { describe, expect, it } from "vitest";
import { compose, identity, inverse, mapped, tilt, turn, warped } from "../../src/data/warp.ts";

describe("plane maps", () => {
  const map = compose(tilt(0.1, -0.15, 200, 100), turn(0.05, 0.97, 100, 50));

  it("come back through their inverse", () => {
    for (const [x, y] of [
      [0, 0],
      [200, 0],
      [17, 93],
      [200, 100],
    ] as const) {
      const [u, v] = mapped(inverse(map), ...mapped(map, x, y));
      expect(u).toBeCloseTo(x, 9);
      expect(v).toBeCloseTo(y, 9);
    }
  });

  it("keep the corners of a tilted sheet inside it", () => {
    for (const [p, q] of [
      [0.2, 0.2],
      [-0.2, 0.1],
      [0, -0.2],
      [0.15, -0.2],
    ] as const) {
      for (const [x, y] of [
        [0, 0],
        [200, 0],
        [0, 100],
        [200, 100],
      ] as const) {
        const [u, v] = mapped(tilt(p, q, 200, 100), x, y);
        expect(u).toBeGreaterThanOrEqual(-1e-9);
        expect(u).toBeLessThanOrEqual(200 + 1e-9);
        expect(v).toBeGreaterThanOrEqual(-1e-9);
        expect(v).toBeLessThanOrEqual(100 + 1e-9);
      }
    }
  });

  it("carry pixels where they carry points", () => {
    const [width, height] = [60, 40];
    const shift = [1, 0, 7, 0, 1, -5, 0, 0, 1] as const;
    const rgba = new Uint8Array(width * height * 4).fill(255);
    rgba.set([10, 20, 30], (20 * width + 30) * 4);
    const out = warped(rgba, width, height, shift, [1, 2, 3]);
    expect([...out.subarray((15 * width + 37) * 3, (15 * width + 37) * 3 + 3)]).toEqual([10, 20, 30]);
    expect([...out.subarray(0, 3)]).toEqual([1, 2, 3]);
    expect(mapped(identity, 3, 4)).toEqual([3, 4]);
  });
});
