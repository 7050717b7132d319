// Buckets sales by amount and drops the small ones. Reads `amount` alone; every other column passes by.

import { Buckets, numbers, param, transform, utf8 } from "sluicegate";

const BUCKETS = new Buckets([20, 100], ["low", "medium", "high"]);

export default transform({
  params: { min_amount: param.number({ default: 0 }) },

  bind(plan, { min_amount }) {
    const amount = plan.read("amount", numbers);
    plan.passAll().compute("amount_bucket", utf8, { nullable: false }).stateless();

    return (batch, out) => {
      const amounts = batch.column(amount);
      const rows = amounts.ge(min_amount);
      out.filter(rows, { amount_bucket: BUCKETS.of(amounts, rows) });
    };
  },
});
