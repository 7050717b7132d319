// Buckets sales by amount and drops the small ones.
package main

import "sluicegate/sluice"

var buckets = sluice.NewLabels("low", "medium", "high")

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
	return out.Filter(rows, sluice.LabelsOf(buckets, amounts, rows, bucket))
}

func bucket(amount float64) (label int) {
	if amount >= 20 {
		label = 1
	}
	if amount >= 100 {
		label = 2
	}
	return label
}

func init() { sluice.Export(bind) }
func main() {}
