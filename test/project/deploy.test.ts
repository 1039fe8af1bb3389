/** What is shipped for containers and clusters says what the program does. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Command } from "../../src/cli/command.ts";
import { commands } from "../../src/cli/program.ts";
import { prefix, queueOf } from "../../src/jobs/store.ts";
import { fake } from "../serve/fake.ts";
import { root } from "./source.ts";

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const dockerfile = read("Dockerfile").replaceAll("\\\n", " ").split("\n");
const instructions = (name: string): string[] =>
  dockerfile.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

/** The words that are no options of the command which they name. */
function unknown([name, ...words]: readonly string[]): string[] {
  const command = commands.find((command: Command) => command.name === name);
  if (!command) return [name];
  const flags = new Set(command.options.map(({ flags }) => /--[\w-]+/.exec(flags)![0]));
  return words.filter((word) => word.startsWith("--") && !flags.has(word));
}

describe("the Dockerfile", () => {
  test("serves to all, on port 8080, by no root", () => {
    const [words] = instructions("CMD").map((line) => JSON.parse(line) as string[]);
    expect(words).toEqual(["serve", "--host", "0.0.0.0", "--port", "8080"]);
    expect(unknown(words)).toEqual([]);
    expect(instructions("USER")).toEqual(["1000:1000"]);
    expect(instructions("EXPOSE")).toEqual(["8080"]);
    const entry = JSON.parse(instructions("ENTRYPOINT")[0]).at(-1);
    expect(entry).toBe(`/galago/${JSON.parse(read("package.json")).bin.galago.slice(2)}`);
  });

  test("copies what the package ships", () => {
    const copied = instructions("COPY").flatMap((line) => /^--from=build \/galago\/(\S+) /.exec(line)?.[1] ?? []);
    for (const file of JSON.parse(read("package.json")).files) expect(copied).toContain(file);
  });

  test("is given only what is there", () => {
    const given = read(".dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"));
    expect(given.filter((line) => !existsSync(join(root, line.slice(1))))).toEqual([]);
    const first = instructions("COPY")[0].split(" ").slice(0, -1);
    expect(first.filter((name) => !given.includes(`!${name}`))).toEqual([]);
  });
});

describe("the manifests", () => {
  const folder = "deploy/kubernetes";
  const files = readdirSync(join(root, folder));
  const kustomization = parseAllDocuments(read(`${folder}/kustomization.yaml`))[0].toJS();
  const documents: any[] = kustomization.resources.flatMap((file: string) =>
    parseAllDocuments(read(`${folder}/${file}`)).map((document) => document.toJS()),
  );
  const named = (kind: string, name: string): any =>
    documents.find((document) => document.kind === kind && document.metadata.name === name);
  const pods = documents.flatMap(({ spec }) => (spec?.template ? [spec.template] : []));
  const containers: any[] = pods.flatMap(({ spec }) => spec.containers);

  test("are all listed", () => {
    expect([...kustomization.resources, "kustomization.yaml"].sort()).toEqual(files.sort());
  });

  test("give the program only options that it knows", () => {
    const ours = containers.filter(({ image }) => image === kustomization.images[0].name);
    expect(ours.map(({ args }) => args[0]).sort()).toEqual(["serve", "worker"]);
    expect(ours.flatMap(({ args }) => unknown(args))).toEqual([]);
  });

  test("ask the server for what it has", async () => {
    const [{ startupProbe, readinessProbe, livenessProbe, ports }] = named("Deployment", "serve").spec.template.spec
      .containers;
    const paths = [startupProbe, readinessProbe, livenessProbe].map(({ httpGet }) => httpGet);
    expect(paths).toMatchObject([{ path: "/ready" }, { path: "/ready" }, { path: "/health" }]);
    expect(ports[0]).toEqual({ name: paths[0].port, containerPort: 8080 });
    const { app } = fake(async function* () {});
    const statuses = await Promise.all(paths.map(async ({ path }) => (await app.request(path)).status));
    expect(statuses).toEqual([503, 503, 200]);
  });

  test("scale the workers by the lists in which their pages lie", () => {
    const { scaleTargetRef, triggers } = named("ScaledObject", "worker").spec;
    const [container] = named("Deployment", scaleTargetRef.name).spec.template.spec.containers;
    const model = container.args[container.args.indexOf("--model") + 1];
    expect(triggers.map(({ metadata }: any) => metadata.listName)).toEqual(
      ["wait", "active"].map((list) => `${prefix}:${queueOf(model)}:${list}`),
    );
    const { name } = named("Service", "redis").metadata;
    expect(container.env[0].value).toBe(`redis://${name}:6379`);
    expect(triggers[0].metadata.address).toBe(`${name}.${kustomization.namespace}.svc:6379`);
  });

  test("let nobody be root, write beside its volumes, or gain rights", () => {
    for (const { spec } of pods) expect(spec.securityContext).toMatchObject({ runAsNonRoot: true });
    for (const { securityContext, resources } of containers) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(resources.limits.memory).toBe(resources.requests.memory);
    }
  });
});
