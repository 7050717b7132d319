package sluice

import (
	"iter"
	"math/bits"
)

// Filter is the rows of a batch that survive.
type Filter struct {
	bits     Bitmap
	n        int
	selected int
}

// Where keeps the rows whose value is not null and for which keep is true.
//
// keep is called for null rows too, with any value, so that the loop has no branch.
func Where[T Cell](c Column[T], keep func(T) bool) *Filter {
	n := len(c.Values)
	packed := make(Bitmap, bytesFor(n))
	for row, value := range c.Values {
		if keep(value) {
			packed[row>>3] |= 1 << (row & 7)
		}
	}
	return newFilter(packed.And(c.Valid, n), n)
}

// WhereTrue keeps the rows that are true; null counts as false.
func WhereTrue(c Column[bool]) *Filter {
	return newFilter(packBools(c.Values).And(c.Valid, len(c.Values)), len(c.Values))
}

// WhereRow keeps those of n rows for which keep is true.
func WhereRow(n int, keep func(row int) bool) *Filter {
	packed := make(Bitmap, bytesFor(n))
	for row := range n {
		if keep(row) {
			packed.Set(row)
		}
	}
	return newFilter(packed, n)
}

// WhereBits keeps those of n rows whose bit is set.
func WhereBits(set Bitmap, n int) *Filter { return newFilter(set, n) }

func newFilter(set Bitmap, n int) *Filter {
	if set == nil {
		set = NewBitmap(n)
	}
	return &Filter{set, n, set.Count(n)}
}

// Len is how many rows the batch has.
func (f *Filter) Len() int { return f.n }

// Selected is how many of them survive.
func (f *Filter) Selected() int { return f.selected }

// Contains is whether a row survives.
func (f *Filter) Contains(row int) bool { return f.bits.Get(row) }

// Rows is the rows that survive, in order.
func (f *Filter) Rows() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, eight := range f.bits {
			for ; eight != 0; eight &= eight - 1 {
				row := 8*i + bits.TrailingZeros8(eight)
				if row >= f.n || !yield(row) {
					return
				}
			}
		}
	}
}

// Keep is the values of the rows that survive.
func Keep[T Cell](c Column[T], f *Filter) Column[T] {
	if f.selected == f.n {
		return c
	}
	values, to := make([]T, f.selected), 0
	for i, eight := range f.bits[:bytesFor(f.n)] {
		if eight == 0xff && 8*i+8 <= f.n {
			*(*[8]T)(values[to:]) = *(*[8]T)(c.Values[8*i:])
			to += 8
			continue
		}
		for row := 8 * i; row < min(8*i+8, f.n); row++ {
			if eight&1 == 1 {
				values[to] = c.Values[row]
				to++
			}
			eight >>= 1
		}
	}
	return Column[T]{values, keepBits(c.Valid, f)}
}

// keepBits is the bits of the rows that survive; nil stays nil.
func keepBits(bits Bitmap, f *Filter) Bitmap {
	if bits == nil || f.selected == f.n {
		return bits
	}
	kept, to := make(Bitmap, bytesFor(f.selected)), 0
	for row := range f.Rows() {
		if bits.Get(row) {
			kept.Set(to)
		}
		to++
	}
	return kept
}
