package sluice

import (
	"reflect"
	"time"
	"unsafe"
)

// Rows reads columns as a slice of structs: see [ReadRows].
type Rows[R any] struct{ fill []filler }

// filler sets one field of every row.
type filler func(batch *Batch, rows unsafe.Pointer, size uintptr)

// ReadRows reads a column for each exported field of the struct R, which names it in its tag, `column:"user_id"`, or
// else by its own name in snake case; `column:"-"` is no column.
//
// A field is a float64 (any numbers), an int64 (any integers), a string (any text), a [time.Time] (a timestamp or a
// date), or another type of [Cell], of which the column must be; or a pointer to one, which is nil for null. A null
// leaves another field zero.
//
//	for _, click := range t.clicks.In(batch) { ... click.UserID ... }
func ReadRows[R any](p *Plan) Rows[R] {
	var rows Rows[R]
	for _, field := range reflect.VisibleFields(reflect.TypeFor[R]()) {
		name := field.Tag.Get("column")
		if !field.IsExported() || field.Anonymous || name == "-" || len(field.Index) > 1 {
			continue
		}
		if name == "" {
			name = snakeCase(field.Name)
		}
		fill := fillerOf(p, name, field)
		if fill == nil {
			p.mistake(Invalid("field `%s` of Go type %s cannot hold the values of a column", field.Name, field.Type))
			return rows
		}
		rows.fill = append(rows.fill, fill)
	}
	return rows
}

// In is the rows of a batch. Strings and bytes in them may be kept, and so may the rows.
func (r Rows[R]) In(batch *Batch) []R {
	rows := make([]R, batch.rows)
	for _, fill := range r.fill {
		fill(batch, unsafe.Pointer(unsafe.SliceData(rows)), unsafe.Sizeof(*new(R)))
	}
	return rows
}

func fillerOf(p *Plan, name string, field reflect.StructField) filler {
	t := field.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Time]() {
		return fillTimes(p, name, field)
	}
	switch t.Kind() {
	case reflect.Float64:
		return fillWith(p.Numbers(name), field)
	case reflect.Int64:
		return fillWith(p.Integers(name), field)
	case reflect.String:
		texts := p.Text(name)
		return fillWith(Values[string]{texts.read, func(a *Array) Column[string] {
			return MapText(textOf(a), func(text string) string { return text })
		}}, field)
	case reflect.Bool:
		return fillWith(Read[bool](p, name), field)
	case reflect.Int8:
		return fillWith(Read[int8](p, name), field)
	case reflect.Int16:
		return fillWith(Read[int16](p, name), field)
	case reflect.Int32:
		return fillWith(Read[int32](p, name), field)
	case reflect.Uint8:
		return fillWith(Read[uint8](p, name), field)
	case reflect.Uint16:
		return fillWith(Read[uint16](p, name), field)
	case reflect.Uint32:
		return fillWith(Read[uint32](p, name), field)
	case reflect.Uint64:
		return fillWith(Read[uint64](p, name), field)
	case reflect.Float32:
		return fillWith(Read[float32](p, name), field)
	}
	switch t {
	case reflect.TypeFor[[]byte]():
		return fillWith(Read[[]byte](p, name), field)
	case reflect.TypeFor[Decimal128]():
		return fillWith(Read[Decimal128](p, name), field)
	}
	return nil
}

// fillWith sets a field whose memory is that of a T, or of a pointer to one.
func fillWith[T Cell](values Values[T], field reflect.StructField) filler {
	pointer := field.Type.Kind() == reflect.Pointer
	return func(batch *Batch, rows unsafe.Pointer, size uintptr) {
		for row, value := range values.In(batch).All() {
			at := unsafe.Add(rows, uintptr(row)*size+field.Offset)
			if pointer {
				*(**T)(at) = &value
			} else {
				*(*T)(at) = value
			}
		}
	}
}

func fillTimes(p *Plan, name string, field reflect.StructField) filler {
	kind := p.Field(name).Type
	if kind.Kind != KindTimestamp && kind.Kind != KindDate64 && kind.Kind != KindDate32 {
		p.mistake(Invalid("column `%s` is of type %s, expected a timestamp or a date", name, kind))
	}
	array := p.Array(name)
	pointer := field.Type.Kind() == reflect.Pointer
	return func(batch *Batch, rows unsafe.Pointer, size uintptr) {
		column := array.In(batch)
		for row := range column.Len {
			if column.IsNull(row) {
				continue
			}
			ticks := int64(0)
			if kind.Kind == KindDate32 {
				ticks = int64(slot[int32](column, row))
			} else {
				ticks = slot[int64](column, row)
			}
			moment, at := kind.Time(ticks), unsafe.Add(rows, uintptr(row)*size+field.Offset)
			if pointer {
				*(**time.Time)(at) = &moment
			} else {
				*(*time.Time)(at) = moment
			}
		}
	}
}

// Computes emits a slice of structs as columns: see [ComputeRows].
type Computes[R any] struct{ columns []func(rows []R) Computed }

// ComputeRows plans a computed column for each exported field of the struct R, named as in [ReadRows]; a pointer is a
// column that may hold nulls.
//
// A field is a bool, an integer or a float of a width, a string, or a [time.Time] for a timestamp of microseconds in UTC.
func ComputeRows[R any](p *Plan) Computes[R] {
	var computes Computes[R]
	for _, field := range reflect.VisibleFields(reflect.TypeFor[R]()) {
		name := field.Tag.Get("column")
		if !field.IsExported() || field.Anonymous || name == "-" || len(field.Index) > 1 {
			continue
		}
		if name == "" {
			name = snakeCase(field.Name)
		}
		kind, column := computeOf[R](field)
		if column == nil {
			p.mistake(Invalid("field `%s` of Go type %s cannot become a column", field.Name, field.Type))
			return computes
		}
		p.Compute(Field{Name: name, Type: kind, Nullable: field.Type.Kind() == reflect.Pointer})
		computes.columns = append(computes.columns, column)
	}
	return computes
}

// Of is the columns of rows, in the order of the struct's fields: out.All(t.rows.Of(rows)...).
func (c Computes[R]) Of(rows []R) []Computed {
	var computed []Computed
	for _, column := range c.columns {
		computed = append(computed, column(rows))
	}
	return computed
}

func computeOf[R any](field reflect.StructField) (Type, func([]R) Computed) {
	t := field.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Time]() {
		kind := Timestamp(Microsecond, "UTC")
		return kind, columnWith[R](field, func(moment time.Time) int64 { return kind.Ticks(moment) })
	}
	switch t.Kind() {
	case reflect.Bool:
		return Bool, columnWith[R](field, same[bool])
	case reflect.Int8:
		return Int8, columnWith[R](field, same[int8])
	case reflect.Int16:
		return Int16, columnWith[R](field, same[int16])
	case reflect.Int32:
		return Int32, columnWith[R](field, same[int32])
	case reflect.Int64:
		return Int64, columnWith[R](field, same[int64])
	case reflect.Uint8:
		return Uint8, columnWith[R](field, same[uint8])
	case reflect.Uint16:
		return Uint16, columnWith[R](field, same[uint16])
	case reflect.Uint32:
		return Uint32, columnWith[R](field, same[uint32])
	case reflect.Uint64:
		return Uint64, columnWith[R](field, same[uint64])
	case reflect.Float32:
		return Float32, columnWith[R](field, same[float32])
	case reflect.Float64:
		return Float64, columnWith[R](field, same[float64])
	case reflect.String:
		return Utf8, columnWith[R](field, same[string])
	}
	return Null, nil
}

func same[T any](value T) T { return value }

// columnWith collects a field whose memory is that of an F, or of a pointer to one.
func columnWith[R, F any, T Cell](field reflect.StructField, value func(F) T) func([]R) Computed {
	pointer := field.Type.Kind() == reflect.Pointer
	return func(rows []R) Computed {
		column := NewColumn[T](len(rows))
		for i := range rows {
			at := unsafe.Add(unsafe.Pointer(&rows[i]), field.Offset)
			switch {
			case !pointer:
				column.Append(value(*(*F)(at)))
			case *(**F)(at) == nil:
				column.AppendNull()
			default:
				column.Append(value(**(**F)(at)))
			}
		}
		return column
	}
}
