//go:build !wasip1

package sluice

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// types are one of each kind, with values of each.
func types() map[string]struct {
	t      Type
	values []any
} {
	item := NewField("item", Int32)
	return map[string]struct {
		t      Type
		values []any
	}{
		"null":         {Null, []any{nil, nil}},
		"bool":         {Bool, []any{true, nil, false}},
		"int8":         {Int8, []any{int8(-1), nil, int8(127)}},
		"uint8":        {Uint8, []any{uint8(255), nil}},
		"int16":        {Int16, []any{int16(-1), nil}},
		"uint16":       {Uint16, []any{uint16(1), nil}},
		"int32":        {Int32, []any{int32(-5), nil}},
		"uint32":       {Uint32, []any{uint32(5), nil}},
		"int64":        {Int64, []any{int64(math.MinInt64), nil, int64(7)}},
		"uint64":       {Uint64, []any{uint64(math.MaxUint64), nil}},
		"float16":      {Float16, []any{Float16Bits(0x3c00), nil}},
		"float32":      {Float32, []any{float32(1.5), nil}},
		"float64":      {Float64, []any{2.5, nil}},
		"decimal32":    {Type{Kind: KindDecimal32, Precision: 9, Scale: 2}, []any{int32(12345), nil}},
		"decimal64":    {Type{Kind: KindDecimal64, Precision: 18, Scale: 2}, []any{int64(12345), nil}},
		"decimal128":   {Decimal(12, 3), []any{Decimal128{1, -1}, nil}},
		"decimal256":   {Decimal(60, 3), []any{Decimal256{1, 2, 3, 4}, nil}},
		"date32":       {Date32, []any{int32(1), nil}},
		"date64":       {Date64, []any{int64(86_400_000), nil}},
		"time32":       {Time(Second), []any{int32(1), nil}},
		"time64":       {Time(Nanosecond), []any{int64(1), nil}},
		"timestamp":    {Timestamp(Microsecond, "Europe/Berlin"), []any{int64(1), nil}},
		"duration":     {Duration(Millisecond), []any{int64(1), nil}},
		"months":       {IntervalMonths, []any{int32(1), nil}},
		"day time":     {IntervalDayTime, []any{DayTime{1, 2}, nil}},
		"month nano":   {IntervalMonthDayNano, []any{MonthDayNano{1, 2, 3}, nil}},
		"utf8":         {Utf8, []any{"a", nil, "äöü", ""}},
		"large utf8":   {LargeUtf8, []any{"a", nil, ""}},
		"utf8 view":    {Utf8View, []any{"short", nil, "longer than twelve bytes", ""}},
		"binary":       {Binary, []any{[]byte{0, 255}, nil}},
		"large binary": {LargeBinary, []any{[]byte{0, 255}, nil}},
		"binary view":  {BinaryView, []any{[]byte{0, 255}, nil, []byte("longer than twelve bytes")}},
		"fixed binary": {FixedBinary(3), []any{[]byte{1, 2, 3}, nil}},
		"list":         {ListOf(item), []any{[]any{int32(1), nil}, nil, []any{}}},
		"large list":   {LargeListOf(item), []any{[]any{int32(1), nil}, nil, []any{}}},
		"fixed list":   {FixedListOf(item, 2), []any{[]any{int32(1), nil}, nil}},
		"struct":       {StructOf(item, NewField("s", Utf8)), []any{[]any{int32(1), "a"}, nil, []any{nil, nil}}},
		"map": {MapOf(NewField("keys", Utf8).NotNull(), item), []any{
			[]Entry{{"a", int32(1)}, {"b", nil}}, nil, []Entry{}}},
		"dictionary": {DictionaryOf(KindUint8, Utf8), []any{"a", nil, "b", "a"}},
		"deep":       {ListOf(NewField("item", StructOf(NewField("l", ListOf(item))))), []any{[]any{[]any{[]any{int32(1)}}, nil}, nil}},
	}
}

func built(t *testing.T, kind Type, values []any) *Array {
	t.Helper()
	builder := NewBuilder(kind)
	for _, value := range values {
		if err := builder.Append(value); err != nil {
			t.Fatal(err)
		}
	}
	return builder.Array()
}

func TestEveryTypeSurvivesTheCrossing(t *testing.T) {
	for name, c := range types() {
		t.Run(name, func(t *testing.T) {
			for _, values := range [][]any{c.values, c.values[:1], nil} {
				array := built(t, c.t, values)
				fields, err := fieldsOf(NewField("column", c.t).flatten(nil))
				if err != nil || !fields[0].Type.Equal(c.t) {
					t.Fatal(fields, err)
				}
				back, err := arrayOf(fields[0].Type, array.flatten(nil))
				if err != nil {
					t.Fatal(err)
				}
				if got := back.Values(); len(got) != len(values) || len(got) > 0 && !reflect.DeepEqual(got, values) {
					t.Fatalf("%#v", got)
				}
			}
		})
	}
}

func TestAValueOfAnotherTypeIsRefusedAndNothingIsAdded(t *testing.T) {
	for name, c := range types() {
		builder := NewBuilder(c.t)
		if err := builder.Append(struct{}{}); err == nil || builder.Len() != 0 {
			t.Error(name, err)
		}
	}
}

func TestAFormatThatIsNotKnownNamesTheColumn(t *testing.T) {
	for _, format := range []string{"", "x", "+ud:1", "d:1", "tsx:", "w:", "tt"} {
		_, err := fieldsOf([]flatField{{name: "c", format: format}})
		if err == nil || !strings.Contains(err.Error(), "column `c`: type format `"+format+"` is not known") {
			t.Error(format, err)
		}
	}
}

func TestAColumnGrowsWithNulls(t *testing.T) {
	var column Column[int64]
	for row := range 20 {
		column.AppendIf(int64(row), row%3 != 1)
	}
	for row := range 20 {
		if value, known := column.Get(row); known != (row%3 != 1) || known && value != int64(row) {
			t.Fatal(row, value, known)
		}
	}
	array, err := column.computed(Int64)
	if err != nil || array.Nulls != 7 {
		t.Fatal(array, err)
	}
}

func TestBoolsArePackedAndUnpacked(t *testing.T) {
	values := make([]bool, 27)
	for row := range values {
		values[row] = row%5 == 0 || row == 26
	}
	if got := unpackBools(packBools(values), len(values)); !reflect.DeepEqual(got, values) {
		t.Fatal(got)
	}
}

func TestAFilterKeepsValuesAndNulls(t *testing.T) {
	var column Column[int32]
	for row := range 100 {
		column.AppendIf(int32(row), row != 50)
	}
	rows := AtLeast(column, 41)
	if rows.Selected() != 58 || rows.Contains(50) || !rows.Contains(41) {
		t.Fatal(rows)
	}
	kept := Keep(column, WhereRow(100, func(row int) bool { return row >= 40 }))
	if kept.Len() != 60 || kept.Values[0] != 40 || !kept.IsNull(10) || kept.IsNull(11) {
		t.Fatal(kept)
	}
	labels := LabelsOf(NewLabels("low", "high"), column, rows, func(n int32) int { return int(n / 60) }).Values()
	if len(labels) != 58 || labels[0] != "low" || labels[57] != "high" {
		t.Fatal(labels)
	}
}

func TestLongLabelsAreColumnsOfText(t *testing.T) {
	got := LabelsOf(NewLabels("longer than a word", "b"), Of[int32](0, 1, 0), WhereBits(Bitmap{0b101}, 3), func(n int32) int { return int(n) })
	if !reflect.DeepEqual(got.Values(), []any{"longer than a word", "longer than a word"}) {
		t.Fatal(got.Values())
	}
}

func TestLabelsKeepNulls(t *testing.T) {
	column := Column[int32]{}
	column.Append(1)
	column.AppendNull()
	got := LabelsOf(NewLabels("a", "b"), column, WhereRow(2, func(int) bool { return true }), func(n int32) int { return int(n) })
	if !reflect.DeepEqual(got.Values(), []any{"b", nil}) {
		t.Fatal(got.Values())
	}
}

func TestNumbersOfEveryWidth(t *testing.T) {
	for _, c := range []struct {
		t     Type
		value any
		want  float64
	}{
		{Int8, int8(-3), -3}, {Uint64, uint64(9), 9}, {Float32, float32(1.5), 1.5}, {Float16, Float16Bits(0xc000), -2},
		{Decimal(10, 2), Decimal128{12345, 0}, 123.45}, {Decimal(10, 2), Decimal128{math.MaxUint64, -1}, -0.01},
	} {
		if got := numbersOf(built(t, c.t, []any{c.value, nil})); got.Values[0] != c.want || !got.IsNull(1) {
			t.Error(c.t, got)
		}
	}
	if got := numbersOf(built(t, Null, []any{nil})); !got.IsNull(0) {
		t.Error(got)
	}
}

func TestMomentsAndTicks(t *testing.T) {
	moment := time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)
	for _, kind := range []Type{Date32, Date64, Timestamp(Second, ""), Timestamp(Nanosecond, "UTC")} {
		back := kind.Time(kind.Ticks(moment))
		if kind.Kind == KindDate32 {
			back = back.Add(24*time.Hour - time.Second)
		}
		if !back.Equal(moment) {
			t.Error(kind, back)
		}
	}
}

type settings struct {
	Text  string
	Whole int8
	Real  float64           `param:"real,default=1.5"`
	List  []string          `param:",optional"`
	Deep  *struct{ A int }  `param:"deep"`
	Map   map[string]string `param:"map,optional"`
}

func TestParametersAreTypedAndTheirErrorsNameThem(t *testing.T) {
	var s settings
	if err := ParseParams(`{"text": "a", "whole": 3, "list": ["x"], "map": {"k": "v"}}`, &s); err != nil || s.Real != 1.5 ||
		s.Whole != 3 || s.List[0] != "x" || s.Deep != nil || s.Map["k"] != "v" {
		t.Fatal(s, err)
	}
	for text, want := range map[string]string{
		`{"text": "a"}`:                              "parameter `whole` is missing; the application must set it",
		`{"text": 1, "whole": 1}`:                    "parameter `text`: 1 where text is expected",
		`{"text": "a", "whole": 1.5}`:                "parameter `whole`: 1.5 where an integer of 8 bits is expected",
		`{"text": "a", "whole": 300}`:                "parameter `whole`: 300 where an integer of 8 bits is expected",
		`{"text": "a", "whole": 1, "real": "x"}`:     "parameter `real`: \"x\" where a number is expected",
		`{"text": "a", "whole": 1, "list": [1]}`:     "parameter `list`: item 0: 1 where text is expected",
		`{"text": null, "whole": 1}`:                 "parameter `text`: null where text is expected",
		`{"text": "a", "wohle": 1}`:                  "parameter `wohle` is not known; did you mean `whole`?",
		`{"text": "a", "whole": 1, "deep": {"b":1}}`: "parameter `deep`: ",
		`[]`: "parameters are not a JSON object",
	} {
		var s settings
		err := ParseParams(text, &s)
		if fault, ok := errors.AsType[*Fault](err); !ok || fault.Kind != FaultInvalid || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\n got  %v\n want %s", text, err, want)
		}
	}
}

func TestNamesInSnakeCase(t *testing.T) {
	for name, want := range map[string]string{"GapMinutes": "gap_minutes", "UserID": "user_id", "ID": "id", "HTTPPort": "http_port", "X": "x"} {
		if got := snakeCase(name); got != want {
			t.Error(name, got)
		}
	}
}
