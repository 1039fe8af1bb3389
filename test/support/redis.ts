/** A Redis server of one's own, where there is one to start. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

/** Whether `redis-server` is installed (Debian: apt-get install redis-server). */
export const hasRedis: boolean = spawnSync("redis-server", ["--version"]).status === 0;

/** A server that keeps nothing on disk. */
export interface RedisServer {
  readonly url: string;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** Starts one at a free port; `options` are words of its command line. */
export async function redisServer(...options: string[]): Promise<RedisServer> {
  const port = String(await freePort());
  const words = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", ...options];
  const child = spawn("redis-server", words, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout! })) if (/ready to accept/i.test(line)) break;
  return {
    url: `redis://127.0.0.1:${port}`,
    child,
    async stop() {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
