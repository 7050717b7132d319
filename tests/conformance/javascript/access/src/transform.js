// The conformance guest in JavaScript for what lies beyond the columns: the parameter `mode` chooses what it does.

import { AccessError, Fault, http, log, objects, param, secrets, transform, uint64, utf8 } from "sluicegate";

const text = param.optional(param.string());
const params = {
  mode: param.string(),
  ...{ source: text, source_path: text, target: text, target_path: text, folder: text, path: text, name: text, url: text },
  prefix: param.string({ default: "" }),
  method: param.string({ default: "GET" }),
  headers: { expected: "a table of strings", parse: (value) => value, default: {} },
  body: param.string({ default: "" }),
  timeout_ms: param.integer({ default: http.TIMEOUT }),
};

/** Bytes of one ranged read. */
const READ_BYTES = 65_536;

const MODES = {
  "object-copy"(plan, given) {
    plan.passAll();
    let copied = false;
    return (_, out) => {
      if (!copied) copy(given);
      copied = true;
      out.all();
    };
  },

  "object-list"(plan, { folder, prefix }) {
    plan.compute("path", utf8, { nullable: false }).compute("size", uint64, { nullable: false });
    return {
      process() {},
      finish(out) {
        const found = [...objects.open(folder).list(prefix)];
        out.rows({ path: found.map(({ path }) => path), size: found.map(({ size }) => BigInt(size)) });
      },
    };
  },

  "object-errors"(plan, given) {
    const folder = objects.open(given.folder);
    const kinds = [
      failure(() => objects.open("undeclared")),
      failure(() => folder.head("absent")),
      failure(() => folder.head("../x")),
      failure(() => folder.create(given.path)),
    ];
    return logged(plan, kinds.join(" "));
  },

  secret(plan, { name }) {
    return logged(plan, outcome(() => `secret ${encodeURIComponent(secrets.read(name)).replace(/%../g, "-").length} bytes`));
  },

  http(plan, { url, method, headers, body, timeout_ms }) {
    const answer = () => http.fetch(url, { method, headers, body: body || undefined, timeout: timeout_ms });
    return logged(plan, outcome(() => ((response) => `${response.status} ${response.body.length}`)(answer())));
  },
};

function copy({ source, source_path, target, target_path }) {
  using writer = objects.open(target).create(target_path);
  for (const chunk of objects.open(source).chunks(source_path, READ_BYTES)) writer.write(chunk);
  writer.finish();
}

/** Logs a message, and passes everything. */
function logged(plan, message) {
  plan.passAll().stateless();
  log.info(message);
  return (_, out) => out.all();
}

/** What a call gives, or the word for why it failed. */
function outcome(call) {
  try {
    return call();
  } catch (error) {
    if (error instanceof AccessError) return error.kind;
    throw error;
  }
}

function failure(call) {
  return outcome(() => (call(), "none"));
}

export default transform({
  params,
  bind(plan, given) {
    const mode = MODES[given.mode];
    if (!mode) throw Fault.invalid(`mode \`${given.mode}\` is not known; there are ${Object.keys(MODES).join(", ")}`);
    return mode(plan, given);
  },
});
