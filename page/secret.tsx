/** Dialogs for what must be known: the password of a PDF, the key of the server. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { enter, key, keyNeeded, locked, open } from "./state.ts";

export function Secrets(): JSX.Element | null {
  const { file, why } = locked.value ?? {};
  if (file)
    return (
      <Secret
        title={why!}
        label="Password"
        given={(password) => void open([file], password)}
        left={() => (locked.value = null)}
      />
    );
  if (!keyNeeded.value) return null;
  const title = key.value ? "This server does not know that key." : "This server asks for an API key.";
  return <Secret title={title} label="API key" given={enter} left={() => (keyNeeded.value = false)} />;
}

interface Asking {
  readonly title: string;
  readonly label: string;
  given(secret: string): void;
  left(): void;
}

function Secret({ title, label, given, left }: Asking): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!dialog.current!.open) dialog.current!.showModal();
    field.current!.value = "";
  }, [title]);
  const send = (event: Event): void => {
    event.preventDefault();
    given(field.current!.value);
  };
  return (
    <dialog ref={dialog} class="secret" aria-labelledby="secret" onClose={left}>
      <form onSubmit={send}>
        <h2 id="secret">{title}</h2>
        <label>
          {label}
          <input ref={field} type="password" required autocomplete="off" />
        </label>
        <p>
          <button type="submit" class="main">
            Open
          </button>
          <button type="button" class="quiet" onClick={() => dialog.current!.close()}>
            Cancel
          </button>
        </p>
      </form>
    </dialog>
  );
}
