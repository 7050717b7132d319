package main

import "sluicegate/sluice"

type count struct {
	x     sluice.Integers
	rows  uint64
	sum   int64
	known bool
}

func bindCount(plan *sluice.Plan) sluice.Transform {
	plan.Compute(sluice.NewField("rows", sluice.Uint64).NotNull()).Compute(sluice.NewField("sum", sluice.Int64))
	return &count{x: plan.Integers("x")}
}

func (c *count) Process(batch *sluice.Batch, _ *sluice.Output) error {
	c.rows += uint64(batch.Rows())
	for _, x := range c.x.In(batch).All() {
		c.sum += x
		c.known = true
	}
	return nil
}

// Finish emits no sum where no x was known.
func (c *count) Finish(out *sluice.Output) error {
	var sum sluice.Column[int64]
	sum.AppendIf(c.sum, c.known)
	return out.Rows(sluice.Of(c.rows), sum)
}

func bindRunning(plan *sluice.Plan) sluice.Transform {
	x, total := plan.Integers("x"), int64(0)
	plan.PassAll().Compute(sluice.NewField("total", sluice.Int64).NotNull())
	return process(func(batch *sluice.Batch, out *sluice.Output) error {
		read := x.In(batch)
		totals := sluice.NewColumn[int64](batch.Rows())
		for row := range batch.Rows() {
			value, _ := read.Get(row)
			total += value
			totals.Append(total)
		}
		return out.All(totals)
	})
}
