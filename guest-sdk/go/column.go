package sluice

import (
	"fmt"
	"iter"
	"math"
	"unsafe"
)

// Cell is the Go types of the values of columns.
//
// A date, a time, a timestamp, a duration, a number of months and a decimal of 32 or 64 bits is the int32 or
// int64 that it is stored as; [Type.Time] makes a time of a timestamp or a date.
type Cell interface {
	bool | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64 | string | []byte |
		Float16Bits | Decimal128 | Decimal256 | DayTime | MonthDayNano
}

// Column is a slice of values with their nulls. It is what a transform reads, and what it computes.
//
// What is read shares the memory of the batch: it may be changed in place and emitted, but must not be used after
// Process returned, as the next batch is written there. Only strings and bytes may be kept.
type Column[T Cell] struct {
	// Values has a value for each row; that of a null is any.
	Values []T
	// Valid is which values are not null; nil where all are.
	Valid Bitmap
}

// Of is a column of values without nulls. It keeps the slice.
func Of[T Cell](values ...T) Column[T] { return Column[T]{Values: values} }

// NewColumn is an empty column with room for n values.
func NewColumn[T Cell](n int) Column[T] { return Column[T]{Values: make([]T, 0, n)} }

// Repeat is a column of n times one value.
func Repeat[T Cell](value T, n int) Column[T] {
	values := make([]T, n)
	for i := range values {
		values[i] = value
	}
	return Column[T]{Values: values}
}

// Len is the number of values.
func (c Column[T]) Len() int { return len(c.Values) }

// IsNull is whether a row is null.
func (c Column[T]) IsNull(row int) bool { return !c.Valid.Get(row) }

// Get is the value of a row; false for null.
func (c Column[T]) Get(row int) (T, bool) {
	if !c.Valid.Get(row) {
		var zero T
		return zero, false
	}
	return c.Values[row], true
}

// All is the rows that are not null with their values.
func (c Column[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for row, value := range c.Values {
			if c.Valid.Get(row) && !yield(row, value) {
				return
			}
		}
	}
}

// Append adds a value.
func (c *Column[T]) Append(value T) {
	if c.Valid != nil {
		c.Valid = appendBit(c.Valid, len(c.Values), true)
	}
	c.Values = append(c.Values, value)
}

// AppendNull adds a null.
func (c *Column[T]) AppendNull() {
	if c.Valid == nil {
		c.Valid = NewBitmap(len(c.Values))
	}
	if n := len(c.Values); n&7 != 0 {
		c.Valid.Clear(n)
	} else {
		c.Valid = append(c.Valid, 0)
	}
	var zero T
	c.Values = append(c.Values, zero)
}

// AppendIf adds a value, or a null where known is false.
func (c *Column[T]) AppendIf(value T, known bool) {
	if known {
		c.Append(value)
	} else {
		c.AppendNull()
	}
}

// Map is the column of f of each value; null stays null.
func Map[T, R Cell](c Column[T], f func(T) R) Column[R] {
	values := make([]R, len(c.Values))
	if c.Valid == nil {
		for row, value := range c.Values {
			values[row] = f(value)
		}
		return Column[R]{Values: values}
	}
	for row, value := range c.Values {
		if c.Valid.Get(row) {
			values[row] = f(value)
		}
	}
	return Column[R]{values, c.Valid}
}

// Map2 is the column of f of each pair of values of two columns of the same length; null where one of them is null.
func Map2[A, B, R Cell](a Column[A], b Column[B], f func(A, B) R) Column[R] {
	values, valid := make([]R, len(a.Values)), a.Valid.And(b.Valid, len(a.Values))
	for row, value := range a.Values {
		if valid.Get(row) {
			values[row] = f(value, b.Values[row])
		}
	}
	return Column[R]{values, valid}
}

// Computed is a column that a transform emits: a [Column], an [Array] or a [Builder].
type Computed interface {
	// computed is the column as an array of a type; it fails where that type cannot hold it.
	computed(t Type) (*Array, error)
}

func (a *Array) computed(t Type) (*Array, error) {
	if !a.Type.Equal(t) {
		return nil, fmt.Errorf("is of type %s, the plan says %s", a.Type, t)
	}
	return a, nil
}

func (c Column[T]) computed(t Type) (*Array, error) {
	if !holds[T](t) {
		return nil, fmt.Errorf("is of Go type %T, the plan says %s", *new(T), t)
	}
	n := len(c.Values)
	a := &Array{Type: t, Len: n, Nulls: n - c.Valid.Count(n)}
	var validity []byte
	if a.Nulls > 0 {
		validity = c.Valid
	}
	switch values := any(c.Values).(type) {
	case []bool:
		a.Buffers = [][]byte{validity, packBools(values)}
	case []string:
		a.Buffers = packTexts(t, values, c.Valid, validity)
	case [][]byte:
		a.Buffers = packTexts(t, values, c.Valid, validity)
		if t.Kind == KindFixedBinary {
			for row, value := range values {
				if c.Valid.Get(row) && len(value) != t.Width {
					return nil, fmt.Errorf("has %d bytes in row %d, the plan says %s", len(value), row, t)
				}
			}
		}
	default:
		a.Buffers = [][]byte{validity, uncast(c.Values)}
	}
	return a, nil
}

// packTexts is the buffers of texts; those of nulls are left out.
func packTexts[S string | []byte](t Type, values []S, valid Bitmap, validity []byte) [][]byte {
	total := 0
	for row, value := range values {
		if valid == nil || valid.Get(row) {
			total += len(value)
		}
	}
	switch t.layout() {
	case layoutView:
		views, data := make([]byte, 0, viewBytes*len(values)), []byte(nil)
		for row, value := range values {
			if !valid.Get(row) {
				value = *new(S)
			}
			views, data = appendView(views, data, []byte(value))
		}
		if len(data) == 0 {
			return [][]byte{validity, views}
		}
		return [][]byte{validity, views, data}
	case layoutFixed:
		data := make([]byte, t.Width*len(values))
		for row, value := range values {
			if valid.Get(row) {
				copy(data[row*t.Width:(row+1)*t.Width], value)
			}
		}
		return [][]byte{validity, data}
	case layoutLargeText:
		offsets, data := joined[int64](values, valid, total)
		return [][]byte{validity, uncast(offsets), data}
	}
	if total > math.MaxInt32 {
		panic("sluice: a column of one batch exceeds the 2 GiB that its offsets can count; use its large type")
	}
	offsets, data := joined[int32](values, valid, total)
	return [][]byte{validity, uncast(offsets), data}
}

func joined[O int32 | int64, S string | []byte](values []S, valid Bitmap, total int) (offsets []O, data []byte) {
	offsets, data = make([]O, len(values)+1), make([]byte, total)
	end, ends, at := 0, offsets[1:][:len(values)], unsafe.Pointer(unsafe.SliceData(data))
	for row, value := range values {
		if valid == nil || valid.Get(row) {
			copyText(unsafe.Add(at, end), textPointer(value), len(value))
			end += len(value)
		}
		ends[row] = O(end)
	}
	return offsets, data
}

func textPointer[S string | []byte](text S) unsafe.Pointer {
	// Both begin with the pointer to their bytes.
	return *(*unsafe.Pointer)(unsafe.Pointer(&text))
}

// copyText copies n bytes between places that do not overlap. The instruction that copies memory is a call of
// the host's, which costs a short text more than two words that overlap.
func copyText(to, from unsafe.Pointer, n int) {
	switch {
	case n > 16:
		copy(unsafe.Slice((*byte)(to), n), unsafe.Slice((*byte)(from), n))
	case n >= 8:
		*(*uint64)(to) = *(*uint64)(from)
		*(*uint64)(unsafe.Add(to, n-8)) = *(*uint64)(unsafe.Add(from, n-8))
	case n >= 4:
		*(*uint32)(to) = *(*uint32)(from)
		*(*uint32)(unsafe.Add(to, n-4)) = *(*uint32)(unsafe.Add(from, n-4))
	case n > 0:
		*(*byte)(to) = *(*byte)(from)
		*(*byte)(unsafe.Add(to, n/2)) = *(*byte)(unsafe.Add(from, n/2))
		*(*byte)(unsafe.Add(to, n-1)) = *(*byte)(unsafe.Add(from, n-1))
	}
}

// holds is whether columns of T are read from, and emitted as, columns of a type.
func holds[T Cell](t Type) bool {
	switch any(*new(T)).(type) {
	case bool:
		return t.Kind == KindBool
	case string:
		return t.Kind == KindUtf8 || t.Kind == KindLargeUtf8 || t.Kind == KindUtf8View
	case []byte:
		return t.Kind >= KindBinary && t.Kind <= KindFixedBinary
	}
	return t.Kind != KindFixedBinary && stores[T](t.Kind)
}

// stores is whether a kind of fixed width stores values of this Go type.
func stores[T any](kind Kind) bool {
	switch any(*new(T)).(type) {
	case int8:
		return kind == KindInt8
	case uint8:
		return kind == KindUint8
	case int16:
		return kind == KindInt16
	case uint16:
		return kind == KindUint16
	case int32:
		return kind == KindInt32 || kind == KindDecimal32 || kind == KindDate32 || kind == KindTime32 || kind == KindIntervalMonths
	case uint32:
		return kind == KindUint32
	case int64:
		return kind == KindInt64 || kind == KindDecimal64 || kind == KindDate64 || kind == KindTime64 ||
			kind == KindTimestamp || kind == KindDuration
	case uint64:
		return kind == KindUint64
	case Float16Bits:
		return kind == KindFloat16
	case float32:
		return kind == KindFloat32
	case float64:
		return kind == KindFloat64
	case Decimal128:
		return kind == KindDecimal128
	case Decimal256:
		return kind == KindDecimal256
	case DayTime:
		return kind == KindIntervalDayTime
	case MonthDayNano:
		return kind == KindIntervalMonthDayNano
	}
	return false
}

// columnOf is an array, of a type that T holds, as a column.
func columnOf[T Cell](a *Array) Column[T] {
	var values any
	switch any(*new(T)).(type) {
	case bool:
		values = unpackBools(a.Buffers[1], a.Len)
	case string:
		values = texts(a, func(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) })
	case []byte:
		values = texts(a, func(b []byte) []byte { return b })
	default:
		values = cast[T](a.Buffers[1])[:a.Len:a.Len]
	}
	return Column[T]{values.([]T), a.Valid()}
}

func texts[S string | []byte](a *Array, share func([]byte) S) []S {
	values := make([]S, a.Len)
	valid := a.Valid()
	switch {
	case a.Type.Kind == KindFixedBinary:
		w := a.Type.Width
		for row := range values {
			values[row] = share(a.Buffers[1][row*w : (row+1)*w : (row+1)*w])
		}
	case a.Type.layout() == layoutText && a.Len > 0:
		offsets, data := cast[int32](a.Buffers[1])[:a.Len+1], a.Buffers[2]
		for row := range values {
			values[row] = share(data[offsets[row]:offsets[row+1]:offsets[row+1]])
		}
	default:
		for row := range values {
			if valid.Get(row) {
				values[row] = share(a.bytes(row))
			}
		}
	}
	return values
}

func typeName[T any]() string { return fmt.Sprintf("%T", *new(T)) }
