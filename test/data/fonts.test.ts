import { createCanvas } from "@napi-rs/canvas";
import { describe, expect, it } from "vitest";
import { measure } from "../../src/data/canvas.ts";
import { family, familyNames, pickFamily } from "../../src/data/fonts.ts";
import { Random } from "../../src/data/random.ts";
import { RequestError } from "../../src/errors.ts";

const train = familyNames("train");
const heldout = familyNames("heldout");

describe("fonts", () => {
  it("has at least 24 families to train on and 6 that are never trained on", () => {
    expect(train.length).toBeGreaterThanOrEqual(24);
    expect(heldout.length).toBeGreaterThanOrEqual(6);
    expect(train.filter((name) => heldout.includes(name))).toEqual([]);
  });

  it("holds out two monospaced, two sans, a serif and a slab family", () => {
    const genres = heldout.map((name) => family(name).genre);
    const count = (genre: string) => genres.filter((one) => one === genre).length;
    expect(count("mono")).toBeGreaterThanOrEqual(2);
    expect(count("sans")).toBeGreaterThanOrEqual(2);
    expect(count("serif")).toBeGreaterThanOrEqual(1);
    expect(count("slab")).toBeGreaterThanOrEqual(1);
  });

  it.each([...train, ...heldout])("measures a line in %s as the engine sets it", (name) => {
    const { regular } = family(name);
    const context = createCanvas(1, 1).getContext("2d");
    context.font = `20px ${regular.name}`;
    for (const text of ["Table AVE To. 12.40", "RECEIPT 2026-10-04", "quick brown (dog) @#%"]) {
      expect(Math.abs(measure(text, { face: regular, size: 20 }) - context.measureText(text).width)).toBeLessThan(1.5);
    }
  });

  it("never picks a held-out family for training", () => {
    const random = new Random("pick", 3);
    for (let i = 0; i < 300; i++) expect(train).toContain(pickFamily(random, "train", ["mono", "slab", "sans"]).name);
    expect(heldout).toContain(pickFamily(random, "heldout", ["dot"]).name);
  });

  it("names the families there are when asked for another", () => {
    expect(() => family("papyrus")).toThrow(RequestError);
    expect(() => family("papyrus")).toThrow(/no font family "papyrus"; there are arimo, /);
  });
});
