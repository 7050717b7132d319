package sluice

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is a family of Arrow types; with its parameters it is a [Type].
type Kind uint8

// The kinds of types that can cross into a transform. Unions and run-end encoded arrays cannot.
const (
	KindNull Kind = iota
	KindBool
	KindInt8
	KindUint8
	KindInt16
	KindUint16
	KindInt32
	KindUint32
	KindInt64
	KindUint64
	KindFloat16
	KindFloat32
	KindFloat64
	KindDecimal32
	KindDecimal64
	KindDecimal128
	KindDecimal256
	KindDate32
	KindDate64
	KindTime32
	KindTime64
	KindTimestamp
	KindDuration
	KindIntervalMonths
	KindIntervalDayTime
	KindIntervalMonthDayNano
	KindUtf8
	KindLargeUtf8
	KindUtf8View
	KindBinary
	KindLargeBinary
	KindBinaryView
	KindFixedBinary
	KindList
	KindLargeList
	KindFixedList
	KindStruct
	KindMap
	KindDictionary
)

// layout is how the values of a kind lie in memory.
type layout uint8

const (
	layoutNone       layout = iota // no buffers at all
	layoutBits                     // validity, one bit per value
	layoutFixed                    // validity, values of one width
	layoutText                     // validity, 32-bit offsets, bytes
	layoutLargeText                // validity, 64-bit offsets, bytes
	layoutView                     // validity, views of 16 bytes, data buffers
	layoutList                     // validity, 32-bit offsets; one child
	layoutLargeList                // validity, 64-bit offsets; one child
	layoutNested                   // validity; children
	layoutDictionary               // the buffers of the indices; one child
)

type kindFacts struct {
	name   string
	format string
	layout layout
	width  int
}

var kinds = [...]kindFacts{
	KindNull:                 {"Null", "n", layoutNone, 0},
	KindBool:                 {"Boolean", "b", layoutBits, 0},
	KindInt8:                 {"Int8", "c", layoutFixed, 1},
	KindUint8:                {"UInt8", "C", layoutFixed, 1},
	KindInt16:                {"Int16", "s", layoutFixed, 2},
	KindUint16:               {"UInt16", "S", layoutFixed, 2},
	KindInt32:                {"Int32", "i", layoutFixed, 4},
	KindUint32:               {"UInt32", "I", layoutFixed, 4},
	KindInt64:                {"Int64", "l", layoutFixed, 8},
	KindUint64:               {"UInt64", "L", layoutFixed, 8},
	KindFloat16:              {"Float16", "e", layoutFixed, 2},
	KindFloat32:              {"Float32", "f", layoutFixed, 4},
	KindFloat64:              {"Float64", "g", layoutFixed, 8},
	KindDecimal32:            {"Decimal32", "d:", layoutFixed, 4},
	KindDecimal64:            {"Decimal64", "d:", layoutFixed, 8},
	KindDecimal128:           {"Decimal128", "d:", layoutFixed, 16},
	KindDecimal256:           {"Decimal256", "d:", layoutFixed, 32},
	KindDate32:               {"Date32", "tdD", layoutFixed, 4},
	KindDate64:               {"Date64", "tdm", layoutFixed, 8},
	KindTime32:               {"Time32", "tt", layoutFixed, 4},
	KindTime64:               {"Time64", "tt", layoutFixed, 8},
	KindTimestamp:            {"Timestamp", "ts", layoutFixed, 8},
	KindDuration:             {"Duration", "tD", layoutFixed, 8},
	KindIntervalMonths:       {"Interval(YearMonth)", "tiM", layoutFixed, 4},
	KindIntervalDayTime:      {"Interval(DayTime)", "tiD", layoutFixed, 8},
	KindIntervalMonthDayNano: {"Interval(MonthDayNano)", "tin", layoutFixed, 16},
	KindUtf8:                 {"Utf8", "u", layoutText, 0},
	KindLargeUtf8:            {"LargeUtf8", "U", layoutLargeText, 0},
	KindUtf8View:             {"Utf8View", "vu", layoutView, 0},
	KindBinary:               {"Binary", "z", layoutText, 0},
	KindLargeBinary:          {"LargeBinary", "Z", layoutLargeText, 0},
	KindBinaryView:           {"BinaryView", "vz", layoutView, 0},
	KindFixedBinary:          {"FixedSizeBinary", "w:", layoutFixed, 0},
	KindList:                 {"List", "+l", layoutList, 0},
	KindLargeList:            {"LargeList", "+L", layoutLargeList, 0},
	KindFixedList:            {"FixedSizeList", "+w:", layoutNested, 0},
	KindStruct:               {"Struct", "+s", layoutNested, 0},
	KindMap:                  {"Map", "+m", layoutList, 0},
	KindDictionary:           {"Dictionary", "", layoutDictionary, 0},
}

// String is the name of the kind, as the host writes it.
func (k Kind) String() string { return kinds[k].name }

// Unit is what a time counts.
type Unit uint8

// The units of times, timestamps and durations.
const (
	Second Unit = iota
	Millisecond
	Microsecond
	Nanosecond
)

// String is the unit as the host writes it: "s", "ms", "us" or "ns".
func (u Unit) String() string { return [...]string{"s", "ms", "us", "ns"}[u] }

const unitLetters = "smun"

// Type is an Arrow type. Make one with the variables and functions of this package.
type Type struct {
	// Kind says which of the other parts mean something.
	Kind Kind
	// Unit is that of a time, timestamp or duration.
	Unit Unit
	// Zone is the time zone of a timestamp; empty where it has none.
	Zone string
	// Precision and Scale are those of a decimal, in decimal digits.
	Precision, Scale int
	// Width is the bytes of a fixed-size binary, or the length of a fixed-size list.
	Width int
	// Keys is the kind of a dictionary's indices, an integer.
	Keys Kind
	// Children are the fields of a struct; the one child of a list, a map or a dictionary.
	Children []Field
}

// Types without parameters.
var (
	Null                 = Type{Kind: KindNull}
	Bool                 = Type{Kind: KindBool}
	Int8                 = Type{Kind: KindInt8}
	Uint8                = Type{Kind: KindUint8}
	Int16                = Type{Kind: KindInt16}
	Uint16               = Type{Kind: KindUint16}
	Int32                = Type{Kind: KindInt32}
	Uint32               = Type{Kind: KindUint32}
	Int64                = Type{Kind: KindInt64}
	Uint64               = Type{Kind: KindUint64}
	Float16              = Type{Kind: KindFloat16}
	Float32              = Type{Kind: KindFloat32}
	Float64              = Type{Kind: KindFloat64}
	Date32               = Type{Kind: KindDate32}
	Date64               = Type{Kind: KindDate64}
	IntervalMonths       = Type{Kind: KindIntervalMonths}
	IntervalDayTime      = Type{Kind: KindIntervalDayTime}
	IntervalMonthDayNano = Type{Kind: KindIntervalMonthDayNano}
	Utf8                 = Type{Kind: KindUtf8}
	LargeUtf8            = Type{Kind: KindLargeUtf8}
	Utf8View             = Type{Kind: KindUtf8View}
	Binary               = Type{Kind: KindBinary}
	LargeBinary          = Type{Kind: KindLargeBinary}
	BinaryView           = Type{Kind: KindBinaryView}
)

// Timestamp is a moment, counted from 1970; zone is empty for local times.
func Timestamp(unit Unit, zone string) Type { return Type{Kind: KindTimestamp, Unit: unit, Zone: zone} }

// Duration is a length of time.
func Duration(unit Unit) Type { return Type{Kind: KindDuration, Unit: unit} }

// Time is a time of day: of 32 bits in seconds and milliseconds, else of 64.
func Time(unit Unit) Type {
	if unit <= Millisecond {
		return Type{Kind: KindTime32, Unit: unit}
	}
	return Type{Kind: KindTime64, Unit: unit}
}

// Decimal is a number of so many digits, scale of them after the point, in the narrower of 128 and 256 bits.
func Decimal(precision, scale int) Type {
	const digitsMax128 = 38
	if precision > digitsMax128 {
		return Type{Kind: KindDecimal256, Precision: precision, Scale: scale}
	}
	return Type{Kind: KindDecimal128, Precision: precision, Scale: scale}
}

// FixedBinary is binary of width bytes each.
func FixedBinary(width int) Type { return Type{Kind: KindFixedBinary, Width: width} }

// ListOf is a list of values of one type.
func ListOf(item Field) Type { return Type{Kind: KindList, Children: []Field{item}} }

// LargeListOf is a list with offsets of 64 bits.
func LargeListOf(item Field) Type { return Type{Kind: KindLargeList, Children: []Field{item}} }

// FixedListOf is a list of length values each.
func FixedListOf(item Field, length int) Type {
	return Type{Kind: KindFixedList, Width: length, Children: []Field{item}}
}

// StructOf is a row of fields.
func StructOf(fields ...Field) Type { return Type{Kind: KindStruct, Children: fields} }

// MapOf is a list of entries; the type of a key must not be nullable.
func MapOf(key, value Field) Type {
	entries := Field{Name: "entries", Type: StructOf(key, value)}
	return Type{Kind: KindMap, Children: []Field{entries}}
}

// DictionaryOf is values by index; keys is the kind of the indices, an integer.
func DictionaryOf(keys Kind, values Type) Type {
	return Type{Kind: KindDictionary, Keys: keys, Children: []Field{{Name: "values", Type: values, Nullable: true}}}
}

// Field is a column, or the child of a nested type.
type Field struct {
	Name string
	Type Type
	// Nullable is whether the column may hold nulls.
	Nullable bool
	// Metadata is key and value pairs as Arrow carries them.
	Metadata [][2]string
}

// NewField is a field that may hold nulls.
func NewField(name string, t Type) Field { return Field{Name: name, Type: t, Nullable: true} }

// NotNull is the field without nulls.
func (f Field) NotNull() Field {
	f.Nullable = false
	return f
}

// IsInteger is whether values are integers, with or without a sign.
func (t Type) IsInteger() bool { return t.Kind >= KindInt8 && t.Kind <= KindUint64 }

// IsText is whether values are text, in whichever layout, dictionaries of text included.
func (t Type) IsText() bool {
	switch t.Kind {
	case KindUtf8, KindLargeUtf8, KindUtf8View:
		return true
	case KindDictionary:
		return t.Children[0].Type.Kind != KindDictionary && t.Children[0].Type.IsText()
	}
	return false
}

func (t Type) layout() layout { return kinds[t.Kind].layout }

// width is the bytes of a value of a fixed layout.
func (t Type) width() int {
	switch t.Kind {
	case KindFixedBinary:
		return t.Width
	case KindDictionary:
		return kinds[t.Keys].width
	}
	return kinds[t.Kind].width
}

// Equal is whether both types are the same; metadata is not compared.
func (t Type) Equal(other Type) bool {
	return t.Kind == other.Kind && t.format() == other.format() &&
		slices.EqualFunc(t.Children, other.Children, func(a, b Field) bool {
			return (t.Kind == KindDictionary || a.Name == b.Name && a.Nullable == b.Nullable) && a.Type.Equal(b.Type)
		})
}

// String is the type as errors name it.
func (t Type) String() string {
	name := t.Kind.String()
	switch t.Kind {
	case KindTime32, KindTime64, KindDuration:
		return fmt.Sprintf("%s(%s)", name, t.Unit)
	case KindTimestamp:
		if t.Zone != "" {
			return fmt.Sprintf("%s(%s, %q)", name, t.Unit, t.Zone)
		}
		return fmt.Sprintf("%s(%s)", name, t.Unit)
	case KindDecimal32, KindDecimal64, KindDecimal128, KindDecimal256:
		return fmt.Sprintf("%s(%d, %d)", name, t.Precision, t.Scale)
	case KindFixedBinary:
		return fmt.Sprintf("%s(%d)", name, t.Width)
	case KindFixedList:
		return fmt.Sprintf("%s(%d x %s)", name, t.Width, t.Children[0].Type)
	case KindList, KindLargeList, KindMap:
		return fmt.Sprintf("%s(%s)", name, t.Children[0].Type)
	case KindDictionary:
		return fmt.Sprintf("%s(%s, %s)", name, t.Keys, t.Children[0].Type)
	case KindStruct:
		var parts []string
		for _, child := range t.Children {
			parts = append(parts, fmt.Sprintf("%q: %s", child.Name, child.Type))
		}
		return fmt.Sprintf("%s(%s)", name, strings.Join(parts, ", "))
	}
	return name
}

// format is the type in the words of the Arrow C data interface; that of a dictionary is that of its indices.
func (t Type) format() string {
	facts := kinds[t.Kind]
	switch t.Kind {
	case KindDecimal32, KindDecimal64, KindDecimal256:
		return fmt.Sprintf("d:%d,%d,%d", t.Precision, t.Scale, 8*facts.width)
	case KindDecimal128:
		return fmt.Sprintf("d:%d,%d", t.Precision, t.Scale)
	case KindTime32, KindTime64, KindDuration:
		return facts.format + unitLetters[t.Unit:t.Unit+1]
	case KindTimestamp:
		return facts.format + unitLetters[t.Unit:t.Unit+1] + ":" + t.Zone
	case KindFixedBinary, KindFixedList:
		return facts.format + strconv.Itoa(t.Width)
	case KindDictionary:
		return kinds[t.Keys].format
	}
	return facts.format
}

// parseType is the type of a format string; children are the fields of the type's children.
func parseType(format string, children []Field) (Type, error) {
	for kind, facts := range kinds {
		if facts.format == format && !hasParameters(Kind(kind)) {
			return Type{Kind: Kind(kind), Children: children}, nil
		}
	}
	t, ok := Type{}, false
	switch {
	case strings.HasPrefix(format, "w:"):
		t, ok = widthOf(KindFixedBinary, format[2:])
	case strings.HasPrefix(format, "+w:"):
		t, ok = widthOf(KindFixedList, format[3:])
	case strings.HasPrefix(format, "d:"):
		t, ok = decimalOf(format[2:])
	case len(format) >= 3 && format[0] == 't':
		t, ok = timeOf(format)
	}
	if !ok {
		return Type{}, fmt.Errorf("type format `%s` is not known", format)
	}
	t.Children = children
	return t, nil
}

// hasParameters is whether a kind's format is only the beginning of its types' formats.
func hasParameters(kind Kind) bool {
	switch kind {
	case KindTime32, KindTime64, KindTimestamp, KindDuration, KindFixedBinary, KindFixedList, KindDictionary:
		return true
	}
	return kind >= KindDecimal32 && kind <= KindDecimal256
}

func widthOf(kind Kind, digits string) (Type, bool) {
	width, err := strconv.Atoi(digits)
	return Type{Kind: kind, Width: width}, err == nil
}

func decimalOf(digits string) (Type, bool) {
	var numbers []int
	for part := range strings.SplitSeq(digits, ",") {
		number, err := strconv.Atoi(part)
		if err != nil {
			return Type{}, false
		}
		numbers = append(numbers, number)
	}
	if len(numbers) == 2 {
		numbers = append(numbers, 128)
	}
	if len(numbers) != 3 {
		return Type{}, false
	}
	kind, ok := map[int]Kind{32: KindDecimal32, 64: KindDecimal64, 128: KindDecimal128, 256: KindDecimal256}[numbers[2]]
	return Type{Kind: kind, Precision: numbers[0], Scale: numbers[1]}, ok
}

func timeOf(format string) (Type, bool) {
	unit := strings.IndexByte(unitLetters, format[2])
	if unit < 0 {
		return Type{}, false
	}
	switch rest := format[3:]; {
	case format[:2] == "tt" && rest == "":
		return Time(Unit(unit)), true
	case format[:2] == "tD" && rest == "":
		return Duration(Unit(unit)), true
	case format[:2] == "ts" && strings.HasPrefix(rest, ":"):
		return Timestamp(Unit(unit), rest[1:]), true
	}
	return Type{}, false
}
