package sluice

import (
	"iter"
	"math"
	"time"
	"unsafe"
)

// Input is a column that a transform reads: the handle that a [Plan] gives out, and with which each batch
// gives its values.
type Input[V any] struct {
	read int
	view func(*Array) V
}

// In is the column in a batch. Where the handle's kind converts, each call converts.
func (in Input[V]) In(batch *Batch) V { return in.view(batch.columns[in.read]) }

// Handles of the usual views.
type (
	// Values are those of a column that is stored as T.
	Values[T Cell] = Input[Column[T]]
	// Numbers are those of any column of numbers, as float64.
	Numbers = Values[float64]
	// Integers are those of any column of integers, as int64.
	Integers = Values[int64]
	// Texts are those of any column of text.
	Texts = Input[Text]
	// Arrays are columns of any type.
	Arrays = Input[*Array]
)

// numbersOf is the numbers of any numeric column; integers beyond 2^53 and decimals lose precision.
func numbersOf(a *Array) Column[float64] {
	switch a.Type.Kind {
	case KindFloat64:
		return columnOf[float64](a)
	case KindFloat32:
		return widened[float32, float64](a)
	case KindInt8:
		return widened[int8, float64](a)
	case KindInt16:
		return widened[int16, float64](a)
	case KindInt32:
		return widened[int32, float64](a)
	case KindInt64:
		return widened[int64, float64](a)
	case KindUint8:
		return widened[uint8, float64](a)
	case KindUint16:
		return widened[uint16, float64](a)
	case KindUint32:
		return widened[uint32, float64](a)
	case KindUint64:
		return widened[uint64, float64](a)
	case KindFloat16:
		return Map(columnOf[Float16Bits](a), Float16Bits.Float)
	case KindDecimal128:
		divisor := math.Pow10(a.Type.Scale)
		return Map(columnOf[Decimal128](a), func(d Decimal128) float64 { return d.Float() / divisor })
	case KindDecimal64:
		divisor := math.Pow10(a.Type.Scale)
		return Map(columnOf[int64](a), func(d int64) float64 { return float64(d) / divisor })
	case KindDecimal32:
		divisor := math.Pow10(a.Type.Scale)
		return Map(columnOf[int32](a), func(d int32) float64 { return float64(d) / divisor })
	}
	return nulls[float64](a.Len)
}

func acceptsNumbers(t Type) bool {
	return t.IsInteger() || t.Kind == KindNull || t.Kind >= KindFloat16 && t.Kind <= KindDecimal128
}

func integersOf(a *Array) Column[int64] {
	switch a.Type.Kind {
	case KindInt64:
		return columnOf[int64](a)
	case KindInt8:
		return widened[int8, int64](a)
	case KindInt16:
		return widened[int16, int64](a)
	case KindInt32:
		return widened[int32, int64](a)
	case KindUint8:
		return widened[uint8, int64](a)
	case KindUint16:
		return widened[uint16, int64](a)
	case KindUint32:
		return widened[uint32, int64](a)
	}
	return nulls[int64](a.Len)
}

// acceptsIntegers leaves out unsigned integers of 64 bits, as they do not all fit.
func acceptsIntegers(t Type) bool {
	return t.IsInteger() && t.Kind != KindUint64 || t.Kind == KindNull
}

type number interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

func widened[From, To number](a *Array) Column[To] {
	from := cast[From](a.Buffers[1])[:a.Len]
	to := make([]To, a.Len)
	for row, value := range from {
		to[row] = To(value)
	}
	return Column[To]{to, a.Valid()}
}

func nulls[T Cell](n int) Column[T] {
	return Column[T]{make([]T, n), make(Bitmap, bytesFor(n))}
}

// Float is the number that the bits stand for.
func (f Float16Bits) Float() float64 {
	sign, exponent, fraction := float64(1), int(f>>10&0x1f), float64(f&0x3ff)
	if f>>15 == 1 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 0x1f:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// Time is the moment of a timestamp or a date; a local timestamp counts as UTC. It panics for other types.
func (t Type) Time(value int64) time.Time {
	switch {
	case t.Kind == KindDate32:
		const secondsPerDay = 86_400
		return time.Unix(value*secondsPerDay, 0).UTC()
	case t.Kind == KindDate64 || t.Kind == KindTimestamp && t.Unit == Millisecond:
		return time.UnixMilli(value).UTC()
	case t.Kind != KindTimestamp:
		panic("sluice: " + t.String() + " is no moment")
	case t.Unit == Second:
		return time.Unix(value, 0).UTC()
	case t.Unit == Microsecond:
		return time.UnixMicro(value).UTC()
	}
	return time.Unix(0, value).UTC()
}

// Ticks is a moment as a timestamp or a date stores it, rounded down. It panics for other types.
func (t Type) Ticks(moment time.Time) int64 {
	switch {
	case t.Kind == KindDate32:
		const secondsPerDay = 86_400
		days := moment.Unix() / secondsPerDay
		if moment.Unix()%secondsPerDay < 0 {
			days--
		}
		return days
	case t.Kind == KindDate64 || t.Kind == KindTimestamp && t.Unit == Millisecond:
		return moment.UnixMilli()
	case t.Kind != KindTimestamp:
		panic("sluice: " + t.String() + " is no moment")
	case t.Unit == Second:
		return moment.Unix()
	case t.Unit == Microsecond:
		return moment.UnixMicro()
	}
	return moment.UnixNano()
}

// Text is a column of text, in whichever of Arrow's layouts it is. A string of it is made when it is asked for,
// and shares the memory of the batch.
type Text struct {
	a       *Array
	offsets []int32 // of the common layout
	data    []byte
}

func textOf(a *Array) Text {
	t := Text{a: a}
	if a.Type.Kind == KindUtf8 && a.Len > 0 {
		t.offsets, t.data = cast[int32](a.Buffers[1]), a.Buffers[2]
	}
	return t
}

// Len is the number of values.
func (t Text) Len() int { return t.a.Len }

// IsNull is whether a row is null.
func (t Text) IsNull(row int) bool { return t.a.IsNull(row) }

// Get is the text of a row; false for null.
func (t Text) Get(row int) (string, bool) {
	if t.a.IsNull(row) {
		return "", false
	}
	var bytes []byte
	switch {
	case t.offsets != nil:
		bytes = t.data[t.offsets[row]:t.offsets[row+1]]
	case t.a.Type.Kind == KindDictionary:
		bytes = t.a.Children[0].bytes(t.a.key(row))
	default:
		bytes = t.a.bytes(row)
	}
	return unsafe.String(unsafe.SliceData(bytes), len(bytes)), true
}

// All is the rows that are not null with their texts.
func (t Text) All() iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for row := range t.a.Len {
			if text, known := t.Get(row); known && !yield(row, text) {
				return
			}
		}
	}
}

// MapText is the column of f of each text; null stays null.
func MapText[R Cell](t Text, f func(string) R) Column[R] {
	column := NewColumn[R](t.Len())
	for row := range t.Len() {
		if text, known := t.Get(row); known {
			column.Append(f(text))
		} else {
			column.AppendNull()
		}
	}
	return column
}

func acceptsText(t Type) bool { return t.IsText() || t.Kind == KindNull }
