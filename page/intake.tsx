/** How documents come in: dropped, pasted, chosen, photographed, or one of the examples. */
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useRef } from "preact/hooks";
import line from "../examples/line.png";
import receipt from "../examples/receipt.png";
import till from "../examples/till.png";
import { put } from "./asking.ts";
import { photograph } from "./camera.tsx";
import { open, question, sentence, trouble } from "./state.ts";

const accepted = "image/png,image/jpeg,image/webp,image/gif,image/avif,application/pdf";

const examples = [
  { name: "receipt.png", url: receipt, asked: "What is the total?" },
  { name: "line.png", url: line, asked: "Read all the text." },
  { name: "till.png", url: till, asked: "What is the total?" },
];

const dragged = signal(false);

/** Takes what is dropped or pasted anywhere on the page. */
export function receive(): void {
  const files = (data: DataTransfer | null): File[] => [...(data?.files ?? [])];
  let inside = 0;
  const hold = (event: DragEvent, change: number): void => {
    event.preventDefault();
    inside = Math.max(0, inside + change);
    dragged.value = inside > 0;
  };
  addEventListener("dragenter", (event) => hold(event, 1));
  addEventListener("dragleave", (event) => hold(event, -1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    hold(event, -inside);
    void open(files(event.dataTransfer));
  });
  addEventListener("paste", (event) => {
    const pasted = files(event.clipboardData);
    if (pasted.length) event.preventDefault();
    void open(pasted);
  });
}

/** The page before anything lies on it. */
export function Intake(): JSX.Element {
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  return (
    <main class="intake">
      <div class="invitation">
        <h2>Drop a page, ask it something, see what the model saw.</h2>
        <p>
          A photo, a scan or a PDF.{" "}
          {here ? "It stays on this machine." : `It is sent to ${location.host} and nowhere else.`}
        </p>
        <p class="ways">
          <Choose main>Choose a file</Choose>
          <Camera />
          <span>or paste one</span>
        </p>
        {trouble.value && (
          <p class="trouble" role="alert">
            {trouble}
          </p>
        )}
      </div>
      <section class="examples" aria-labelledby="examples">
        <h3 id="examples">Or try one of these</h3>
        <ul>
          {examples.map((example) => (
            <li key={example.url}>
              <button type="button" onClick={() => attempt(example)}>
                <img src={example.url} alt="" />
                <span>{example.asked}</span>
              </button>
            </li>
          ))}
        </ul>
      </section>
    </main>
  );
}

async function attempt({ name, url, asked }: (typeof examples)[number]): Promise<void> {
  try {
    const file = new File([await (await fetch(url)).blob()], name, { type: "image/png" });
    if (!(await open([file]))) return;
    question.value = asked;
    await put();
  } catch (error) {
    trouble.value = sentence(error);
  }
}

/** A button that opens files. */
export function Choose({ main, children }: { main?: boolean; children: ComponentChildren }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class={main ? "main" : "quiet"} onClick={() => input.current!.click()}>
        {children}
      </button>
      <Picker input={input} multiple />
    </>
  );
}

/** A button that takes a photograph: with the camera of this page, or where a browser grants none, with the phone's own. */
export function Camera(): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  const take = async (): Promise<void> => {
    if (!navigator.mediaDevices) return input.current!.click();
    const photo = await photograph();
    if (photo) await open([photo]);
  };
  return (
    <>
      <button type="button" class="quiet" onClick={take}>
        Camera
      </button>
      <Picker input={input} capture="environment" />
    </>
  );
}

interface Source {
  readonly input: { current: HTMLInputElement | null };
  readonly multiple?: boolean;
  readonly capture?: "environment";
}

function Picker({ input, ...source }: Source): JSX.Element {
  const take = ({ currentTarget }: { currentTarget: HTMLInputElement }): void => {
    void open([...(currentTarget.files ?? [])]);
    // The same file may be chosen again.
    currentTarget.value = "";
  };
  return <input ref={input} type="file" hidden accept={accepted} onChange={take} {...source} />;
}

/** The frame while something is dragged over the page. */
export const Landing = (): JSX.Element | null =>
  dragged.value ? (
    <div class="landing" aria-hidden="true">
      <p>Drop to open</p>
    </div>
  ) : null;
