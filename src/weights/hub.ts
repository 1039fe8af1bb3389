/** The hub's HTTP interface: which files of a repository make a model, how long they are, and what their hashes are. */
import { z } from "zod";
import { FormatError, RequestError } from "../errors.ts";
import { type Hub, passing, persist, reach } from "./request.ts";

/** A file to download. `path` is its place below the folder of downloads. */
export interface Remote {
  readonly path: string;
  readonly url: string;
  readonly bytes: number;
  readonly sum: Sum;
}

/** What tells a file from any other: its SHA-256, or the id that git gives it (SHA-1 of a header with its length, and its bytes). */
export interface Sum {
  readonly kind: "sha256" | "git";
  readonly hex: string;
}

/** Files on the hub. repo: OWNER/NAME, or spaces/OWNER/NAME. files: these; else those that make a model, in `folder` or at the top. into: a folder for them. */
export interface Repository {
  readonly repo: string;
  readonly folder?: string;
  readonly files?: readonly string[];
  readonly into?: string;
}

const hex = (digits: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const tree = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.int().min(0),
    oid: z.string(),
    lfs: z.object({ oid: hex(64) }).optional(),
  }),
);

/** The files of a model in a repository, at its newest commit. Throws RequestError where the hub refuses or a file is missing,
 *  FormatError where its answer is no list of files. */
export async function repositoryFiles({ repo, folder, files, into }: Repository, hub: Hub): Promise<Remote[]> {
  const listed = await listing(repo, hub);
  const all = [...listed.keys()];
  const missing = files?.filter((path) => !listed.has(path)) ?? [];
  if (missing.length) throw new RequestError(`${repo}: ${hub.endpoint} has no ${missing.join(", ")} there`, 404);
  const chosen = files ?? modelFiles(all, folder);
  if (!chosen.some(isWeights))
    throw new RequestError(`${repo} holds no weights: no .safetensors, pytorch_model*.bin or .pth file is there`, 404);
  return chosen.map((path) => ({
    path: into ? `${into}/${path}` : path,
    url: `${hub.endpoint}/${repo}/resolve/main/${path}`,
    ...listed.get(path)!,
  }));
}

async function listing(repo: string, hub: Hub): Promise<Map<string, Pick<Remote, "bytes" | "sum">>> {
  const kind = repo.startsWith("spaces/") ? "" : "models/";
  let url: string | undefined = `${hub.endpoint}/api/${kind}${repo}/tree/main?recursive=1`;
  const files = new Map<string, Pick<Remote, "bytes" | "sum">>();
  while (url) {
    const page: { text: string; link: string | null } = await persist(hub, async () => {
      const response = await reach(url!, repo, hub, { accept: "application/json" });
      const text = await response.text().catch((error) => {
        throw passing(error, `${repo}: the connection broke`) ?? error;
      });
      return { text, link: response.headers.get("link") };
    });
    for (const { type, path, size: bytes, oid, lfs } of entries(page.text, url))
      if (type === "file") files.set(path, { bytes, sum: sum(oid, lfs?.oid, url) });
    url = page.link?.match(/<([^>]+)>;\s*rel="next"/)?.[1];
  }
  return files;
}

function entries(text: string, url: string): z.infer<typeof tree> {
  try {
    return tree.parse(JSON.parse(text));
  } catch (cause) {
    throw new FormatError(`${url}: is no list of files; expected the hub's, correct HF_ENDPOINT`, { cause });
  }
}

function sum(oid: string, sha256: string | undefined, url: string): Sum {
  if (sha256) return { kind: "sha256", hex: sha256 };
  if (hex(40).safeParse(oid).success) return { kind: "git", hex: oid };
  throw new FormatError(`${url}: "${oid}" is no id of a file; expected 40 hexadecimal digits`);
}

/** What belongs to weights: configurations, and the files of tokenizers. */
const companions =
  /^((generation_)?config|tokenizer(_config)?|added_tokens|special_tokens_map|vocab)\.json$|^tokenizer\.model$|^merges\.txt$/;

/** Formats of weights, the best first: where one is there, the others hold the same. */
const formats = [/\.safetensors$/, /(^|\/)pytorch_model[^/]*\.bin$/, /\.pth$/];

/** Whether a path is that of a file with weights. */
export const isWeights = (path: string): boolean => formats.some((format) => format.test(path));

/** Of all paths of a repository those of a model's files, directly in a folder: nothing that runs, no images, one format of weights. */
function modelFiles(paths: readonly string[], folder?: string): string[] {
  const prefix = folder ? `${folder}/` : "";
  const plain = paths.filter((path) => path.startsWith(prefix) && /^[\w.-]+$/.test(path.slice(prefix.length)));
  const format = formats.find((format) => plain.some((path) => format.test(path)));
  return plain.filter((path) => {
    const indexed = path.replace(/\.index\.json$/, "");
    return companions.test(path.slice(prefix.length)) || format?.test(indexed);
  });
}
