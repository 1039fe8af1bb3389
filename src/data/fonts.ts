/** The typefaces that pages are set in: which there are, which are held out of training, and what their letters measure. */

import { createRequire } from "node:module";
import { createCanvas, GlobalFonts, type SKRSContext2D } from "@napi-rs/canvas";
import { RequestError } from "../errors.ts";
import type { FontSet } from "./page.ts";
import type { Random } from "./random.ts";

/** What a typeface looks like, as far as a page cares. */
export type Genre = "sans" | "condensed" | "serif" | "slab" | "mono" | "dot" | "display";

/** One font file. Heights are fractions of the size; `average` is the mean advance of letters and digits, likewise. */
export interface Face {
  readonly name: string;
  readonly cap: number;
  readonly descent: number;
  readonly average: number;
  /** Width of a character, as a fraction of the size. */
  advance(char: string): number;
  /** What is added between two neighbours, as a fraction of the size. */
  kern(left: string, right: string): number;
}

/** A family with one weight for text and one for what stands out; `caps`: its small letters look like capitals. */
export interface Family {
  readonly name: string;
  readonly genre: Genre;
  readonly caps: boolean;
  readonly regular: Face;
  readonly bold: Face;
}

interface Row {
  name: string;
  stem: string;
  genre: Genre;
  set: FontSet;
  weights: readonly string[];
  caps: boolean;
}

const row = (set: FontSet, genre: Genre, name: string, stem: string, weights = "400Regular", caps = false): Row => ({
  name,
  stem,
  genre,
  set,
  weights: weights.split(" "),
  caps,
});

/** Every family: npm package `@expo-google-fonts/<name>`, file stem, the weights used from regular to bold. */
const rows: readonly Row[] = [
  row("train", "sans", "arimo", "Arimo", "400Regular 700Bold"),
  row("train", "sans", "lato", "Lato", "400Regular 700Bold"),
  row("train", "sans", "pt-sans", "PTSans", "400Regular 700Bold"),
  row("train", "condensed", "pt-sans-narrow", "PTSansNarrow", "400Regular 700Bold"),
  row("train", "condensed", "archivo-narrow", "ArchivoNarrow", "400Regular 700Bold"),
  row("train", "condensed", "oswald", "Oswald", "400Regular 600SemiBold"),
  row("train", "serif", "tinos", "Tinos", "400Regular 700Bold"),
  row("train", "serif", "pt-serif", "PTSerif", "400Regular 700Bold"),
  row("train", "serif", "crimson-text", "CrimsonText", "400Regular 700Bold"),
  row("train", "slab", "arvo", "Arvo", "400Regular 700Bold"),
  row("train", "mono", "cousine", "Cousine", "400Regular 700Bold"),
  row("train", "mono", "pt-mono", "PTMono"),
  row("train", "mono", "courier-prime", "CourierPrime", "400Regular 700Bold"),
  row("train", "mono", "inconsolata", "Inconsolata", "400Regular 700Bold"),
  row("train", "mono", "anonymous-pro", "AnonymousPro", "400Regular 700Bold"),
  row("train", "mono", "ubuntu-mono", "UbuntuMono", "400Regular 700Bold"),
  row("train", "mono", "cutive-mono", "CutiveMono"),
  row("train", "mono", "space-mono", "SpaceMono", "400Regular 700Bold"),
  row("train", "mono", "special-elite", "SpecialElite"),
  row("train", "dot", "share-tech-mono", "ShareTechMono"),
  row("train", "dot", "vt323", "VT323"),
  row("train", "dot", "dotgothic16", "DotGothic16"),
  row("train", "dot", "press-start-2p", "PressStart2P"),
  row("train", "display", "patrick-hand", "PatrickHand"),
  row("train", "display", "permanent-marker", "PermanentMarker", "400Regular", true),
  row("train", "display", "lobster", "Lobster"),
  row("train", "display", "anton", "Anton"),
  row("train", "display", "alfa-slab-one", "AlfaSlabOne"),
  row("train", "display", "bungee", "Bungee", "400Regular", true),
  row("train", "sans", "nunito-sans", "NunitoSans", "400Regular 700Bold"),
  row("train", "sans", "open-sans", "OpenSans", "400Regular 700Bold"),
  row("train", "sans", "roboto", "Roboto", "400Regular 700Bold"),
  row("train", "sans", "libre-franklin", "LibreFranklin", "400Regular 700Bold"),
  row("train", "condensed", "abel", "Abel"),
  row("train", "condensed", "barlow-condensed", "BarlowCondensed", "400Regular 700Bold"),
  row("train", "condensed", "saira-condensed", "SairaCondensed", "400Regular 700Bold"),
  row("train", "condensed", "fjalla-one", "FjallaOne"),
  row("train", "serif", "libre-baskerville", "LibreBaskerville", "400Regular 700Bold"),
  row("train", "serif", "lora", "Lora", "400Regular 700Bold"),
  row("train", "serif", "playfair-display", "PlayfairDisplay", "400Regular 700Bold"),
  row("train", "slab", "roboto-slab", "RobotoSlab", "400Regular 700Bold"),
  row("train", "slab", "zilla-slab", "ZillaSlab", "400Regular 700Bold"),
  row("train", "mono", "dm-mono", "DMMono", "400Regular 500Medium"),
  row("train", "mono", "nova-mono", "NovaMono"),
  row("train", "mono", "xanh-mono", "XanhMono"),
  row("train", "mono", "martian-mono", "MartianMono", "400Regular 700Bold"),
  row("train", "mono", "overpass-mono", "OverpassMono", "400Regular 700Bold"),
  row("train", "mono", "red-hat-mono", "RedHatMono", "400Regular 700Bold"),
  row("train", "mono", "sometype-mono", "SometypeMono", "400Regular 700Bold"),
  row("train", "mono", "spline-sans-mono", "SplineSansMono", "400Regular 700Bold"),
  row("train", "mono", "azeret-mono", "AzeretMono", "400Regular 700Bold"),
  row("train", "mono", "ibm-plex-mono", "IBMPlexMono", "400Regular 700Bold"),
  row("train", "mono", "roboto-mono", "RobotoMono", "400Regular 700Bold"),
  row("train", "mono", "source-code-pro", "SourceCodePro", "400Regular 700Bold"),
  row("train", "dot", "silkscreen", "Silkscreen", "400Regular", true),
  row("train", "display", "bebas-neue", "BebasNeue", "400Regular", true),
  row("train", "display", "righteous", "Righteous"),
  row("train", "display", "indie-flower", "IndieFlower"),
  row("train", "display", "shadows-into-light", "ShadowsIntoLight"),
  row("train", "display", "kalam", "Kalam", "400Regular 700Bold"),
  row("heldout", "sans", "cabin", "Cabin", "400Regular 700Bold"),
  row("heldout", "sans", "karla", "Karla", "400Regular 700Bold"),
  row("heldout", "serif", "caladea", "Caladea", "400Regular 700Bold"),
  row("heldout", "slab", "rokkitt", "Rokkitt", "400Regular 700Bold"),
  row("heldout", "mono", "fira-mono", "FiraMono", "400Regular 700Bold"),
  row("heldout", "mono", "b612-mono", "B612Mono", "400Regular 700Bold"),
  row("heldout", "mono", "oxygen-mono", "OxygenMono"),
  row("heldout", "display", "architects-daughter", "ArchitectsDaughter"),
];

/** Names of all families of a set. */
export function familyNames(set: FontSet): string[] {
  return rows.filter((row) => row.set === set).map((row) => row.name);
}

/** A random family of the set in one of these genres (of any genre, if the set has none of them). */
export function pickFamily(random: Random, set: FontSet, genres: readonly Genre[]): Family {
  const all = rows.filter((row) => row.set === set);
  const fitting = all.filter((row) => genres.includes(row.genre));
  return open(random.pick(fitting.length ? fitting : all));
}

/** A family by name. Throws RequestError if there is none of that name. */
export function family(name: string): Family {
  const found = rows.find((row) => row.name === name);
  if (!found) throw new RequestError(`no font family "${name}"; there are ${rows.map((r) => r.name).join(", ")}`);
  return open(found);
}

/** Whether two letters may be set as one, as fi and fl often are: such pairs are drawn apart, without kerning. */
export const ligates = (left: string, right: string): boolean => left === "f" && "fijltbhk".includes(right);

const opened = new Map<string, Family>();

function open(row: Row): Family {
  const known = opened.get(row.name);
  if (known) return known;
  const faces = row.weights.map((weight) => face(row, weight));
  const result = { name: row.name, genre: row.genre, caps: row.caps, regular: faces[0], bold: faces.at(-1)! };
  opened.set(row.name, result);
  return result;
}

const require = createRequire(import.meta.url);
/** Measured at 100 pixels a side: widths scale linearly, hinting is off. */
const unit = 100;
let ruler: SKRSContext2D | undefined;

/** Registers one font file under a name of its own, so that the engine never picks another weight. */
function face(row: Row, weight: string): Face {
  const name = `galago-${row.name}-${weight}`;
  const file = `@expo-google-fonts/${row.name}/${weight}/${row.stem}_${weight}.ttf`;
  let path: string;
  try {
    path = require.resolve(file);
  } catch {
    throw new RequestError(
      `font "${row.name}": ${file} is not installed; install it with npm install @expo-google-fonts/${row.name}`,
    );
  }
  if (!GlobalFonts.registerFromPath(path, name)) throw new RequestError(`font "${row.name}": ${path} is not a font`);
  ruler ??= createCanvas(1, 1).getContext("2d");
  const context = ruler;
  const measure = (text: string) => {
    context.font = `${unit}px ${name}`;
    return context.measureText(text);
  };
  const advances = new Map<string, number>();
  const advance = (char: string): number => {
    let width = advances.get(char);
    if (width === undefined) advances.set(char, (width = measure(char).width / unit));
    return width;
  };
  const kerns = new Map<string, number>();
  const kern = (left: string, right: string): number => {
    const pair = left + right;
    let extra = kerns.get(pair);
    if (extra === undefined) {
      extra = ligates(left, right) ? 0 : measure(pair).width / unit - advance(left) - advance(right);
      kerns.set(pair, extra);
    }
    return extra;
  };
  const typical = "abcdefghinorstuABCDEFRST0123456789";
  return {
    name,
    cap: measure("H").actualBoundingBoxAscent / unit,
    descent: measure("gpqy").actualBoundingBoxDescent / unit,
    average: measure(typical).width / unit / typical.length,
    advance,
    kern,
  };
}
