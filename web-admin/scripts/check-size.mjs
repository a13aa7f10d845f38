// Holds the budget of a page's first load: what its HTML names (scripts, preloads, style sheets), gzipped.
// It also refuses what the content security policy would refuse: inline script and style, other origins.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const BUDGET = { js: 80_000, css: 15_000 };

let failed = false;
function fail(message) {
  console.error(message);
  failed = true;
}

for (const page of readdirSync(DIST).filter((name) => name.endsWith(".html"))) {
  const html = readFileSync(DIST + page, "utf8");
  const files = new Set([...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]));
  const bytes = { js: 0, css: 0 };
  for (const file of files) {
    if (!file.startsWith("/")) fail(`${page}: ${file} is not on this box`);
    const kind = /\.(js|css)$/.exec(file)?.[1];
    if (kind) bytes[kind] += gzipSync(readFileSync(DIST + file.slice(1)), { level: 9 }).length;
  }
  if (/<script(?![^>]*\ssrc=)/.test(html)) fail(`${page}: inline script`);
  if (/<style|\sstyle="/.test(html)) fail(`${page}: inline style`);
  for (const kind of ["js", "css"]) {
    const line = `${page}: ${(bytes[kind] / 1000).toFixed(1)} of ${BUDGET[kind] / 1000} kB ${kind} (gzip)`;
    if (bytes[kind] > BUDGET[kind]) fail(`${line}: too large`);
    else console.log(line);
  }
}
if (failed) process.exit(1);
