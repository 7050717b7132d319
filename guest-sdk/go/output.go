package sluice

// Batch is the rows that a transform processes; a handle's In gives its columns.
type Batch struct {
	rows    int
	columns []*Array
}

// Rows is how many rows the batch has.
func (b *Batch) Rows() int { return b.rows }

type selectionKind uint8

const (
	selectAll selectionKind = iota
	selectFilter
	selectTake
)

// selection is which input rows an emitted batch is made of, in the layout of the contract.
type selection struct {
	kind  selectionKind
	bytes []byte
}

type rejection struct {
	row    uint32
	reason string
}

// host is the imports of the contract.
type host interface {
	rows() int
	read(n int) [][]flatArray // the first n columns of the plan's reads
	emit(rows selection, computed [][]flatArray)
	reject(rows []rejection)
	recycle(column *Array) // the batch that it is of is over
}

// Output is where a transform puts its results.
//
// Computed columns are given in the order in which the plan names them, one value for each selected row:
// out.Filter(rows, bucket, speed).
type Output struct {
	host       host
	plan       *Plan
	batch      *Batch // nil in Finish
	rejections []rejection
}

// All emits every row of the batch.
//
// It fails where a computed column has another type or length than the plan and the batch say.
func (o *Output) All(computed ...Computed) error {
	if o.batch == nil {
		return Data("there is no batch in `Finish`; use `Rows`")
	}
	return o.emit(selection{}, o.batch.rows, computed)
}

// Filter emits the rows that survive a filter.
//
// It fails where the filter is for another number of rows, or a computed column has another type or length
// than the plan and the filter say.
func (o *Output) Filter(rows *Filter, computed ...Computed) error {
	switch {
	case o.batch == nil:
		return Data("there is no batch in `Finish`; use `Rows`")
	case rows.n != o.batch.rows:
		return Data("a filter of %d rows for a batch of %d", rows.n, o.batch.rows)
	case rows.selected == rows.n:
		return o.emit(selection{}, rows.n, computed)
	}
	return o.emit(selection{selectFilter, rows.bits}, rows.selected, computed)
}

// Take emits rows by index; an index may repeat or be left out.
//
// It fails where an index is no row of the batch, or a computed column has another type or length than the plan
// and the number of indices say.
func (o *Output) Take(rows []uint32, computed ...Computed) error {
	if o.batch == nil {
		return Data("there is no batch in `Finish`; use `Rows`")
	}
	for _, row := range rows {
		if int(row) >= o.batch.rows {
			return Data("row %d taken from a batch of %d rows", row, o.batch.rows)
		}
	}
	return o.emit(selection{selectTake, uncast(rows)}, len(rows), computed)
}

// Rows emits rows that belong to no batch, from Finish; the plan must pass no column through, and the columns
// say how many rows there are.
//
// It fails in Process, where the plan passes a column through, and where the columns are not those of the plan
// or differ in length.
func (o *Output) Rows(computed ...Computed) error {
	switch {
	case o.batch != nil:
		return Data("`Rows` is for `Finish`; use `All`, `Filter` or `Take` in `Process`")
	case o.plan.nComputed < len(o.plan.output):
		return Data("`Finish` cannot emit rows where the plan passes a column through")
	}
	return o.emit(selection{}, unknownLength, computed)
}

// unknownLength is where the first column says how many rows there are.
const unknownLength = -1

// Reject takes a row of the current batch out of the run, with a reason, instead of failing it.
//
// The row is not removed from what is emitted: leave it out there.
func (o *Output) Reject(row int, reason string) {
	o.rejections = append(o.rejections, rejection{uint32(row), reason})
}

// flush hands the rejections over.
func (o *Output) flush() {
	if len(o.rejections) > 0 {
		o.host.reject(o.rejections)
	}
}

func (o *Output) emit(rows selection, n int, computed []Computed) error {
	if len(computed) != o.plan.nComputed {
		return Data("%d computed columns emitted, the plan has %d", len(computed), o.plan.nComputed)
	}
	columns := make([][]flatArray, 0, len(computed))
	for _, column := range o.plan.output {
		if column.pass != computedHere {
			continue
		}
		name := column.field.Name
		array, err := computed[column.order].computed(column.field.Type)
		if err != nil {
			return Data("column `%s` %v", name, err)
		}
		if n == unknownLength {
			n = array.Len
		}
		if array.Len != n {
			return Data("column `%s` has %d values for %d selected rows", name, array.Len, n)
		}
		if !column.field.Nullable && array.Nulls > 0 {
			return Data("column `%s` has nulls, the plan says it has none", name)
		}
		columns = append(columns, array.flatten(nil))
	}
	o.host.emit(rows, columns)
	return nil
}
