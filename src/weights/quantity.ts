/** Large numbers for people, to three digits. */

/** 4.41 GB: decimal units, as the hub and disks count. */
export const bytesText = (bytes: number): string => `${scaled(bytes, ["B", "kB", "MB", "GB", "TB"])}`;

/** 2.21 B: thousands, millions, billions. */
export const countText = (count: number): string => scaled(count, ["", "K", "M", "B", "T"]).trim();

function scaled(value: number, units: readonly string[]): string {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(value, 1)) / 3)));
  const digits = Number((value / 1000 ** power).toPrecision(3));
  return digits === 1000 && power < units.length - 1 ? `1 ${units[power + 1]}` : `${digits} ${units[power]}`;
}
