package sluice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// ParseParams parses parameters, a JSON object or nothing, into the struct that params points to.
//
// A field's parameter is named in its tag, `param:"min_amount"`, or else is the field's name in snake case; `param:"-"`
// is no parameter. A parameter must be set unless the tag says `optional`, which leaves the zero value, or
// `default=VALUE`, the last part of the tag. A pointer is optional too. A value must be of the field's type: text, bool, integers
// within their range, floats, slices and maps of those, or what encoding/json makes of a struct.
//
// The fault names the parameter, and the known ones where it is not known.
func ParseParams(text string, params any) error {
	var given map[string]json.RawMessage
	if strings.TrimSpace(text) != "" {
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return Invalid("parameters are not a JSON object: %v", err)
		}
	}
	target := reflect.ValueOf(params).Elem()
	known := paramsOf(target.Type())
	var names []string
	for _, p := range known {
		names = append(names, p.name)
	}
	for _, name := range sortedKeys(given) {
		if !slices.Contains(names, name) {
			return Invalid("parameter `%s` is not known; %s", name, namesHint(name, names))
		}
	}
	for _, p := range known {
		raw, set := given[p.name]
		field := target.FieldByIndex(p.index)
		switch {
		case set:
			if err := setJSON(field, raw); err != nil {
				return Invalid("parameter `%s`: %v", p.name, err)
			}
		case p.required:
			return Invalid("parameter `%s` is missing; the application must set it", p.name)
		case p.hasDefault:
			if err := setDefault(field, p.def); err != nil {
				return Invalid("default of parameter `%s`: %v", p.name, err)
			}
		}
	}
	return nil
}

type param struct {
	name, def            string
	required, hasDefault bool
	index                []int
}

func paramsOf(t reflect.Type) (params []param) {
	for _, field := range reflect.VisibleFields(t) {
		tag := field.Tag.Get("param")
		if !field.IsExported() || field.Anonymous || tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "" {
			name = snakeCase(field.Name)
		}
		p := param{name: name, index: field.Index}
		p.def, p.hasDefault = strings.CutPrefix(options, "default=")
		p.required = options != "optional" && !p.hasDefault && field.Type.Kind() != reflect.Pointer
		params = append(params, p)
	}
	return params
}

// snakeCase is a Go name as parameters and columns are named: GapMinutes is gap_minutes, UserID is user_id.
func snakeCase(name string) string {
	var snake []rune
	letters := []rune(name)
	upper := func(i int) bool { return letters[i] >= 'A' && letters[i] <= 'Z' }
	for i, letter := range letters {
		if upper(i) {
			if i > 0 && (!upper(i-1) || i+1 < len(letters) && !upper(i+1)) {
				snake = append(snake, '_')
			}
			letter += 'a' - 'A'
		}
		snake = append(snake, letter)
	}
	return string(snake)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// setDefault sets a field to the text of its tag: JSON, but text may go without quotes.
func setDefault(field reflect.Value, text string) error {
	if field.Kind() == reflect.String {
		field.SetString(text)
		return nil
	}
	return setJSON(field, json.RawMessage(text))
}

func setJSON(field reflect.Value, raw json.RawMessage) error {
	if string(raw) == "null" && field.Kind() != reflect.Pointer {
		return mistyped(field, raw)
	}
	switch field.Kind() {
	case reflect.Slice:
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			return mistyped(field, raw)
		}
		made := reflect.MakeSlice(field.Type(), len(items), len(items))
		for i, item := range items {
			if err := setJSON(made.Index(i), item); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
		field.Set(made)
		return nil
	case reflect.Float32, reflect.Float64:
		// An application's number without a point is an integer, and fits as well.
		number, err := strconv.ParseFloat(string(raw), field.Type().Bits())
		if err != nil {
			return mistyped(field, raw)
		}
		field.SetFloat(number)
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(field.Addr().Interface())
	if err != nil && expected(field.Kind()) != "" {
		return mistyped(field, raw)
	}
	return err
}

func mistyped(field reflect.Value, raw json.RawMessage) error {
	const shownMax = 60 // bytes of the value that the error shows
	shown := string(raw)
	if len(shown) > shownMax {
		shown = strings.ToValidUTF8(shown[:shownMax], "") + "..."
	}
	want := expected(field.Kind())
	if strings.HasPrefix(want, "an integer") && field.Type().Bits() < 64 {
		want += fmt.Sprintf(" of %d bits", field.Type().Bits())
	}
	return fmt.Errorf("%s where %s is expected", shown, want)
}

// expected is a kind of Go types in words; empty for those that only encoding/json knows.
func expected(kind reflect.Kind) string {
	switch kind {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int, reflect.Int64:
		return "an integer"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint, reflect.Uint64:
		return "an integer without a sign"
	}
	return ""
}
