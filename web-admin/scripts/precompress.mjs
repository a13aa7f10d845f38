// Writes a .br and a .gz beside every built file over 1 KiB, so that the box never compresses at run time.
// A result that is not smaller is not kept.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const LEAST_BYTES = 1024;

for (const name of readdirSync(DIST, { recursive: true })) {
  const path = join(DIST, name);
  if (!statSync(path).isFile() || /\.(br|gz)$/.test(path)) continue;
  const bytes = readFileSync(path);
  if (bytes.length <= LEAST_BYTES) continue;
  const brotli = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  const gzip = gzipSync(bytes, { level: 9 });
  if (brotli.length < bytes.length) writeFileSync(`${path}.br`, brotli);
  if (gzip.length < bytes.length) writeFileSync(`${path}.gz`, gzip);
}
