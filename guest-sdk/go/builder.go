package sluice

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Builder makes an [Array] of any type, value by value. For plain types a [Column] is faster.
type Builder struct {
	t        Type
	n, nulls int
	valid    Bitmap
	data     []byte // bits, fixed values, offsets or views
	bytes    []byte // what offsets and long views point into
	children []*Builder
	keys     map[string]int // dictionary: the index of each value
}

// NewBuilder is an empty array of a type.
func NewBuilder(t Type) *Builder {
	b := &Builder{t: t}
	switch t.layout() {
	case layoutText, layoutList:
		b.data = make([]byte, 4)
	case layoutLargeText, layoutLargeList:
		b.data = make([]byte, 8)
	case layoutDictionary:
		b.keys = map[string]int{}
	}
	for _, child := range t.Children {
		b.children = append(b.children, NewBuilder(child.Type))
	}
	return b
}

// Len is how many values there are so far.
func (b *Builder) Len() int { return b.n }

// Append adds a value of the types that [Array.Value] gives, nil for null.
// It fails, and adds nothing, where the value is of another type.
func (b *Builder) Append(value any) error {
	if value == nil {
		b.AppendNull()
		return nil
	}
	if err := b.add(value); err != nil {
		return err
	}
	b.mark(true)
	return nil
}

// AppendNull adds a null.
func (b *Builder) AppendNull() {
	switch b.t.layout() {
	case layoutBits:
		b.bit(false)
	case layoutFixed, layoutDictionary:
		b.data = append(b.data, make([]byte, b.t.width())...)
	case layoutView:
		b.data = append(b.data, make([]byte, viewBytes)...)
	case layoutText, layoutLargeText:
		b.offset(len(b.bytes))
	case layoutList, layoutLargeList:
		b.offset(b.children[0].n)
	case layoutNested:
		for _, child := range b.children {
			for range max(1, b.t.Width) {
				child.AppendNull()
			}
		}
	}
	b.mark(false)
}

// mark counts a value that was added.
func (b *Builder) mark(valid bool) {
	if b.t.Kind == KindNull {
		b.nulls++
		b.n++
		return
	}
	b.valid = appendBit(b.valid, b.n, valid)
	b.n++
	if !valid {
		b.nulls++
	}
}

// appendBit adds a bit behind the first n.
func appendBit(bits Bitmap, n int, set bool) Bitmap {
	if n&7 == 0 {
		bits = append(bits, 0)
	}
	if set {
		bits.Set(n)
	}
	return bits
}

func (b *Builder) bit(set bool) { b.data = appendBit(b.data, b.n, set) }

// offset closes a value of a list or a text.
func (b *Builder) offset(end int) {
	switch b.t.layout() {
	case layoutLargeText, layoutLargeList:
		b.data = binary.LittleEndian.AppendUint64(b.data, uint64(end))
	default:
		if end > math.MaxInt32 {
			panic("sluice: a column of one batch exceeds the 2 GiB that its offsets can count; use its large type")
		}
		b.data = binary.LittleEndian.AppendUint32(b.data, uint32(end))
	}
}

func (b *Builder) mismatch(value any) error {
	return fmt.Errorf("a value of Go type %T for type %s", value, b.t)
}

func (b *Builder) add(value any) error {
	switch b.t.layout() {
	case layoutNone:
		return b.mismatch(value)
	case layoutBits:
		flag, ok := value.(bool)
		if !ok {
			return b.mismatch(value)
		}
		b.bit(flag)
		return nil
	case layoutFixed:
		return b.addFixed(value)
	case layoutText, layoutLargeText, layoutView:
		return b.addBytes(value)
	case layoutList, layoutLargeList:
		return b.addList(value)
	case layoutDictionary:
		return b.addKey(value)
	}
	parts, ok := value.([]any)
	switch {
	case !ok:
		return b.mismatch(value)
	case b.t.Kind == KindFixedList && len(parts) != b.t.Width:
		return fmt.Errorf("%d values for type %s", len(parts), b.t)
	case b.t.Kind == KindFixedList:
		return b.children[0].appendAll(parts)
	case len(parts) != len(b.children):
		return fmt.Errorf("%d fields for type %s", len(parts), b.t)
	}
	for i, child := range b.children {
		if err := child.Append(parts[i]); err != nil {
			return fmt.Errorf("field `%s`: %w", b.t.Children[i].Name, err)
		}
	}
	return nil
}

func (b *Builder) appendAll(values []any) error {
	for _, value := range values {
		if err := b.Append(value); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) addFixed(value any) error {
	before := len(b.data)
	switch v := value.(type) {
	case []byte:
		b.data = append(b.data, v...)
	case DayTime:
		b.data = append(b.data, uncast([]DayTime{v})...)
	case MonthDayNano:
		b.data = append(b.data, uncast([]MonthDayNano{v})...)
	case Decimal128:
		b.data = append(b.data, uncast([]Decimal128{v})...)
	case Decimal256:
		b.data = append(b.data, uncast([]Decimal256{v})...)
	default:
		b.data = appendNumber(b.data, value)
	}
	if len(b.data)-before != b.t.width() || !storable(b.t.Kind, value) {
		b.data = b.data[:before]
		return b.mismatch(value)
	}
	return nil
}

func appendNumber(data []byte, value any) []byte {
	little := binary.LittleEndian
	switch v := value.(type) {
	case int8:
		return append(data, byte(v))
	case uint8:
		return append(data, v)
	case int16:
		return little.AppendUint16(data, uint16(v))
	case uint16:
		return little.AppendUint16(data, v)
	case Float16Bits:
		return little.AppendUint16(data, uint16(v))
	case int32:
		return little.AppendUint32(data, uint32(v))
	case uint32:
		return little.AppendUint32(data, v)
	case float32:
		return little.AppendUint32(data, math.Float32bits(v))
	case int64:
		return little.AppendUint64(data, uint64(v))
	case uint64:
		return little.AppendUint64(data, v)
	case float64:
		return little.AppendUint64(data, math.Float64bits(v))
	}
	return data
}

// storable is whether values of this Go type are what a kind of fixed width stores.
func storable(kind Kind, value any) bool {
	switch value.(type) {
	case []byte:
		return kind == KindFixedBinary
	case int8:
		return stores[int8](kind)
	case uint8:
		return stores[uint8](kind)
	case int16:
		return stores[int16](kind)
	case uint16:
		return stores[uint16](kind)
	case int32:
		return stores[int32](kind)
	case uint32:
		return stores[uint32](kind)
	case int64:
		return stores[int64](kind)
	case uint64:
		return stores[uint64](kind)
	case Float16Bits:
		return stores[Float16Bits](kind)
	case float32:
		return stores[float32](kind)
	case float64:
		return stores[float64](kind)
	case Decimal128:
		return stores[Decimal128](kind)
	case Decimal256:
		return stores[Decimal256](kind)
	case DayTime:
		return stores[DayTime](kind)
	case MonthDayNano:
		return stores[MonthDayNano](kind)
	}
	return false
}

func (b *Builder) addBytes(value any) error {
	var bytes []byte
	switch v := value.(type) {
	case string:
		if !b.t.IsText() {
			return b.mismatch(value)
		}
		bytes = []byte(v)
	case []byte:
		if b.t.IsText() {
			return b.mismatch(value)
		}
		bytes = v
	default:
		return b.mismatch(value)
	}
	if b.t.layout() == layoutView {
		b.data, b.bytes = appendView(b.data, b.bytes, bytes)
		return nil
	}
	b.bytes = append(b.bytes, bytes...)
	b.offset(len(b.bytes))
	return nil
}

// appendView adds a view of value, and the bytes that do not fit into it to the one data buffer.
func appendView(views, data, value []byte) (grownViews, grownData []byte) {
	var view [viewBytes]byte
	binary.LittleEndian.PutUint32(view[:], uint32(len(value)))
	if len(value) <= inlineMax {
		copy(view[viewPrefix:], value)
		return append(views, view[:]...), data
	}
	if len(data)+len(value) > math.MaxInt32 {
		panic("sluice: a column of views of one batch exceeds 2 GiB")
	}
	copy(view[viewPrefix:8], value)
	binary.LittleEndian.PutUint32(view[12:], uint32(len(data)))
	return append(views, view[:]...), append(data, value...)
}

func (b *Builder) addList(value any) error {
	items := b.children[0]
	switch v := value.(type) {
	case []any:
		if b.t.Kind == KindMap {
			return b.mismatch(value)
		}
		if err := items.appendAll(v); err != nil {
			return err
		}
	case []Entry:
		if b.t.Kind != KindMap {
			return b.mismatch(value)
		}
		for _, entry := range v {
			if err := items.Append([]any{entry.Key, entry.Value}); err != nil {
				return err
			}
		}
	default:
		return b.mismatch(value)
	}
	b.offset(items.n)
	return nil
}

func (b *Builder) addKey(value any) error {
	id := fmt.Sprintf("%T %v", value, value)
	key, known := b.keys[id]
	if !known {
		key = b.children[0].n
		if bits := 8 * b.t.width(); bits < 64 && key >= 1<<(bits-signBit(b.t.Keys)) {
			return fmt.Errorf("%d different values for type %s", key+1, b.t)
		}
		if err := b.children[0].Append(value); err != nil {
			return err
		}
		b.keys[id] = key
	}
	var little [8]byte
	binary.LittleEndian.PutUint64(little[:], uint64(key))
	b.data = append(b.data, little[:b.t.width()]...)
	return nil
}

func signBit(kind Kind) int {
	switch kind {
	case KindUint8, KindUint16, KindUint32, KindUint64:
		return 0
	}
	return 1
}

// Array is what was built; the builder must not be used afterwards.
func (b *Builder) Array() *Array {
	a := &Array{Type: b.t, Len: b.n, Nulls: b.nulls}
	validity := []byte(b.valid)
	if b.nulls == 0 {
		validity = nil
	}
	switch b.t.layout() {
	case layoutNone:
	case layoutText, layoutLargeText:
		a.Buffers = [][]byte{validity, b.data, b.bytes}
	case layoutView:
		a.Buffers = [][]byte{validity, b.data}
		if len(b.bytes) > 0 {
			a.Buffers = append(a.Buffers, b.bytes)
		}
	case layoutNested:
		a.Buffers = [][]byte{validity}
	default:
		a.Buffers = [][]byte{validity, b.data}
	}
	for _, child := range b.children {
		a.Children = append(a.Children, child.Array())
	}
	return a
}

func (b *Builder) computed(t Type) (*Array, error) { return b.Array().computed(t) }
