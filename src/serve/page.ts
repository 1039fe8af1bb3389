/** GET / and what it loads: the files of the page that were there at the start, and no others. */
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { getMimeType } from "hono/utils/mime";

/** Where the build puts it. */
const built = fileURLToPath(new URL("../page", import.meta.url));

const absent =
  "The page is not built: npm run build in a clone of Galago builds it. The API is at /v1, and /docs tells of it.\n";

/** Adds a route for each file of the folder. */
export function page(app: OpenAPIHono, folder: string = built): void {
  const files = existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name))
    : [];
  for (const path of files) {
    const route = path.slice(folder.length).split(sep).join("/");
    const headers = {
      "Content-Type": getMimeType(path) ?? "application/octet-stream",
      // Names of assets hold a hash of what is in them.
      "Cache-Control": route.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    };
    app.get(route === "/index.html" ? "/" : route, async () => new Response(await readFile(path), { headers }));
  }
  if (files.length === 0) app.get("/", (c) => c.text(absent));
}
