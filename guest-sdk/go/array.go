package sluice

import (
	"encoding/binary"
	"math/big"
	"unsafe"
)

// Array is a column of any type as Arrow lays it out: the form that every type can be read and built in,
// nested ones too. [Array.Value] gives its values one by one, a [Builder] makes one.
type Array struct {
	Type Type
	// Len is the number of values, Nulls how many of them are null.
	Len, Nulls int
	// Buffers are those of the Arrow columnar format; the validity, where the layout has one, is the first,
	// and empty where there are no nulls.
	Buffers [][]byte
	// Children are the arrays of nested types and the values of dictionaries.
	Children []*Array
}

// Valid is which values are not null; nil where all are.
func (a *Array) Valid() Bitmap {
	if a.Nulls == 0 || len(a.Buffers) == 0 {
		return nil
	}
	n := bytesFor(a.Len)
	return a.Buffers[0][:n:n]
}

// IsNull is whether the value of a row is null, in a dictionary's values included.
func (a *Array) IsNull(row int) bool {
	switch {
	case a.Type.Kind == KindNull || !a.Valid().Get(row):
		return true
	case a.Type.Kind == KindDictionary:
		return a.Children[0].IsNull(a.key(row))
	}
	return false
}

// Float16Bits is a floating-point number of 16 bits.
type Float16Bits uint16

// Decimal128 is an unscaled decimal in two's complement, low half first.
type Decimal128 struct {
	Low  uint64
	High int64
}

// Decimal256 is an unscaled decimal in two's complement, lowest quarter first.
type Decimal256 [4]uint64

// DayTime is an interval of days and milliseconds.
type DayTime struct{ Days, Milliseconds int32 }

// MonthDayNano is an interval of months, days and nanoseconds.
type MonthDayNano struct {
	Months, Days int32
	Nanoseconds  int64
}

// Entry is one entry of a map.
type Entry struct{ Key, Value any }

// Big is the decimal as a number, without its scale.
func (d Decimal128) Big() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(d.High), 64)
	return n.Add(n, new(big.Int).SetUint64(d.Low))
}

// Float is the decimal as the nearest number, without its scale.
func (d Decimal128) Float() float64 {
	const half = 1 << 64
	if d.High == int64(d.Low)>>63 {
		return float64(int64(d.Low))
	}
	return float64(d.High)*half + float64(d.Low)
}

// Value is the value of a row, nil for null:
//
//   - bool, int8 to int64, uint8 to uint64, float32, float64, [Float16Bits];
//   - int32 or int64 for dates, times, timestamps, durations, months and decimals of that width;
//   - [Decimal128], [Decimal256], [DayTime], [MonthDayNano];
//   - string for text, []byte for binary, both sharing the memory of the array;
//   - []any for a list, []any in the order of its fields for a struct, []Entry for a map;
//   - for a dictionary, the value that the index stands for.
//
// It panics where there is no such row.
func (a *Array) Value(row int) any {
	if row < 0 || row >= a.Len {
		panic("sluice: row out of range")
	}
	if a.IsNull(row) {
		return nil
	}
	switch a.Type.layout() {
	case layoutBits:
		return Bitmap(a.Buffers[1]).Get(row)
	case layoutFixed:
		return a.fixed(row)
	case layoutText, layoutLargeText, layoutView:
		bytes := a.bytes(row)
		if a.Type.IsText() {
			return unsafe.String(unsafe.SliceData(bytes), len(bytes))
		}
		return bytes
	case layoutList, layoutLargeList:
		from, to := a.span(row)
		if a.Type.Kind == KindMap {
			return a.entries(from, to)
		}
		return a.Children[0].slice(from, to)
	case layoutDictionary:
		return a.Children[0].Value(a.key(row))
	}
	if a.Type.Kind == KindFixedList {
		return a.Children[0].slice(row*a.Type.Width, (row+1)*a.Type.Width)
	}
	fields := make([]any, len(a.Children))
	for i, child := range a.Children {
		fields[i] = child.Value(row)
	}
	return fields
}

// Values is all values, as [Array.Value] gives them.
func (a *Array) Values() []any { return a.slice(0, a.Len) }

func (a *Array) slice(from, to int) []any {
	values := make([]any, 0, to-from)
	for row := from; row < to; row++ {
		values = append(values, a.Value(row))
	}
	return values
}

func (a *Array) entries(from, to int) []Entry {
	entries := make([]Entry, 0, to-from)
	keys, values := a.Children[0].Children[0], a.Children[0].Children[1]
	for row := from; row < to; row++ {
		entries = append(entries, Entry{keys.Value(row), values.Value(row)})
	}
	return entries
}

func (a *Array) fixed(row int) any {
	switch a.Type.Kind {
	case KindInt8:
		return slot[int8](a, row)
	case KindUint8:
		return slot[uint8](a, row)
	case KindInt16:
		return slot[int16](a, row)
	case KindUint16:
		return slot[uint16](a, row)
	case KindUint32:
		return slot[uint32](a, row)
	case KindUint64:
		return slot[uint64](a, row)
	case KindFloat16:
		return slot[Float16Bits](a, row)
	case KindFloat32:
		return slot[float32](a, row)
	case KindFloat64:
		return slot[float64](a, row)
	case KindDecimal128:
		return slot[Decimal128](a, row)
	case KindDecimal256:
		return slot[Decimal256](a, row)
	case KindIntervalDayTime:
		return slot[DayTime](a, row)
	case KindIntervalMonthDayNano:
		return slot[MonthDayNano](a, row)
	case KindFixedBinary:
		return a.Buffers[1][row*a.Type.Width : (row+1)*a.Type.Width : (row+1)*a.Type.Width]
	}
	if a.Type.width() == 4 {
		return slot[int32](a, row)
	}
	return slot[int64](a, row)
}

func slot[T any](a *Array, row int) T { return cast[T](a.Buffers[1])[row] }

// cast is a buffer as values of one width; a tail that is no whole value is left out. The host aligns
// buffers to eight bytes, which is enough for every type of this package.
func cast[T any](buffer []byte) []T {
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(buffer))), len(buffer)/int(unsafe.Sizeof(zero)))
}

// uncast is values of one width as bytes.
func uncast[T any](values []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(zero)))
}

// span is where the values of a list, or the bytes of a text, begin and end.
func (a *Array) span(row int) (from, to int) {
	switch a.Type.layout() {
	case layoutLargeText, layoutLargeList:
		offsets := cast[int64](a.Buffers[1])
		return int(offsets[row]), int(offsets[row+1])
	}
	offsets := cast[int32](a.Buffers[1])
	return int(offsets[row]), int(offsets[row+1])
}

const (
	viewBytes  = 16
	inlineMax  = 12 // bytes of a value that lie in the view itself
	viewPrefix = 4
)

// bytes is the text or binary of a row.
func (a *Array) bytes(row int) []byte {
	if a.Type.layout() != layoutView {
		from, to := a.span(row)
		return a.Buffers[2][from:to:to]
	}
	view := a.Buffers[1][row*viewBytes : (row+1)*viewBytes]
	n := int(binary.LittleEndian.Uint32(view))
	if n <= inlineMax {
		return view[4 : 4+n : 4+n]
	}
	buffer, from := binary.LittleEndian.Uint32(view[8:]), int(binary.LittleEndian.Uint32(view[12:]))
	return a.Buffers[2+buffer][from : from+n : from+n]
}

// key is the index of a dictionary's row.
func (a *Array) key(row int) int {
	switch a.Type.Keys {
	case KindInt8:
		return int(slot[int8](a, row))
	case KindUint8:
		return int(slot[uint8](a, row))
	case KindInt16:
		return int(slot[int16](a, row))
	case KindUint16:
		return int(slot[uint16](a, row))
	case KindInt32:
		return int(slot[int32](a, row))
	case KindUint32:
		return int(slot[uint32](a, row))
	}
	return int(slot[int64](a, row))
}

// recyclable is the buffers that the next batch may be written into. Those that strings and bytes point into are not,
// as these may be kept.
func (a *Array) recyclable() [][]byte {
	switch {
	case a.Type.layout() == layoutView || a.Type.Kind == KindFixedBinary:
		return a.Buffers[:1]
	case len(a.Buffers) > 2:
		return a.Buffers[:2]
	}
	return a.Buffers
}
