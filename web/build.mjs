/**
 * Builds the pages: `node build.mjs [FOLDER]` writes each into the crate that serves it, or all below FOLDER, to be compared.
 *
 * annotate/  one module for each source, as TypeScript makes them
 * report/    one script and one style, which em-pipeline writes into its reports
 * view/      Neuroglancer and the page around it, in one bundle and two workers
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build, buildSync } from "esbuild";


const here = fileURLToPath(new URL(".", import.meta.url));
const source = (name) => join(here, "src", name);

/** Where each page is committed, from the root of the workspace. */
export const PAGES = {
  annotate: "crates/em-serve/page",
  view: "crates/em-serve/view",
  report: "crates/em-pipeline/page",
};

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

/** Of Neuroglancer's many sources of data, view needs the one that its server speaks; the others ask foreign servers. */
const NEUROGLANCER_PARTS = [
  "neuroglancer/datasource:none_by_default",
  "neuroglancer/datasource/precomputed:enabled",
  "neuroglancer/kvstore:none_by_default",
  "neuroglancer/kvstore/http:enabled",
];

/** What Neuroglancer's sources need to work in one folder, and under a policy that forbids making functions of texts. */
const NEUROGLANCER_CHANGES = [
  {
    file: /async_computation[/\\]request\.js$/,
    from: '"../async_computation.bundle.js"',
    to: '"./async_computation.bundle.js"',
  },
  {
    file: /compressed_segmentation[/\\]encode_common\.js$/,
    from: /new Function\([\s\S]*?\}\)\(\)\s*\)/,
    to: `(outputData, outputOffset, encodingBuffer, indexBuffer, encodedBits, encodedSize32Bits) => {
  if (encodedBits === 0) return;
  for (let wordIndex = 0, element = 0; wordIndex < encodedSize32Bits; ++wordIndex) {
    let word = 0;
    for (let bit = 0; bit < 32; bit += encodedBits) word |= indexBuffer[encodingBuffer[element++]] << bit;
    outputData[outputOffset + wordIndex] = word;
  }
}`,
  },
];

const neuroglancerChanges = {
  name: "neuroglancer-changes",
  setup({ onLoad }) {
    for (const { file, from, to } of NEUROGLANCER_CHANGES) {
      onLoad({ filter: file }, ({ path }) => {
        const text = readFileSync(path, "utf8");
        const changed = text.replace(from, () => to);
        if (changed === text) throw new Error(`${path} has no ${from}`);
        return { contents: changed, loader: "js" };
      });
    }
  },
};

async function view() {
  const folder = emptied("view");
  const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: {
      main: "src/view/main.ts",
      "chunk_worker.bundle": "neuroglancer/unstable/chunk_worker.bundle.js",
      "async_computation.bundle": "neuroglancer/unstable/async_computation.bundle.js",
    },
    outdir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    conditions: NEUROGLANCER_PARTS,
    loader: { ".svg": "text" },
    legalComments: "external",
    metafile: true,
    plugins: [neuroglancerChanges],
    logLevel: "warning",
  });
  copyFileSync(join(source("view"), "index.html"), join(folder, "index.html"));
  writeFileSync(join(folder, "LICENSES.txt"), licences(Object.keys(metafile.inputs)));
}

/** The licences of all packages that are in a bundle. */
function licences(inputs) {
  const names = inputs.map((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1]);
  const packages = [...new Set(names.filter((name) => name !== undefined))].sort();
  return packages.map((name) => licence(name)).join("\n");
}

function licence(name) {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file)).sort();
  if (texts.length === 0) throw new Error(`${name} has no licence beside its sources`);
  const text = texts.map((file) => readFileSync(join(folder, file), "utf8").trim()).join("\n\n");
  return `${"=".repeat(78)}\n${name} ${version} (${license})\n${"=".repeat(78)}\n\n${text}\n`;
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
await view();
report();
