/** GET /openapi.json, and /docs, which shows it: a page without scripts, from this server alone. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { manifest } from "../run/manifest.ts";

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** A JSON Schema, as far as it is shown. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly [bound: string]: unknown;
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema?: Schema }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}

const style = `body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color-scheme: light dark; }
code { font-size: 0.9em; } summary { cursor: pointer; padding: 0.3rem 0; } ul { padding-left: 1.2rem; } b { font-family: ui-monospace, monospace; }
`;

/** Adds the routes, which tell of all that were added before. */
export function docs(app: OpenAPIHono): void {
  const info = {
    title: "Galago",
    version: manifest().version,
    description: "Chat completions as OpenAI's clients ask for them.",
  };
  const document = app.getOpenAPI31Document({ openapi: "3.1.0", info });
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, told]) => operation(method, path, told)),
  );
  app.get("/openapi.json", (c) => c.json(document));
  app.get("/docs.css", (c) => c.body(style, 200, { "Content-Type": "text/css; charset=utf-8" }));
  app.get("/docs", (c) =>
    c.html(html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Galago</title>
<link rel="stylesheet" href="/docs.css"></head><body>
<h1>Galago ${info.version}</h1><p>${info.description} <a href="/openapi.json">openapi.json</a></p>${operations}
</body></html>`),
  );
}

function operation(
  method: string,
  path: string,
  { summary, parameters = [], requestBody, responses }: Operation,
): Html {
  const bodies = Object.entries(requestBody?.content ?? {});
  return html`<details><summary><b>${method.toUpperCase()} ${path}</b> ${summary}</summary>
${parameters.length ? html`<ul>${parameters.map(({ name, in: place, schema }) => html`<li><code>${name}</code> (${place}) ${type(schema)}</li>`)}</ul>` : ""}
${bodies.map(([kind, { schema }]) => html`<p>Takes ${kind}:</p>${fields(schema)}`)}
<ul>${Object.entries(responses).map(([status, { description }]) => html`<li>${status}: ${description}</li>`)}</ul></details>`;
}

/** The keys of an object, those of objects inside it below them. */
function fields(schema: Schema = {}): Html | "" {
  const parts = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.items ? [schema.items] : [])];
  const inside = parts.slice(1).map((part) => fields(part));
  const keys = Object.entries(schema.properties ?? {});
  if (keys.length === 0) return html`${inside}`;
  return html`<ul>${keys.map(
    ([name, part]) => html`<li><code>${name}</code>${schema.required?.includes(name) ? "" : "?"} ${type(part)}
${part.description ? html`: ${part.description}` : ""}${fields(part)}</li>`,
  )}</ul>${inside}`;
}

/** A type in a few words. */
function type({ type: name, enum: values, anyOf, oneOf, items }: Schema = {}): string {
  if (values) return values.map((value) => JSON.stringify(value)).join(" or ");
  const several = anyOf ?? oneOf;
  if (several) return several.map((part) => type(part)).join(" or ");
  if (items) return `list of ${type(items)}`;
  return [name ?? "anything"].flat().join(" or ");
}
