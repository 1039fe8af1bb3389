/** Where models lie on this machine: in the package, and in GALAGO_HOME. */
import { existsSync, lstatSync, readdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A model on this machine. */
export interface Shelved {
  /** For `--model`: the name of its folder; OWNER/NAME of one that was pulled by that. */
  readonly name: string;
  readonly folder: string;
  /** Whether it is part of this package. */
  readonly own: boolean;
}

/** The folder of all that is pulled: GALAGO_HOME, or ~/.galago. */
export const galagoHome = (): string => process.env.GALAGO_HOME || join(homedir(), ".galago");

const ownShelf = fileURLToPath(new URL("../../models", import.meta.url));
const pulledShelf = (): string => join(galagoHome(), "models");
const downloadShelf = (): string => join(galagoHome(), "downloads");

/** Where a pulled model lies. */
export const pulledFolder = (name: string): string => join(pulledShelf(), name);

/** Where a model's files arrive, before they are converted. */
export const downloadFolder = (name: string): string => join(downloadShelf(), name);

/** Taken by who pulls a model or removes it (run/lock.ts). The hub has no names with two hyphens. */
export const pullLock = (name: string): string => join(galagoHome(), "locks", name.replace("/", "--"));

/** Where a model of this name may lie, the package's own first. */
export const placesOf = (name: string): string[] => [join(ownShelf, name), pulledFolder(name)];

/** Whether a folder is a model's. */
export const holdsModel = (folder: string): boolean => existsSync(join(folder, "config.json"));

/** The models on this machine, the package's own first. */
export function shelved(): Shelved[] {
  const on = (shelf: string): Shelved[] =>
    named(shelf, holdsModel).map((name) => ({ name, folder: join(shelf, name), own: shelf === ownShelf }));
  return [...on(ownShelf), ...on(pulledShelf())];
}

/** The names of models of which files have arrived that are not converted. */
export const downloads = (): string[] =>
  named(downloadShelf(), (folder) => readdirSync(folder, { withFileTypes: true }).some((entry) => entry.isFile()));

/** Names of folders that fit, directly on a shelf or as OWNER/NAME; those that begin with a dot are work in progress. */
function named(shelf: string, fits: (folder: string) => boolean): string[] {
  return folders(shelf).flatMap((name) =>
    fits(join(shelf, name))
      ? [name]
      : folders(join(shelf, name)).flatMap((inner) => (fits(join(shelf, name, inner)) ? [`${name}/${inner}`] : [])),
  );
}

const folders = (path: string): string[] =>
  existsSync(path)
    ? readdirSync(path)
        .filter((name) => !name.startsWith(".") && statSync(join(path, name), { throwIfNoEntry: false })?.isDirectory())
        .sort()
    : [];

/** Bytes of the files in a folder and below, of links themselves; 0 where there is no such folder. */
export function bytesIn(folder: string): number {
  const paths = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  const files = paths.map((path) => lstatSync(join(folder, path))).filter((entry) => !entry.isDirectory());
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** Removes a folder, and the one around it where that is empty then. */
export function clear(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  const around = dirname(folder);
  if (existsSync(around) && readdirSync(around).length === 0) rmdirSync(around);
}
