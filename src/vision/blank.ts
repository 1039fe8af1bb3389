/** Tiles that hold nothing. */

/** How far the values of a channel may lie apart in a tile that holds nothing: as far as the noise of scans and of JPEG, less than any print. */
const noise = 8;

/** Which tiles hold nothing that could be read, 1 or 0 each. tiles: uint8 [n, size, size, 3]. */
export function blankTiles(tiles: Uint8Array, size: number): Uint8Array {
  return Uint8Array.from(eachTile(tiles, size), (tile) => +within(tile, noise));
}

/** The colour of each tile that is of one colour only, as 0xRRGGBB. tiles: uint8 [n, size, size, 3]. */
export function colours(tiles: Uint8Array, size: number): (number | undefined)[] {
  return Array.from(eachTile(tiles, size), (tile) =>
    within(tile, 0) ? (tile[0] << 16) | (tile[1] << 8) | tile[2] : undefined,
  );
}

function* eachTile(tiles: Uint8Array, size: number): Generator<Uint8Array> {
  const bytes = 3 * size * size;
  for (let from = 0; from < tiles.length; from += bytes) yield tiles.subarray(from, from + bytes);
}

/** Whether in each channel no two values of a tile differ by more than `spread`. */
function within(tile: Uint8Array, spread: number): boolean {
  for (let channel = 0; channel < 3; channel++) {
    let [least, most] = [tile[channel], tile[channel]];
    for (let i = channel; i < tile.length; i += 3) {
      if (tile[i] < least) least = tile[i];
      if (tile[i] > most) most = tile[i];
      if (most - least > spread) return false;
    }
  }
  return true;
}
