package sluice

import "unsafe"

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

// LabelsOf is a column, of type [Utf8], of the label that of gives, by its place, to each value of the rows that
// survive; null stays null. It panics where there is no such label.
func LabelsOf[T Cell](labels Labels, c Column[T], rows *Filter, of func(T) int) *Array {
	longest := 0
	for _, text := range labels.texts {
		longest = max(longest, len(text))
	}
	n, valid := rows.selected, keepBits(c.Valid, rows)
	offsets, bytes := make([]int32, n+1), make([]byte, n*longest)
	to, end, at := 0, 0, unsafe.Pointer(unsafe.SliceData(bytes))
	put := func(row int) {
		if valid.Get(to) {
			end += copy(bytes[end:], labels.texts[of(c.Values[row])])
		}
		to++
		offsets[to] = int32(end)
	}
	for i, eight := range rows.bits {
		first := 8 * i
		if eight == 0xff && first+8 <= rows.n && valid == nil {
			for i, value := range (*[8]T)(c.Values[first:]) {
				text := labels.texts[of(value)]
				copyText(unsafe.Add(at, end), unsafe.Pointer(unsafe.StringData(text)), len(text))
				end += len(text)
				offsets[to+i+1] = int32(end)
			}
			to += 8
			continue
		}
		for row := first; row < min(first+8, rows.n); row++ {
			if eight>>(row-first)&1 == 1 {
				put(row)
			}
		}
	}
	a := &Array{Type: Utf8, Len: n, Nulls: n - valid.Count(n), Buffers: [][]byte{nil, uncast(offsets), bytes[:end]}}
	if a.Nulls > 0 {
		a.Buffers[0] = valid
	}
	return a
}
