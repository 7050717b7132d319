// Lets Node find `sluicegate` and `sluicegate/harness` in the SDK that SLUICE_SDK names.

import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

const sdk = pathToFileURL(`${process.env.SLUICE_SDK}/src/`);
const MODULES = { sluicegate: "index.ts", "sluicegate/harness": "harness.ts" };

registerHooks({
  resolve: (name, context, next) => (MODULES[name] ? { url: new URL(MODULES[name], sdk).href, shortCircuit: true } : next(name, context)),
});
