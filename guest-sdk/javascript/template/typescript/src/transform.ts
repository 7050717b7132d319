// Puts rows into sizes by their amount.

import { numbers, param, transform, utf8 } from "sluicegate";

export default transform({
  params: { minimum: param.number({ default: 0 }) },

  bind(plan, { minimum }) {
    const amount = plan.read("amount", numbers);
    plan.passAll().compute("size", utf8, { nullable: false }).stateless();

    return (batch, out) => {
      const amounts = batch.column(amount);
      for (const row of amounts.nulls().rows()) out.reject(row, "the amount is null");
      const rows = amounts.ge(minimum);
      out.filter(rows, { size: rows.map(amounts, sizeOf) });
    };
  },
});

function sizeOf(amount: number): "large" | "small" {
  return amount >= 100 ? "large" : "small";
}
