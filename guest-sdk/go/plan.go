package sluice

import "slices"

// Plan is what a transform will do with every batch: which columns it reads, and which the output has.
//
// Columns of the output stand in the order in which they were planned. The first mistake is kept and ends the
// bind, so that no call needs a check of its own; see [Plan.Err].
type Plan struct {
	input     []Field
	reads     []int
	output    []outputColumn
	nComputed int
	stateless bool
	err       error
}

// outputColumn is a column of the output: an input column that passes, or one that is computed.
type outputColumn struct {
	pass  int // -1 where it is computed
	field Field
	order int // counts the computed columns as they were planned
}

const computedHere = -1

// Input is the schema of the input.
func (p *Plan) Input() []Field { return p.input }

// Err is the first mistake; nil where there is none. It is the fault with which bind ends.
func (p *Plan) Err() error { return p.err }

// Field is the field of an input column. Where there is no such column, that is a mistake of the plan, which
// lists those that there are, and the field is of type Null.
func (p *Plan) Field(name string) Field {
	if index := p.index(name); index >= 0 {
		return p.input[index]
	}
	return Field{Name: name}
}

// Has is whether the input has a column.
func (p *Plan) Has(name string) bool {
	return slices.ContainsFunc(p.input, func(field Field) bool { return field.Name == name })
}

// Numbers reads a column of integers, floats or decimals of up to 128 bits as float64.
func (p *Plan) Numbers(name string) Numbers {
	return Numbers{p.read(name, acceptsNumbers, "a number"), numbersOf}
}

// Integers reads a column of any integers but unsigned ones of 64 bits as int64.
func (p *Plan) Integers(name string) Integers {
	return Integers{p.read(name, acceptsIntegers, "an integer"), integersOf}
}

// Text reads a column of text in any layout, dictionaries included.
func (p *Plan) Text(name string) Texts { return Texts{p.read(name, acceptsText, "text"), textOf} }

// Array reads a column of any type.
func (p *Plan) Array(name string) Arrays {
	every := func(Type) bool { return true }
	return Arrays{p.read(name, every, "any type"), func(a *Array) *Array { return a }}
}

// Read reads a column whose values are stored as T, without a copy for types of fixed width: see [Cell].
func Read[T Cell](p *Plan, name string) Values[T] {
	return Values[T]{p.read(name, holds[T], "one of Go type "+typeName[T]()), columnOf[T]}
}

// read is the place of a column among those that are read; zero with a mistake.
func (p *Plan) read(name string, accepts func(Type) bool, expected string) int {
	index := p.index(name)
	if index < 0 {
		return 0
	}
	if t := p.input[index].Type; !accepts(t) {
		p.mistake(Invalid("column `%s` is of type %s, expected %s", name, t, expected))
		return 0
	}
	if read := slices.Index(p.reads, index); read >= 0 {
		return read
	}
	p.reads = append(p.reads, index)
	return len(p.reads) - 1
}

// PassAll passes every input column through that the output does not have yet, but those named.
func (p *Plan) PassAll(but ...string) *Plan {
	for _, name := range but {
		p.index(name)
	}
	for index, field := range p.input {
		if !slices.Contains(but, field.Name) && p.position(field.Name) < 0 {
			p.output = append(p.output, outputColumn{pass: index, field: field})
		}
	}
	return p
}

// Pass passes one input column through.
func (p *Plan) Pass(name string) *Plan {
	if index := p.index(name); index >= 0 {
		p.push(outputColumn{pass: index, field: p.input[index]})
	}
	return p
}

// Compute adds a computed column at the end.
//
// Emitted columns come in the order of the calls to this and [Plan.Replace].
func (p *Plan) Compute(field Field) *Plan {
	p.push(outputColumn{pass: computedHere, field: field, order: p.nComputed})
	p.nComputed++
	return p
}

// Replace computes a column in the place of the passed one of the same name.
//
// Emitted columns come in the order of the calls to this and [Plan.Compute].
func (p *Plan) Replace(field Field) *Plan {
	position := p.position(field.Name)
	if position < 0 || p.output[position].pass == computedHere {
		p.mistake(Invalid("column `%s` is not passed through, so it cannot be replaced", field.Name))
		return p
	}
	p.output[position] = outputColumn{pass: computedHere, field: field, order: p.nComputed}
	p.nComputed++
	return p
}

// Stateless declares that each batch can be processed alone, in any order and by any instance.
//
// Without this, one instance sees a whole partition in order.
func (p *Plan) Stateless() *Plan {
	p.stateless = true
	return p
}

func (p *Plan) push(column outputColumn) {
	if p.position(column.field.Name) >= 0 {
		p.mistake(Invalid("the output would have two columns `%s`", column.field.Name))
		return
	}
	p.output = append(p.output, column)
}

// position is where the output has a column of this name; -1 where it has none.
func (p *Plan) position(name string) int {
	return slices.IndexFunc(p.output, func(column outputColumn) bool { return column.field.Name == name })
}

// index is where the input has a column of this name; -1, and a mistake, where it has none.
func (p *Plan) index(name string) int {
	index := slices.IndexFunc(p.input, func(field Field) bool { return field.Name == name })
	if index < 0 {
		var names []string
		for _, field := range p.input {
			names = append(names, field.Name)
		}
		p.mistake(Invalid("the input has no column `%s`; %s", name, namesHint(name, names)))
	}
	return index
}

func (p *Plan) mistake(err error) {
	if p.err == nil {
		p.err = err
	}
}
