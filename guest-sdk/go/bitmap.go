package sluice

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Bitmap is one bit for each row, least significant first. As the validity of a column, nil means that
// every value is known.
type Bitmap []byte

// Get is the bit of a row; true where the bitmap is nil.
func (b Bitmap) Get(row int) bool { return b == nil || b[row>>3]>>(row&7)&1 == 1 }

// Set sets the bit of a row.
func (b Bitmap) Set(row int) { b[row>>3] |= 1 << (row & 7) }

// Clear clears the bit of a row.
func (b Bitmap) Clear(row int) { b[row>>3] &^= 1 << (row & 7) }

// Count is how many of the first n bits are set; all of them where the bitmap is nil.
func (b Bitmap) Count(n int) int {
	if b == nil {
		return n
	}
	count, whole := 0, b[:n>>3]
	for ; len(whole) >= 8; whole = whole[8:] {
		count += bits.OnesCount64(binary.LittleEndian.Uint64(whole))
	}
	for _, eight := range whole {
		count += bits.OnesCount8(eight)
	}
	if n&7 != 0 {
		count += bits.OnesCount8(b[n>>3] & (1<<(n&7) - 1))
	}
	return count
}

// NewBitmap is n bits, all of them set.
func NewBitmap(n int) Bitmap {
	b := make(Bitmap, bytesFor(n))
	for i := range b {
		b[i] = 0xff
	}
	return b
}

// And is the bits that are set in both, of n each.
func (b Bitmap) And(other Bitmap, n int) Bitmap {
	switch {
	case b == nil:
		return other
	case other == nil:
		return b
	}
	both := make(Bitmap, bytesFor(n))
	for i := range both {
		both[i] = b[i] & other[i]
	}
	return both
}

func bytesFor(bits int) int { return (bits + 7) >> 3 }

// packBools is a bit for each truth value.
func packBools(values []bool) Bitmap {
	packed := make(Bitmap, bytesFor(len(values)))
	flags := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values))
	for i := range len(flags) >> 3 {
		packed[i] = packEight(binary.LittleEndian.Uint64(flags[8*i:]))
	}
	for i := len(flags) &^ 7; i < len(flags); i++ {
		packed[i>>3] |= flags[i] << (i & 7)
	}
	return packed
}

// packEight is eight bytes of 0 or 1 as the bits of one, the first as the lowest: the product moves the bit
// of byte i to place 56+i, and no two of its terms meet.
func packEight(flags uint64) byte { return byte(flags * 0x0102_0408_1020_4080 >> 56) }

// unpackBools is the truth values of the first n bits.
func unpackBools(packed []byte, n int) []bool {
	values := make([]bool, n)
	for i := range values {
		values[i] = packed[i>>3]>>(i&7)&1 == 1
	}
	return values
}
