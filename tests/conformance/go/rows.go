package main

import (
	"fmt"
	"slices"

	"sluicegate/sluice"
)

func bindPass(plan *sluice.Plan) sluice.Transform {
	plan.PassAll().Stateless()
	return process(func(_ *sluice.Batch, out *sluice.Output) error { return out.All() })
}

func bindFilter(plan *sluice.Plan) sluice.Transform {
	keep := sluice.Read[bool](plan, "keep")
	plan.PassAll().Compute(sluice.NewField("row", sluice.Uint32).NotNull()).Stateless()
	return process(func(batch *sluice.Batch, out *sluice.Output) error {
		rows := sluice.WhereTrue(keep.In(batch))
		numbers := sluice.NewColumn[uint32](rows.Selected())
		for row := range rows.Rows() {
			numbers.Append(uint32(row))
		}
		return out.Filter(rows, numbers)
	})
}

func bindTake(plan *sluice.Plan) sluice.Transform {
	plan.PassAll().Stateless()
	return process(func(batch *sluice.Batch, out *sluice.Output) error {
		rows := make([]uint32, batch.Rows())
		for row := range rows {
			rows[row] = uint32(row)
		}
		slices.Reverse(rows)
		if err := out.Take(rows); err != nil || len(rows) == 0 {
			return err
		}
		return out.Take([]uint32{0, 0, 0})
	})
}

func bindReject(plan *sluice.Plan) sluice.Transform {
	keep := sluice.Read[bool](plan, "keep")
	plan.PassAll().Stateless()
	return process(func(batch *sluice.Batch, out *sluice.Output) error {
		rows := sluice.WhereTrue(keep.In(batch))
		for row := range batch.Rows() {
			if !rows.Contains(row) {
				out.Reject(row, fmt.Sprintf("row %d", row))
			}
		}
		return out.Filter(rows)
	})
}

func bindMany(plan *sluice.Plan) sluice.Transform {
	plan.PassAll().Stateless()
	return process(func(batch *sluice.Batch, out *sluice.Output) error {
		for row := range batch.Rows() {
			if err := out.Take([]uint32{uint32(row)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func bindAddOne(plan *sluice.Plan) sluice.Transform {
	a, b := sluice.Read[int64](plan, "a"), sluice.Read[float64](plan, "b")
	plan.PassAll().Replace(plan.Field("a")).Replace(plan.Field("b")).Stateless()
	return process(func(batch *sluice.Batch, out *sluice.Output) error {
		whole, real := a.In(batch), b.In(batch)
		sluice.Add(whole.Values, 1) // in place
		sluice.Add(real.Values, 1)
		return out.All(whole, real)
	})
}
