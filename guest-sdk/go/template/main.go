// Keeps the rows of at least a minimum, and says how large they are.
package main

import "sluicegate/sluice"

// params is what an application may set.
type params struct {
	Minimum float64 `param:"minimum,default=0"`
}

type transform struct {
	params
	amount sluice.Numbers
}

// bind checks the input and says what will be done: `amount` is read, every column passes, `size` is added.
func bind(plan *sluice.Plan, params params) (sluice.Transform, error) {
	plan.PassAll().Compute(sluice.NewField("size", sluice.Utf8).NotNull()).Stateless()
	return &transform{params, plan.Numbers("amount")}, nil
}

// Process is called for each batch.
func (t *transform) Process(batch *sluice.Batch, out *sluice.Output) error {
	amounts := t.amount.In(batch)
	rows := sluice.AtLeast(amounts, t.Minimum)
	return out.Filter(rows, sluice.Map(sluice.Keep(amounts, rows), size))
}

func size(amount float64) string {
	if amount >= 100 {
		return "large"
	}
	return "small"
}

func init() { sluice.Export(bind) }
func main() {}
