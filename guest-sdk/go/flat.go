package sluice

import (
	"errors"
	"fmt"
)

// flatField is a field as it crosses the boundary: a schema is a list of them in pre-order.
type flatField struct {
	name, format         string
	nullable, dictionary bool
	children             int
	metadata             [][2]string
}

// flatArray is an array as it crosses the boundary: a column is a list of them in pre-order.
type flatArray struct {
	length, nulls int
	buffers       [][]byte
}

// flatten appends a field and its descendants.
func (f Field) flatten(flat []flatField) []flatField {
	flat = append(flat, flatField{f.Name, f.Type.format(), f.Nullable, f.Type.Kind == KindDictionary, len(f.Type.Children), f.Metadata})
	for _, child := range f.Type.Children {
		flat = child.flatten(flat)
	}
	return flat
}

// fieldsOf is the fields of a flat schema.
func fieldsOf(flat []flatField) (fields []Field, err error) {
	for len(flat) > 0 {
		var field Field
		if field, flat, err = nextField(flat); err != nil {
			return nil, err
		}
		fields = append(fields, field)
	}
	return fields, nil
}

func nextField(flat []flatField) (Field, []flatField, error) {
	if len(flat) == 0 {
		return Field{}, nil, errors.New("a field lacks children")
	}
	head, flat := flat[0], flat[1:]
	var children []Field
	for range head.children {
		child, rest, err := nextField(flat)
		if err != nil {
			return Field{}, nil, err
		}
		children, flat = append(children, child), rest
	}
	t, err := parseType(head.format, children)
	if err == nil && head.dictionary {
		t, err = Type{Kind: KindDictionary, Keys: t.Kind, Children: children}, nil
	}
	if want := childrenOf(t.Kind); err == nil && want >= 0 && len(children) != want {
		err = fmt.Errorf("%d children where %d are expected", len(children), want)
	}
	if err != nil {
		return Field{}, nil, fmt.Errorf("column `%s`: %w", head.name, err)
	}
	return Field{head.name, t, head.nullable, head.metadata}, flat, nil
}

// childrenOf is how many children a type of this kind has; -1 where any number will do.
func childrenOf(kind Kind) int {
	switch kind {
	case KindStruct:
		return -1
	case KindList, KindLargeList, KindFixedList, KindMap, KindDictionary:
		return 1
	}
	return 0
}

// flatten appends an array and its descendants.
func (a *Array) flatten(flat []flatArray) []flatArray {
	flat = append(flat, flatArray{a.Len, a.Nulls, a.Buffers})
	for _, child := range a.Children {
		flat = child.flatten(flat)
	}
	return flat
}

// arrayOf is the array of a flat column.
func arrayOf(t Type, flat []flatArray) (*Array, error) {
	array, rest, err := nextArray(t, flat)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d arrays too many", len(rest))
	}
	return array, err
}

func nextArray(t Type, flat []flatArray) (*Array, []flatArray, error) {
	if len(flat) == 0 {
		return nil, nil, errors.New("an array is missing")
	}
	head, flat := flat[0], flat[1:]
	array := &Array{Type: t, Len: head.length, Nulls: head.nulls, Buffers: head.buffers}
	if want := buffersOf(t.layout()); len(head.buffers) < want || len(head.buffers) > want && t.layout() != layoutView {
		return nil, nil, fmt.Errorf("%d buffers where %d are expected", len(head.buffers), want)
	}
	for _, field := range t.Children {
		child, rest, err := nextArray(field.Type, flat)
		if err != nil {
			return nil, nil, err
		}
		array.Children, flat = append(array.Children, child), rest
	}
	return array, flat, nil
}

// buffersOf is how many buffers an array of this layout has, the validity included; views may have more.
func buffersOf(l layout) int {
	switch l {
	case layoutNone:
		return 0
	case layoutNested:
		return 1
	case layoutText, layoutLargeText:
		return 3
	}
	return 2
}
