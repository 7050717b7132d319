package sluice

import (
	"encoding/binary"
	"unsafe"
)

// Loops over whole columns, unrolled: each turn of a loop pays for the host's check of the deadline, and a call of
// a function for each value costs more than what most functions do.

// Number is the types that can be added.
type Number interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

// Add adds a number to every value, in place: Add(column.Values, 1).
func Add[T Number](values []T, by T) {
	for len(values) >= 8 {
		v := (*[8]T)(values)
		v[0] += by
		v[1] += by
		v[2] += by
		v[3] += by
		v[4] += by
		v[5] += by
		v[6] += by
		v[7] += by
		values = values[8:]
	}
	for i := range values {
		values[i] += by
	}
}

// Scale multiplies every value by a number, in place.
func Scale[T Number](values []T, by T) {
	for len(values) >= 8 {
		v := (*[8]T)(values)
		v[0] *= by
		v[1] *= by
		v[2] *= by
		v[3] *= by
		v[4] *= by
		v[5] *= by
		v[6] *= by
		v[7] *= by
		values = values[8:]
	}
	for i := range values {
		values[i] *= by
	}
}

// AtLeast keeps the rows that are not null and not less than a bound, nor NaN: [Where] without a function.
func AtLeast[T Number](c Column[T], bound T) *Filter {
	n := len(c.Values)
	packed := make(Bitmap, bytesFor(n))
	for i := range n >> 3 {
		v := (*[8]T)(c.Values[8*i:])
		packed[i] = bit(v[0] >= bound) | bit(v[1] >= bound)<<1 | bit(v[2] >= bound)<<2 | bit(v[3] >= bound)<<3 |
			bit(v[4] >= bound)<<4 | bit(v[5] >= bound)<<5 | bit(v[6] >= bound)<<6 | bit(v[7] >= bound)<<7
	}
	for row := n &^ 7; row < n; row++ {
		packed[row>>3] |= bit(c.Values[row] >= bound) << (row & 7)
	}
	return newFilter(packed.And(c.Valid, n), n)
}

// bit is 1 for true; the compiler makes no branch of it.
func bit(set bool) byte {
	var b byte
	if set {
		b = 1
	}
	return b
}

// Equal keeps the rows that are not null and equal a value.
func Equal[T Cell](c Column[T], value T) *Filter {
	same := any(value)
	switch values := any(c).(type) {
	case Column[string]:
		want := same.(string)
		return Where(values, func(text string) bool { return text == want })
	case Column[[]byte]:
		want := string(same.([]byte))
		return Where(values, func(bytes []byte) bool { return string(bytes) == want })
	}
	return Where(c, func(v T) bool { return any(v) == same })
}

// Labels is a set of texts of which each row has one, such as classes. Their column is built without a string for
// each row.
type Labels struct{ texts []string }

// NewLabels is a set of labels.
func NewLabels(texts ...string) Labels { return Labels{texts} }

const wordBytes = 8

// words is the labels, of at most eight bytes each, as words, and their lengths.
func (l Labels) words() (words []uint64, lengths []uint8) {
	for _, text := range l.texts {
		var word [wordBytes]byte
		copy(word[:], text)
		words = append(words, binary.LittleEndian.Uint64(word[:]))
		lengths = append(lengths, uint8(len(text)))
	}
	return words, lengths
}

// LabelsOf is a column, of type [Utf8], of the label that of gives, by its place, to each value of the rows that
// survive; null stays null. It panics where there is no such label.
// It is fastest where no label has more than eight bytes.
func LabelsOf[T Cell](labels Labels, c Column[T], rows *Filter, of func(T) int) *Array {
	n, valid, values := rows.selected, keepBits(c.Valid, rows), c.Values
	longest := 0
	for _, text := range labels.texts {
		longest = max(longest, len(text))
	}
	if longest > wordBytes {
		column := NewColumn[string](n)
		for row := range rows.Rows() {
			if valid.Get(column.Len()) {
				column.Append(labels.texts[of(values[row])])
			} else {
				column.AppendNull()
			}
		}
		a, _ := column.computed(Utf8) // a string fits into text
		return a
	}
	// Each label is written as a whole word, which the next one overwrites where it is shorter: no branch.
	words, lengths := labels.words()
	offsets, bytes := make([]int32, n+1), make([]byte, (n+1)*wordBytes)
	to, end, at := 0, 0, unsafe.Pointer(unsafe.SliceData(bytes))
	for i, eight := range rows.bits[:bytesFor(rows.n)] {
		first := 8 * i
		if eight == 0xff && first+8 <= rows.n && valid == nil {
			ends := (*[8]int32)(offsets[to+1:])
			for i, value := range (*[8]T)(values[first:]) {
				label := of(value)
				*(*uint64)(unsafe.Add(at, end)) = words[label]
				end += int(lengths[label])
				ends[i] = int32(end)
			}
			to += 8
			continue
		}
		for row := first; row < min(first+8, rows.n); row++ {
			if eight>>(row-first)&1 == 0 {
				continue
			}
			if valid.Get(to) {
				label := of(values[row])
				*(*uint64)(unsafe.Add(at, end)) = words[label]
				end += int(lengths[label])
			}
			to++
			offsets[to] = int32(end)
		}
	}
	a := &Array{Type: Utf8, Len: n, Nulls: n - valid.Count(n), Buffers: [][]byte{nil, uncast(offsets), bytes[:end]}}
	if a.Nulls > 0 {
		a.Buffers[0] = valid
	}
	return a
}
