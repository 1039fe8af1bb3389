/** Removing what was pulled, and nothing else. */
import { RequestError } from "../errors.ts";
import { locked } from "./lock.ts";
import { bytesIn, clear, downloadFolder, downloads, pulledFolder, pullLock, shelved } from "./shelves.ts";

/** Removes a pulled model, and what was downloaded of it; returns the bytes that this frees. Throws RequestError (404) for the name of
 *  no pulled model, (403) for that of the package's own, (409) while it is pulled. */
export async function remove(name: string): Promise<number> {
  const models = shelved();
  const pulled = models.filter(({ own }) => !own).map(({ name }) => name);
  const names = [...new Set([...pulled, ...downloads()])];
  if (!names.includes(name)) {
    const own = models.some((model) => model.name === name);
    const what = own ? `${name} is part of this package and stays` : `no pulled model "${name}"`;
    throw new RequestError(`${what}; there are ${names.join(", ") || "none"} to remove`, own ? 403 : 404);
  }
  const folders = [pulledFolder(name), downloadFolder(name)];
  const bytes = folders.reduce((sum, folder) => sum + bytesIn(folder), 0);
  return locked(pullLock(name), `${name} is being pulled`, async () => {
    folders.forEach(clear);
    return bytes;
  });
}
