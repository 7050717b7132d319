// bundle.mjs JOB.json: makes one module of a project and the SDK, with a table that tells where its lines came from.
//
// JOB: { esbuild, sdk, project, source, native, access, out }; `access` is that of plugin.toml. Paths of this machine do not reach
// the output. Prints the folders of the packages whose modules went in, as JSON.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, resolve, sep } from "node:path";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { build } = createRequire(join(job.esbuild, "package.json"))("esbuild");

// What answers, by the name in `access`, which is also that of a module of the SDK.
const BINDINGS = {
  objects: "sluicegate:access/objects@0.1.0",
  secrets: "sluicegate:access/secrets@0.1.0",
  http: "sluicegate/wasi-http",
};

const entry = `
import definition from ${JSON.stringify(`./${job.source}`)};
import { component } from "sluicegate/component";
${job.native ? 'import * as native from "sluicegate:kernels/vector@0.1.0";' : "const native = undefined;"}
${provided()}export const transform = component(definition, native);
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
    external: ["sluicegate:*", "wasi:*"],
    alias: { ...aliases("component", "access", "wasi-http"), sluicegate: join(job.sdk, "src/index.ts") },
    tsconfigRaw: "{}",
    logLevel: "error",
  });
} catch {
  process.exit(1); // esbuild has said why.
}

const used = Object.entries(result.metafile.outputs["plugin.js"].inputs).filter(([, { bytesInOutput }]) => bytesInOutput);
for (const name of Object.keys(BINDINGS)) {
  const module = join(job.sdk, "src", `${name}.ts`);
  if (job.access.includes(name) || !used.some(([path]) => resolve(job.project, path) === module)) continue;
  console.error(`the source uses \`${name}\`, which needs \`access = ["${name}"]\` in plugin.toml`);
  process.exit(1);
}

const [map, bundle] = result.outputFiles.map((file) => file.text);
// Each module stands behind a comment with its path, which depends on where the SDK lies.
const paths = new Set(Object.keys(result.metafile.inputs).map((path) => `// ${path}`));
const code = bundle.split("\n").map((line) => (paths.has(line) ? "//" : line)).join("\n");
writeFileSync(job.out, `${code}\nglobalThis.sluicegateLines = ${JSON.stringify(origins(JSON.parse(map)))};\n`);

console.log(JSON.stringify([...new Set(Object.keys(result.metafile.inputs).map(packageOf).filter(Boolean))].sort()));

/** Gives the SDK what the component imports; engines differ in the type of 64 bits. */
function provided() {
  if (!job.access.length) return "";
  const imports = job.access.map((name) => `import * as ${name} from "${BINDINGS[name]}";\n`).join("");
  return `import { provide } from "sluicegate/access";
${imports}provide({ ${job.access.join()} }, ${job.native ? "Number" : "BigInt"});
`;
}

/** Modules of the SDK that authors do not import. */
function aliases(...names) {
  return Object.fromEntries(names.map((name) => [`sluicegate/${name}`, join(job.sdk, "src", `${name}.ts`)]));
}

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
