// Buckets sales by amount and drops the small ones.
package main

import "sluicegate/sluice"

type params struct {
	MinAmount float64 `param:"min_amount,optional"`
}

type salesETL struct {
	params
	amount sluice.Numbers
}

func bind(plan *sluice.Plan, params params) (sluice.Transform, error) {
	plan.PassAll().Compute(sluice.NewField("amount_bucket", sluice.Utf8).NotNull()).Stateless()
	return &salesETL{params, plan.Numbers("amount")}, nil
}

func (s *salesETL) Process(batch *sluice.Batch, out *sluice.Output) error {
	amounts := s.amount.In(batch)
	rows := sluice.AtLeast(amounts, s.MinAmount)
	return out.Filter(rows, sluice.Map(sluice.Keep(amounts, rows), bucket))
}

func bucket(amount float64) string {
	switch {
	case amount >= 100:
		return "high"
	case amount >= 20:
		return "medium"
	}
	return "low"
}

func init() { sluice.Export(bind) }
func main() {}
