/** From the hub to a model folder: what is missing is downloaded, checked and converted, and appears when it is whole. */
import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RequestError } from "../errors.ts";
import { catalogue, type Published } from "../models/catalogue.ts";
import { bytesHere, download } from "../weights/download.ts";
import { isWeights, type Remote, repositoryFiles } from "../weights/hub.ts";
import { bytesText } from "../weights/quantity.ts";
import type { Hub } from "../weights/request.ts";
import { type Converted, convert } from "./convert.ts";
import { acceptable, correctable, edited, sha256Of } from "./edited.ts";
import { locked } from "./lock.ts";
import { knownConfig, modelOf, readJson, readModel } from "./models.ts";
import { clear, downloadFolder, galagoHome, holdsModel, placesOf, pulledFolder, pullLock } from "./shelves.ts";
import { sizeOf } from "./size.ts";
import type { StoredPrecision } from "./storing.ts";

/** How a model is pulled. */
export interface PullOptions {
  readonly precision: StoredPrecision;
  /** Whether the downloaded files stay. */
  readonly keep?: boolean | undefined;
  /** Whether nothing may be asked of the network. */
  readonly offline?: boolean | undefined;
  readonly hub: Hub;
  /** Bytes here so far, and of all files. */
  readonly onBytes?: (done: number, total: number) => void;
  /** A file is whole. */
  readonly onFile?: (file: PulledFile) => void;
  /** Numbers converted so far, and of all. */
  readonly onConvert?: (done: number, total: number) => void;
}

/** A downloaded file; `path`: below the folder of downloads. */
interface PulledFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Whether it is no more as it came, but as it was corrected here. */
  readonly edited?: true;
}

/** What was pulled; `made` is undefined where the model had been there. */
export interface Pulled {
  readonly name: string;
  readonly folder: string;
  readonly files: readonly PulledFile[];
  readonly made: Converted | undefined;
}

/** Pulls a model by its name in the catalogue, or any repository of the hub by OWNER/NAME. A stopped run is continued by the next. Throws RequestError,
 *  FormatError and WeightError as download and convert do; RequestError (507) where the disk is too small, (409) while another process pulls it. */
export async function pull(model: string, options: PullOptions): Promise<Pulled> {
  const { name, origins } = wanted(model);
  const there = placesOf(name).find(holdsModel);
  if (there) return { name, folder: there, files: [], made: undefined };
  if (options.offline)
    throw new RequestError(`${name} is not on this machine; pull it without --offline and HF_HUB_OFFLINE`, 404);
  const [source, folder] = [downloadFolder(name), pulledFolder(name)];
  if (existsSync(folder)) throw new RequestError(`${folder} is in the way: it is no model; move it away`, 409);
  return locked(pullLock(name), `${name} is being pulled`, async () => {
    // It may have come while this process was on its way here.
    if (holdsModel(folder)) return { name, folder, files: [], made: undefined };
    const lists = await Promise.all(origins.map((o) => ("url" in o ? [o] : repositoryFiles(o, options.hub))));
    const remotes = lists.flat().map((remote) => asEdited(remote, source));
    await checkRoom(name, remotes, options.precision);
    const files = await downloaded(remotes, source, options);
    const texts = remotes.flatMap(({ path }) => (path.endsWith(".json") ? [join(source, path)] : []));
    const made = await correctable(texts, () => converted(source, folder, options));
    if (!options.keep) clear(source);
    return { name, folder, files, made };
  });
}

/** What a name stands for. */
function wanted(model: string): Pick<Published, "name" | "origins"> {
  const known = catalogue.find(({ name }) => name === model);
  if (known) return known;
  if (/^\w[\w.-]*\/\w[\w.-]*$/.test(model)) return { name: model, origins: [{ repo: model }] };
  if (placesOf(model).some(holdsModel)) return { name: model, origins: [] };
  const names = catalogue.map(({ name }) => name).join(", ");
  throw new RequestError(`no published model "${model}"; there are ${names}, and OWNER/NAME of any on the hub`, 404);
}

/** Bytes that a model of the catalogue takes once it is converted, by its shapes. Of another nothing is known yet but that published weights take two bytes a
 *  number or more; the largest of the catalogue take 1.01 in int8 and 0.89 in int4. */
function convertedBytes(name: string, remotes: readonly Remote[], precision: StoredPrecision): number {
  const known = catalogue.some((model) => model.name === name) && knownConfig(name);
  if (known) return sizeOf(modelOf(readJson(known), known)).bytes[precision];
  const numbers = bytesOf(remotes.filter(({ path }) => isWeights(path))) / 2;
  return numbers * { f32: 4, f16: 2, int8: 1.01, int4: 0.89 }[precision];
}

/** Throws RequestError (507) where the disk has no room for what is yet to come and for the converted weights beside it. */
async function checkRoom(name: string, remotes: readonly Remote[], precision: StoredPrecision): Promise<void> {
  const toCome = bytesOf(remotes) - bytesOf(remotes, downloadFolder(name));
  const toWrite = convertedBytes(name, remotes, precision);
  const home = galagoHome();
  const { bavail, bsize } = await statfs(home);
  if (toCome + toWrite <= bavail * bsize) return;
  const [needed, coming, writing, free] = [toCome + toWrite, toCome, toWrite, bavail * bsize].map(bytesText);
  throw new RequestError(
    `${name} needs ${needed} in ${home}, ${coming} to download and ${writing} to convert it into, but ${free} are free; make room, or set GALAGO_HOME to a larger disk`,
    507,
  );
}

/** Bytes of all files, or of what of them is in a folder. */
const bytesOf = (remotes: readonly Remote[], folder?: string): number =>
  remotes.reduce((sum, r) => sum + (folder ? bytesHere(r, join(folder, r.path)) : r.bytes), 0);

/** A file as it lies here, where it was corrected. */
function asEdited(remote: Remote, folder: string): Remote {
  const path = join(folder, remote.path);
  return edited(path) ? { ...remote, bytes: statSync(path).size } : remote;
}

/** Downloads all files into a folder; those that were corrected there stay. */
async function downloaded(remotes: readonly Remote[], folder: string, options: PullOptions): Promise<PulledFile[]> {
  const { hub, onBytes, onFile } = options;
  const total = bytesOf(remotes);
  let done = bytesOf(remotes, folder);
  onBytes?.(done, total);
  const files = new Map<Remote, PulledFile>();
  const one = async (remote: Remote, hub: Hub): Promise<void> => {
    const { path, bytes } = remote;
    const place = join(folder, path);
    const file: PulledFile = edited(place)
      ? { path, bytes, sha256: sha256Of(place), edited: true }
      : { path, bytes, sha256: await download(remote, place, hub, (count) => onBytes?.((done += count), total)) };
    if (!file.edited) acceptable(place);
    files.set(remote, file);
    onFile?.(file);
  };
  const weights = remotes.filter(({ path }) => isWeights(path));
  const small = remotes.filter((remote) => !weights.includes(remote));
  // These say whether it is a model that can be converted, before gigabytes of it are fetched.
  await several(small, hub, one);
  if (holdsModel(folder)) await correctable([join(folder, "config.json")], () => readModel(folder));
  await several(weights, hub, one);
  return remotes.map((remote) => files.get(remote)!);
}

/** Files that are downloaded at a time. */
const lanes = 4;

/** Does the work for all items, a few at a time; the first failure ends all of it. */
async function several<T>(items: readonly T[], hub: Hub, work: (item: T, hub: Hub) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const signal = hub.signal ? AbortSignal.any([hub.signal, stop.signal]) : stop.signal;
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) await work(item, { ...hub, signal });
  };
  await Promise.all(Array.from({ length: lanes }, () => lane().catch((error) => stop.abort(error))));
  stop.signal.throwIfAborted();
}

/** Converts into a folder that appears when it is whole. */
async function converted(source: string, folder: string, options: PullOptions): Promise<Converted> {
  const beside = join(dirname(folder), `.${basename(folder)}.part`);
  rmSync(beside, { recursive: true, force: true });
  try {
    const { precision, hub, onConvert } = options;
    const made = await convert(source, beside, { precision, signal: hub.signal, onProgress: onConvert });
    renameSync(beside, folder);
    return made;
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}
