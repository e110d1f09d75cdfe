// Bundles the scripts of the pages to where the server compiles them in. With --check it only says whether what is committed
// there is what these sources make.
import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const BUNDLES = {
  "src/wallet.ts": "../crates/scrip-server/src/pages/wallet.js",
  "src/wait.ts": "../crates/scrip-server/src/pages/wait.js",
  "src/widget/frame.ts": "../crates/scrip-server/src/widget/frame.js",
  "src/widget/window.ts": "../crates/scrip-server/src/widget/window.js",
};

let stale = false;
for (const [source, target] of Object.entries(BUNDLES)) {
  const { outputFiles } = await build({
    absWorkingDir: import.meta.dirname,
    entryPoints: [source],
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    charset: "ascii",
    legalComments: "none",
    banner: { js: "// Made of web/src by `scripts/web`. Its parts are under the MIT licence: viem, abitype, @noble and @scure." },
    write: false,
  });
  const bundle = outputFiles[0].contents;
  const path = new URL(target, import.meta.url);
  if (!process.argv.includes("--check")) {
    await writeFile(path, bundle);
  } else if (!Buffer.from(bundle).equals(await readFile(path).catch(() => Buffer.alloc(0)))) {
    stale = true;
    process.stderr.write(`${path.pathname} is not what web/${source} makes\n\nhint: run scripts/web, and commit what it makes\n`);
  }
}
process.exit(stale ? 1 : 0);
