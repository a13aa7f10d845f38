//! The house rules of these pages: who may import whom, where CSS classes live, how long a file may be.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));
const MAY: Record<string, string[]> = {
  api: [],
  media: ["api"],
  i18n: ["api"],
  state: ["api", "media", "i18n"],
  styles: [],
  ui: ["styles"],
  screens: ["ui", "state", "i18n"],
  entry: ["screens", "ui", "state", "i18n", "api"],
};
/** Types may come from further down: they vanish in the build. */
const MAY_AS_TYPE: Record<string, string[]> = { screens: ["api"], ui: [], state: [] };
/** The one screen folder that others build on. */
const SHARED_SCREEN = "frame";

const files = readdirSync(SRC, { recursive: true })
  .map(String)
  .filter((name) => /\.tsx?$/.test(name));

test.each(files)("%s keeps the rules", (name) => {
  const text = readFileSync(SRC + name, "utf8");
  const [layer = "", folder = ""] = name.split("/");
  const problems: string[] = [];
  for (const [, type, target = ""] of text.matchAll(/^(?:import|export)( type)?[^"']*?["'](\.[^"']*)["'];?$/gms)) {
    const parts = new URL(target, `file:///${name}`).pathname.slice(1).split("/");
    const [to = "", toFolder = ""] = parts;
    if (to === layer) {
      const foreign = layer === "screens" && toFolder !== folder && toFolder !== SHARED_SCREEN;
      if (foreign) problems.push(`${target}: a screen imports another screen`);
      continue;
    }
    const allowed = [...(MAY[layer] ?? []), ...(type ? (MAY_AS_TYPE[layer] ?? []) : [])];
    if (!allowed.includes(to)) problems.push(`${layer} imports ${to}`);
  }
  if (layer !== "ui" && /\bclass(Name)?=/.test(text)) problems.push("CSS classes belong to ui/");
  if (/\bstyle=|dangerouslySetInnerHTML|\beval\(/.test(text)) problems.push("not possible under the content security policy");
  if (!name.endsWith(".gen.ts") && text.split("\n").length > 450) problems.push("too long");
  expect(problems).toEqual([]);
});

test("all layers have a rule", () => {
  expect([...new Set(files.map((name) => name.split("/")[0]))].filter((layer) => !MAY[layer ?? ""])).toEqual([]);
});
