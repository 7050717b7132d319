// The conformance guest in JavaScript: the parameter `mode` chooses what it does.

import { Fault, Filter, bool, float64, int64, log, param, transform, uint32, uint64, utf8 } from "sluicegate";

const params = {
  mode: param.string(),
  text: param.optional(param.string()),
  whole: param.optional(param.integer()),
  real: param.number({ default: 1.5 }),
  flag: param.boolean({ default: false }),
  list: param.array(param.string(), { default: [] }),
};

const MODES = {
  echo(plan) {
    const columns = plan.input.map(({ name, type, nullable, metadata }) => {
      plan.compute(name, type, { nullable, metadata });
      return [name, plan.read(name)];
    });
    plan.stateless();
    return (batch, out) => out.all(Object.fromEntries(columns.map(([name, read]) => [name, [...batch.column(read)]])));
  },

  pass(plan) {
    plan.passAll().stateless();
    return (_, out) => out.all();
  },

  filter(plan) {
    const keep = plan.read("keep", bool);
    plan.passAll().compute("row", uint32, { nullable: false }).stateless();
    return (batch, out) => {
      const rows = Filter.from(batch.column(keep));
      out.filter(rows, { row: rows.rows() });
    };
  },

  take(plan) {
    plan.passAll().stateless();
    return (batch, out) => {
      out.take(Array.from({ length: batch.length }, (_, row) => batch.length - 1 - row));
      if (batch.length) out.take([0, 0, 0]);
    };
  },

  reject(plan) {
    const keep = plan.read("keep", bool);
    plan.passAll().stateless();
    return (batch, out) => {
      const rows = Filter.from(batch.column(keep));
      for (const row of rows.not().rows()) out.reject(row, `row ${row}`);
      out.filter(rows);
    };
  },

  params(plan, given) {
    for (const name of ["text", "whole"]) if (given[name] === undefined) throw Fault.invalid(`parameter \`${name}\` is missing`);
    plan.passAll().compute("params", utf8, { nullable: false }).stateless();
    const { text, whole, real, flag, list } = given;
    // JavaScript writes a whole float without a point.
    const point = Number.isInteger(real) ? real.toFixed(1) : String(real);
    const members = { text: JSON.stringify(text), whole, real: point, flag, list: JSON.stringify(list) };
    const shown = `{${Object.entries(members).map(([name, json]) => `"${name}":${json}`).join()}}`;
    return (batch, out) => out.all({ params: new Array(batch.length).fill(shown) });
  },

  "fault-invalid"(plan) {
    plan.passAll().read("missing");
    return () => {};
  },

  "fault-data"(plan) {
    plan.passAll().stateless();
    return () => {
      throw Fault.data("bad data");
    };
  },

  "fault-transient"(plan) {
    plan.passAll().stateless();
    return () => {
      throw Fault.transient("try again");
    };
  },

  panic(plan) {
    plan.passAll().stateless();
    return () => outer();
  },

  log(plan) {
    plan.passAll().stateless();
    for (const level of ["trace", "debug", "info", "warn", "error"]) log[level]("hello");
    return (_, out) => out.all();
  },

  count(plan) {
    const x = plan.read("x", int64);
    plan.compute("rows", uint64, { nullable: false }).compute("sum", int64);
    let [rows, sum] = [0, null];
    return {
      process(batch) {
        rows += batch.length;
        for (const value of batch.column(x)) if (value !== null) sum = BigInt.asIntN(64, (sum ?? 0n) + value);
      },
      finish: (out) => out.rows({ rows: [rows], sum: [sum] }),
    };
  },

  running(plan) {
    const x = plan.read("x", int64);
    plan.passAll().compute("total", int64, { nullable: false });
    let total = 0n;
    return (batch, out) => out.all({ total: batch.column(x).toArray().map((value) => (total = BigInt.asIntN(64, total + (value ?? 0n)))) });
  },

  many(plan) {
    plan.passAll().stateless();
    return (batch, out) => {
      for (let row = 0; row < batch.length; row++) out.take([row]);
    };
  },

  spin(plan) {
    plan.passAll().stateless();
    return () => {
      for (;;);
    };
  },

  grow(plan) {
    plan.passAll().stateless();
    return () => {
      for (const kept = []; ; ) kept.push(new Uint8Array(1 << 20));
    };
  },

  "add-one"(plan) {
    const [a, b] = [plan.read("a", int64), plan.read("b", float64)];
    plan.compute("a", int64).compute("b", float64).stateless();
    return (batch, out) => out.all({ a: batch.column(a).add(1n), b: batch.column(b).add(1) });
  },

  // The same without native code, to know what a loop costs.
  "add-one-loop"(plan) {
    const [a, b] = [plan.read("a", int64), plan.read("b", float64)];
    plan.compute("a", int64).compute("b", float64).stateless();
    return (batch, out) => {
      const [whole, real] = [batch.column(a).values, batch.column(b).values];
      for (let row = 0; row < whole.length; row++) whole[row] += 1n;
      for (let row = 0; row < real.length; row++) real[row] += 1;
      out.all({ a: whole, b: real });
    };
  },
};

function outer() {
  inner();
}

function inner() {
  throw new Error("boom");
}

export default transform({
  params,
  bind(plan, given) {
    const mode = MODES[given.mode];
    if (!mode) throw Fault.invalid(`mode \`${given.mode}\` is not known; there are ${Object.keys(MODES).join(", ")}`);
    return mode(plan, given);
  },
});
