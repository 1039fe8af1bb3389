/** Plane maps: how a sheet lies before the camera, for points and for pixels. */

/** A map of the plane as a 3×3 matrix by rows: (x, y) → ((ax + by + c) / d, (ex + fy + g) / d), d = hx + iy + j. */
export type PlaneMap = readonly [number, number, number, number, number, number, number, number, number];

export const identity: PlaneMap = [1, 0, 0, 0, 1, 0, 0, 0, 1];

/** First `b`, then `a`. */
export function compose(a: PlaneMap, b: PlaneMap): PlaneMap {
  const at = (row: number, column: number) =>
    a[row * 3] * b[column] + a[row * 3 + 1] * b[column + 3] + a[row * 3 + 2] * b[column + 6];
  return [at(0, 0), at(0, 1), at(0, 2), at(1, 0), at(1, 1), at(1, 2), at(2, 0), at(2, 1), at(2, 2)];
}

/** The map back (the adjugate: a factor does not matter). */
export function inverse([a, b, c, d, e, f, g, h, i]: PlaneMap): PlaneMap {
  return [
    e * i - f * h,
    c * h - b * i,
    b * f - c * e,
    f * g - d * i,
    a * i - c * g,
    c * d - a * f,
    d * h - e * g,
    b * g - a * h,
    a * e - b * d,
  ];
}

/** Where a point goes. */
export function mapped(m: PlaneMap, x: number, y: number): [number, number] {
  const w = m[6] * x + m[7] * y + m[8];
  return [(m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w];
}

/** Turns by `angle` (radians, clockwise on the screen) and scales, about a point. */
export function turn(angle: number, scale: number, x: number, y: number): PlaneMap {
  const c = Math.cos(angle) * scale;
  const s = Math.sin(angle) * scale;
  return [c, -s, x - c * x + s * y, s, c, y - s * x - c * y, 0, 0, 1];
}

/** Tilts a width×height sheet away from the camera: `p` and `q` are how much farther its right and lower edges are. */
export function tilt(p: number, q: number, width: number, height: number): PlaneMap {
  const [x, y] = [width / 2, height / 2];
  // The nearest corner is kept inside: everything is scaled by its distance.
  const scale = 1 - (Math.abs(p) + Math.abs(q)) / 2;
  const about: PlaneMap = [scale, 0, 0, 0, scale, 0, p / width, q / height, 1];
  return compose([1, 0, x, 0, 1, y, 0, 0, 1], compose(about, [1, 0, -x, 0, 1, -y, 0, 0, 1]));
}

/** Pixels of an RGBA image seen through a map, as RGB; `outside` fills what the image does not reach. Bilinear. */
export function warped(
  rgba: Uint8Array,
  width: number,
  height: number,
  map: PlaneMap,
  outside: readonly [number, number, number],
): Uint8Array {
  const [a, b, c, d, e, f, g, h, i] = inverse(map);
  const out = new Uint8Array(width * height * 3);
  for (let y = 0, o = 0; y < height; y++) {
    // Pixel centres lie at halves on both sides.
    let nx = a * 0.5 + b * (y + 0.5) + c;
    let ny = d * 0.5 + e * (y + 0.5) + f;
    let nw = g * 0.5 + h * (y + 0.5) + i;
    for (let x = 0; x < width; x++, o += 3, nx += a, ny += d, nw += g) {
      const u = nx / nw - 0.5;
      const v = ny / nw - 0.5;
      const left = Math.floor(u);
      const top = Math.floor(v);
      if (left < 0 || top < 0 || left >= width - 1 || top >= height - 1) {
        out[o] = outside[0];
        out[o + 1] = outside[1];
        out[o + 2] = outside[2];
        continue;
      }
      const fx = ((u - left) * 256) | 0;
      const fy = ((v - top) * 256) | 0;
      const w11 = (fx * fy) >> 8;
      const w10 = fy - w11;
      const w01 = fx - w11;
      const w00 = 256 - fx - fy + w11;
      const s = (top * width + left) * 4;
      const t = s + width * 4;
      out[o] = (rgba[s] * w00 + rgba[s + 4] * w01 + rgba[t] * w10 + rgba[t + 4] * w11) >> 8;
      out[o + 1] = (rgba[s + 1] * w00 + rgba[s + 5] * w01 + rgba[t + 1] * w10 + rgba[t + 5] * w11) >> 8;
      out[o + 2] = (rgba[s + 2] * w00 + rgba[s + 6] * w01 + rgba[t + 2] * w10 + rgba[t + 6] * w11) >> 8;
    }
  }
  return out;
}
