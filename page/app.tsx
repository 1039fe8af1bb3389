/** The whole page: a bar, and below it the invitation or the document and what is said of it. */
import type { JSX } from "preact";
import { Shot } from "./camera.tsx";
import { Desk } from "./desk.tsx";
import { Intake, Landing } from "./intake.tsx";
import mark from "./mark.svg";
import type { Model } from "./protocol.ts";
import { Secrets } from "./secret.tsx";
import { model, paper, rows } from "./state.ts";
import { Talk } from "./talk.tsx";

export function App(): JSX.Element {
  return (
    <>
      <header class="bar">
        <h1>
          <img src={mark} alt="" width="22" height="22" /> Galago
        </h1>
        <Models />
        <a href="docs">API</a>
      </header>
      {paper.value ? (
        <main class="table">
          <Desk />
          <Talk />
        </main>
      ) : (
        <Intake />
      )}
      <Landing />
      <Shot />
      <Secrets />
    </>
  );
}

/** The models that may be asked, with the memory that they need. */
function Models(): JSX.Element | null {
  if (rows.value.length === 0) return null;
  return (
    <label class="models">
      Model
      <select value={model} onChange={(e) => (model.value = e.currentTarget.value)}>
        {rows.value.map((row) => (
          <option key={row.id} value={row.id} disabled={!row.galago.on_disk}>
            {described(row)}
          </option>
        ))}
      </select>
    </label>
  );
}

function described({ id, galago: { memory_bytes: bytes, on_disk, loaded } }: Model): string {
  const memory = bytes && (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`);
  return [id, memory, on_disk ? loaded || "opens when asked" : `galago pull ${id}`]
    .filter((words) => typeof words === "string" && words)
    .join(" · ");
}
