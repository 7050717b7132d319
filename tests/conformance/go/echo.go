package main

import "sluicegate/sluice"

// column rebuilds one column of a batch.
type column func(batch *sluice.Batch) (sluice.Computed, error)

// bindEcho emits every column rebuilt: plain ones as slices of their Go type, the others value by value.
func bindEcho(plan *sluice.Plan) sluice.Transform {
	var columns []column
	for _, field := range plan.Input() {
		columns = append(columns, rebuilt(plan, field))
		plan.Compute(field)
	}
	plan.Stateless()
	return process(func(batch *sluice.Batch, out *sluice.Output) error {
		var computed []sluice.Computed
		for _, column := range columns {
			built, err := column(batch)
			if err != nil {
				return err
			}
			computed = append(computed, built)
		}
		return out.All(computed...)
	})
}

func rebuilt(plan *sluice.Plan, field sluice.Field) column {
	switch field.Type.Kind {
	case sluice.KindBool:
		return values[bool](plan, field)
	case sluice.KindInt8:
		return values[int8](plan, field)
	case sluice.KindInt16:
		return values[int16](plan, field)
	case sluice.KindInt32, sluice.KindDate32, sluice.KindTime32, sluice.KindIntervalMonths, sluice.KindDecimal32:
		return values[int32](plan, field)
	case sluice.KindInt64, sluice.KindDate64, sluice.KindTime64, sluice.KindTimestamp, sluice.KindDuration, sluice.KindDecimal64:
		return values[int64](plan, field)
	case sluice.KindUint8:
		return values[uint8](plan, field)
	case sluice.KindUint16:
		return values[uint16](plan, field)
	case sluice.KindUint32:
		return values[uint32](plan, field)
	case sluice.KindUint64:
		return values[uint64](plan, field)
	case sluice.KindFloat16:
		return values[sluice.Float16Bits](plan, field)
	case sluice.KindFloat32:
		return values[float32](plan, field)
	case sluice.KindFloat64:
		return values[float64](plan, field)
	case sluice.KindDecimal128:
		return values[sluice.Decimal128](plan, field)
	case sluice.KindDecimal256:
		return values[sluice.Decimal256](plan, field)
	case sluice.KindIntervalDayTime:
		return values[sluice.DayTime](plan, field)
	case sluice.KindIntervalMonthDayNano:
		return values[sluice.MonthDayNano](plan, field)
	case sluice.KindUtf8, sluice.KindLargeUtf8, sluice.KindUtf8View:
		return values[string](plan, field)
	case sluice.KindBinary, sluice.KindLargeBinary, sluice.KindBinaryView, sluice.KindFixedBinary:
		return values[[]byte](plan, field)
	}
	input := plan.Array(field.Name)
	return func(batch *sluice.Batch) (sluice.Computed, error) {
		array, builder := input.In(batch), sluice.NewBuilder(field.Type)
		for row := range array.Len {
			if err := builder.Append(array.Value(row)); err != nil {
				return nil, sluice.Data("column `%s`, row %d: %v", field.Name, row, err)
			}
		}
		return builder, nil
	}
}

func values[T sluice.Cell](plan *sluice.Plan, field sluice.Field) column {
	input := sluice.Read[T](plan, field.Name)
	return func(batch *sluice.Batch) (sluice.Computed, error) {
		read := input.In(batch)
		built := sluice.NewColumn[T](read.Len())
		for row := range read.Len() {
			built.AppendIf(read.Get(row))
		}
		return built, nil
	}
}
