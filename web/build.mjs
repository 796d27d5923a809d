/**
 * Builds the pages: `node build.mjs [FOLDER]` writes each into the crate that serves it, or all below FOLDER, to be compared.
 *
 * annotate/  one module for each source, as TypeScript makes them
 * report/    one script and one style, which em-pipeline writes into its reports
 * view/      Neuroglancer and the page around it, in one bundle and two workers
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { buildSync } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const source = (name) => join(here, "src", name);

/** Where each page is committed, from the root of the workspace. */
export const PAGES = { annotate: "crates/em-serve/page", report: "crates/em-pipeline/page" };

const target = resolve(process.argv[2] ?? join(here, ".."));

function emptied(page) {
  const folder = join(target, PAGES[page]);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function annotate() {
  const folder = emptied("annotate");
  execFileSync("npx", ["tsc", "--project", source("annotate"), "--outDir", folder], { cwd: here, stdio: "inherit" });
  for (const name of readdirSync(source("annotate")).filter((file) => /\.(html|css)$/.test(file))) {
    copyFileSync(join(source("annotate"), name), join(folder, name));
  }
}

/** One file each, since a report is one file: read, not minified, so that a change shows what has changed. */
function report() {
  const folder = emptied("report");
  const shared = { bundle: true, target: "es2022", charset: "utf8", legalComments: "none" };
  buildSync({ ...shared, entryPoints: [source("report/main.ts")], format: "iife", outfile: join(folder, "report.js") });
  buildSync({ ...shared, entryPoints: [source("report/report.css")], outfile: join(folder, "report.css") });
}

execFileSync("npx", ["tsc", "--noEmit"], { cwd: here, stdio: "inherit" });
annotate();
report();
