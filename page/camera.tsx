/** Photographs, taken in a dialog. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { trouble } from "./state.ts";

interface Shooting {
  readonly stream: MediaStream;
  done(photo: File | null): void;
}

const shooting = signal<Shooting | null>(null);

/** Asks for a photograph; null where none was taken. */
export async function photograph(): Promise<File | null> {
  try {
    const video = { facingMode: "environment", width: { ideal: 2560 }, height: { ideal: 1920 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video });
    const photo = await new Promise<File | null>((done) => {
      shooting.value = { stream, done };
    });
    for (const track of stream.getTracks()) track.stop();
    return photo;
  } catch (error) {
    const { name, message } = error as Error;
    trouble.value =
      name === "NotAllowedError"
        ? "the camera is not granted to this page; allow it in the browser's settings of this site"
        : `there is no camera to use (${message || name})`;
    return null;
  } finally {
    shooting.value = null;
  }
}

/** The dialog, while a photograph is being taken. */
export function Shot(): JSX.Element | null {
  return shooting.value && <Finder {...shooting.value} />;
}

function Finder({ stream, done }: Shooting): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    video.current!.srcObject = stream;
    dialog.current!.showModal();
  }, [stream]);
  const take = (): void => {
    const { videoWidth, videoHeight } = video.current!;
    const canvas = new OffscreenCanvas(videoWidth, videoHeight);
    canvas.getContext("2d")!.drawImage(video.current!, 0, 0);
    const quality = { type: "image/jpeg", quality: 0.92 };
    void canvas.convertToBlob(quality).then((blob) => done(new File([blob], "photo.jpg", { type: blob.type })));
  };
  return (
    <dialog ref={dialog} class="finder" aria-label="Camera" onClose={() => done(null)}>
      <video ref={video} autoplay playsInline muted />
      <p>
        <button type="button" class="main" onClick={take}>
          Take the photo
        </button>
        <button type="button" class="quiet" onClick={() => done(null)}>
          Cancel
        </button>
      </p>
    </dialog>
  );
}
