/** What the page knows: signals, and what changes them. */
import { computed, signal } from "@preact/signals";
import { openPaper, type Paper } from "./paper.ts";
import { PasswordNeeded } from "./pdf.ts";
import { type Facts, type Layer, type Model, models, Refused, type Seen } from "./protocol.ts";

/** How an image is to be seen; what is absent is as the model does it. */
export interface Sight {
  /** Percent of the detailed tokens that SCM keeps. */
  readonly keep?: number;
  readonly tiles?: string;
}

/** One answer to a question. */
export interface Attempt {
  readonly id: number;
  readonly sight: Sight;
  readonly model: string;
  readonly state: "waiting" | "writing" | "done" | "stopped" | "failed";
  readonly text: string;
  readonly images: readonly Seen[];
  readonly facts?: Facts;
  readonly error?: string;
}

/** A question about some sheets, and its answers, each seen in another way. */
export interface Turn {
  readonly id: number;
  readonly question: string;
  readonly sheets: readonly number[];
  /** Whether the model also read the turns above. */
  readonly follows: boolean;
  readonly attempts: readonly Attempt[];
  /** The `id` of the attempt that is shown. */
  readonly shown: number;
}

export const key = signal(sessionStorage.getItem("galago key") ?? "");
export const keyNeeded = signal(false);
export const rows = signal<readonly Model[]>([]);
export const model = signal("");

export const paper = signal<Paper | null>(null);
/** The sheet on the table, and those that are asked about. */
export const sheet = signal(0);
export const chosen = signal<readonly number[]>([]);

export const turns = signal<readonly Turn[]>([]);
/** The turn whose answer is drawn on the sheet. */
export const pointed = signal(0);
export const question = signal("");
export const follow = signal(false);
export const sight = signal<Sight>({});
export const drawn = signal<Readonly<Record<Layer | "tokens" | "boxes", boolean>>>({
  detailed: true,
  adaptive: false,
  global: false,
  tokens: true,
  boxes: true,
});

/** What went wrong with opening, in one sentence. */
export const trouble = signal("");
/** The file that waits for its password, and why. */
export const locked = signal<{ readonly file: File; readonly why: string } | null>(null);

export const turn = computed(() => turns.value.find(({ id }) => id === pointed.value));
export const attempt = computed(() => turn.value && shownOf(turn.value));
export const busy = computed(() =>
  turns.value.some(({ attempts }) => attempts.some(({ state }) => state === "waiting" || state === "writing")),
);
/** How the sheet on the table was seen. */
export const seen = computed(() => attempt.value?.images[turn.value!.sheets.indexOf(sheet.value)]);

/** The answer that a turn shows. */
export const shownOf = ({ attempts, shown }: Turn): Attempt | undefined => attempts.find(({ id }) => id === shown);

/** Percent of the detailed tokens that an answer was made from. */
export function keptOf({ sight, images }: Attempt): number {
  if (sight.keep !== undefined) return sight.keep;
  const cells = images.flatMap(({ cells = [] }) => cells).filter(({ layer }) => layer === "detailed");
  const all = cells.reduce((sum, { tokens: [columns, rows] }) => sum + columns * rows, 0);
  const kept = cells.reduce((sum, { tokens: [columns, rows], kept }) => sum + (kept?.length ?? columns * rows), 0);
  return all ? Math.round((100 * kept) / all) : 100;
}

/** The sentence of an error. */
export const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Asks which models there are; a server with keys says that it wants one. */
export async function meet(): Promise<void> {
  try {
    rows.value = await models(key.value);
    keyNeeded.value = false;
    trouble.value = "";
    const usable = rows.value.filter(({ galago }) => galago.on_disk);
    if (!usable.some(({ id }) => id === model.value)) model.value = (usable[0] ?? rows.value[0])?.id ?? "";
  } catch (error) {
    keyNeeded.value = error instanceof Refused && error.status === 401;
    trouble.value = keyNeeded.value && !key.value ? "" : sentence(error);
  }
}

/** Tries a key, and keeps it for as long as the tab is open. */
export function enter(given: string): Promise<void> {
  key.value = given;
  sessionStorage.setItem("galago key", given);
  return meet();
}

/** Lays files on the table; what was there goes. */
export async function open(files: readonly File[], password?: string): Promise<boolean> {
  if (files.length === 0) return false;
  trouble.value = "";
  try {
    const opened = await openPaper(files, password);
    clear();
    paper.value = opened;
    chosen.value = opened.sheets.map((_, i) => i).slice(0, files.length > 1 ? undefined : 1);
    return true;
  } catch (error) {
    if (error instanceof PasswordNeeded) locked.value = { file: files[0], why: error.message };
    else trouble.value = sentence(error);
    return false;
  }
}

/** Takes everything off the table. */
export function clear(): void {
  paper.value?.close();
  paper.value = null;
  locked.value = null;
  turns.value = [];
  sheet.value = 0;
  chosen.value = [];
  sight.value = {};
  follow.value = false;
}

/** Changes one turn. */
export function change(id: number, changed: (turn: Turn) => Partial<Turn>): void {
  turns.value = turns.value.map((turn) => (turn.id === id ? { ...turn, ...changed(turn) } : turn));
}
