/** Axes by name instead of by number (after einops, Rogozhnikov 2022): "b t (h e) -> b h t e". */
import { ShapeError } from "../errors.ts";
import { count, type Dim, over, same, show } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

type Axis = readonly string[];

/** "b t (h e)" → [[b], [t], [h, e]]; "1" → []. */
function axes(side: string): Axis[] {
  const groups = side.match(/\([^)]*\)|\S+/g) ?? [];
  return groups.map((g) =>
    g
      .replace(/[()]/g, " ")
      .split(/\s+/)
      .filter((name) => name && name !== "1"),
  );
}

/** The tensor with its axes split, reordered and merged as the pattern says; a size-1 axis is written 1. */
export function rearranged(x: Tensor, pattern: string, given: Readonly<Record<string, Dim>>): Tensor {
  const fail = (why: string): never => {
    throw new ShapeError(`rearrange "${pattern}" of ${show(x.shape)}: ${why}`);
  };
  const [from, to] = pattern.split("->").map(axes);
  if (!to) fail('there is no "->"');
  if (from.length !== x.shape.length) fail(`${from.length} axes are named, the tensor has ${x.shape.length}`);
  const sizes = new Map<string, Dim>(Object.entries(given));
  from.forEach((names, i) => {
    const unknown = names.filter((name) => !sizes.has(name));
    if (unknown.length > 1)
      fail(`the sizes of ${unknown.join(" and ")} do not follow from ${x.shape[i]}; give all but one`);
    const known = count(names.filter((name) => sizes.has(name)).map((name) => sizes.get(name)!));
    if (unknown.length === 1) {
      const rest = over(x.shape[i], known) ?? fail(`${x.shape[i]} is not a multiple of ${known}`);
      sizes.set(unknown[0], rest);
    } else if (!same(known, x.shape[i])) fail(`(${names.join(" ")}) is ${known}, the axis has ${x.shape[i]}`);
  });
  const before = from.flat();
  const after = to.flat();
  for (const name of after) if (!before.includes(name)) fail(`"${name}" is not on the left`);
  for (const name of before) if (!after.includes(name)) fail(`"${name}" is not on the right`);
  const sizeOf = (name: string): Dim => sizes.get(name)!;
  return x
    .reshape(before.map(sizeOf))
    .transpose(after.map((name) => before.indexOf(name)))
    .reshape(to.map((names) => count(names.map(sizeOf))));
}
