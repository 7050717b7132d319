// bundle.mjs JOB.json: makes one module of a project and the SDK, with a table that tells where its lines came from.
//
// JOB: { esbuild, sdk, project, source, native, out }. Paths of this machine do not reach the output. Prints the folders of the
// packages whose modules went in, as JSON.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, resolve, sep } from "node:path";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { build } = createRequire(join(job.esbuild, "package.json"))("esbuild");

const entry = `
import definition from ${JSON.stringify(`./${job.source}`)};
import { component } from "sluicegate/component";
${job.native ? 'import * as native from "sluicegate:kernels/vector@0.1.0";' : "const native = undefined;"}
export const transform = component(definition, native);
`;

let result;
try {
  result = await build({
    stdin: { contents: entry, resolveDir: job.project, sourcefile: "component" },
    absWorkingDir: job.project,
    outfile: "plugin.js",
    bundle: true,
    write: false,
    metafile: true,
    sourcemap: "external",
    format: "esm",
    platform: "neutral",
    target: "es2023",
    charset: "utf8",
    mainFields: ["module", "main"],
    conditions: ["import"],
    external: ["sluicegate:*"],
    alias: { "sluicegate/component": join(job.sdk, "src/component.ts"), sluicegate: join(job.sdk, "src/index.ts") },
    tsconfigRaw: "{}",
    logLevel: "error",
  });
} catch {
  process.exit(1); // esbuild has said why.
}

const [map, bundle] = result.outputFiles.map((file) => file.text);
// Each module stands behind a comment with its path, which depends on where the SDK lies.
const paths = new Set(Object.keys(result.metafile.inputs).map((path) => `// ${path}`));
const code = bundle.split("\n").map((line) => (paths.has(line) ? "//" : line)).join("\n");
writeFileSync(job.out, `${code}\nglobalThis.sluicegateLines = ${JSON.stringify(origins(JSON.parse(map)))};\n`);

console.log(JSON.stringify([...new Set(Object.keys(result.metafile.inputs).map(packageOf).filter(Boolean))].sort()));

/** The folder of the package of npm that a module belongs to; none for a module of the project itself. */
function packageOf(path) {
  return resolve(job.project, path).match(/^.*\/node_modules\/(@[^/]+\/)?[^/]+(?=\/)/)?.[0];
}

/** Files, and the lines of the bundle from which on they follow line by line. */
function origins({ sources, mappings }) {
  const names = sources.map((source) => named(resolve(job.project, source)));
  const lines = [];
  let [source, line] = [0, 0];
  mappings.split(";").forEach((segments, index) => {
    let first;
    for (const segment of segments.split(",").filter(Boolean)) {
      const [, toSource = 0, toLine = 0] = vlq(segment);
      [source, line] = [source + toSource, line + toLine];
      first ??= [index + 1, source, line + 1];
    }
    first ??= [index + 1, -1, 0];
    const last = lines.at(-1);
    const follows = last && last[1] === first[1] && (first[1] < 0 || first[2] - last[2] === first[0] - last[0]);
    if (!follows) lines.push(first);
  });
  return { sources: names, lines };
}

function named(path) {
  const inSdk = relative(join(job.sdk, "src"), path);
  const name = inSdk.startsWith("..") ? relative(job.project, path) : join("sluicegate", inSdk);
  return name.split(sep).join("/");
}

function vlq(segment) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const values = [];
  let [value, shift] = [0, 0];
  for (const char of segment) {
    const digit = digits.indexOf(char);
    value |= (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    values.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return values;
}
