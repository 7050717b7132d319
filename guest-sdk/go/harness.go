//go:build !wasip1

package sluice

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// Harness unit-tests a transform natively, without wasm: it binds it, hands it batches and does what the host does
// with the results. It is left out of a component.
//
//	h, err := sluice.NewHarness(bind, sluice.NewTable("n", sluice.Int64, sluice.Of[int64](1, 2, 4)), `{}`)
//	got, err := h.Process()
type Harness struct {
	instance *instance
	input    *Table
	output   []Field
}

// Table is rows with a schema.
type Table struct {
	Fields  []Field
	Columns []*Array
	Rows    int
}

// NewTable is a table of one column, which may hold nulls; [Table.With] adds others. It panics where the type cannot hold the values.
func NewTable(name string, t Type, values Computed) *Table {
	return new(Table).With(name, t, values)
}

// With adds a column of the same length. It panics where the type cannot hold the values, or the length differs.
func (t *Table) With(name string, kind Type, values Computed) *Table {
	array, err := values.computed(kind)
	if err != nil {
		panic(fmt.Sprintf("sluice: column `%s` %v", name, err))
	}
	if len(t.Columns) > 0 && array.Len != t.Rows {
		panic(fmt.Sprintf("sluice: column `%s` has %d values, the table has %d rows", name, array.Len, t.Rows))
	}
	return &Table{append(t.Fields[:len(t.Fields):len(t.Fields)], NewField(name, kind)),
		append(t.Columns[:len(t.Columns):len(t.Columns)], array), array.Len}
}

// Column is a column by name; nil where there is none.
func (t *Table) Column(name string) *Array {
	for i, field := range t.Fields {
		if field.Name == name {
			return t.Columns[i]
		}
	}
	return nil
}

// String is the table as a line of JSON for each row, values in the order of the columns.
func (t *Table) String() string {
	var text strings.Builder
	for row := range t.Rows {
		for i, column := range t.Columns {
			name, _ := json.Marshal(t.Fields[i].Name)
			value, err := json.Marshal(column.Value(row))
			if err != nil {
				value = fmt.Appendf(nil, "%q", fmt.Sprint(column.Value(row)))
			}
			fmt.Fprintf(&text, "%c%s:%s", "{,"[min(i, 1)], name, value)
		}
		text.WriteString("}\n")
	}
	return text.String()
}

// Outcome is what came out of one call.
type Outcome struct {
	// Table is the rows that were emitted, of all emits together.
	*Table
	// Emits is how many rows each emit had.
	Emits []int
	// Rejections are the rows that were rejected.
	Rejections []Rejection
	// Messages were logged since the last call, bind included.
	Messages []Message
}

// Rejection is a row that could not be processed, counted in its batch.
type Rejection struct {
	Row    int
	Reason string
}

// Message is a log message.
type Message struct {
	Level Level
	Text  string
}

// NewHarness binds a transform to the schema of input and to parameters, a JSON object.
func NewHarness[P any](bind Bind[P], input *Table, params string) (*Harness, error) {
	var schema []flatField
	for _, field := range input.Fields {
		schema = field.flatten(schema)
	}
	bound, fault := newInstance(bind.withJSON, schema, params)
	if fault != nil {
		return nil, fault
	}
	h := &Harness{instance: bound, input: input}
	for _, column := range bound.plan.output {
		h.output = append(h.output, column.field)
	}
	return h, nil
}

// Reads is the names of the input columns that enter the transform.
func (h *Harness) Reads() (names []string) {
	for _, read := range h.instance.plan.reads {
		names = append(names, h.input.Fields[read].Name)
	}
	return names
}

// IsStateless is whether the transform declared that batches may be processed in any order.
func (h *Harness) IsStateless() bool { return h.instance.plan.stateless }

// Process processes the table that the harness was made with.
//
// It fails with the fault of the transform, and where the host would stop it.
func (h *Harness) Process() (*Outcome, error) { return h.ProcessBatch(h.input) }

// ProcessBatch processes another table of the same schema.
func (h *Harness) ProcessBatch(batch *Table) (*Outcome, error) {
	return h.call(batch, (*instance).process)
}

// Finish ends the run.
func (h *Harness) Finish() (*Outcome, error) { return h.call(nil, (*instance).finish) }

func (h *Harness) call(batch *Table, export func(*instance, host) *Fault) (*Outcome, error) {
	native := &nativeHost{harness: h, batch: batch, outcome: &Outcome{}}
	for _, field := range h.output {
		native.builders = append(native.builders, NewBuilder(field.Type))
	}
	if fault := export(h.instance, native); fault != nil {
		return nil, fault
	}
	if native.trap != nil {
		return nil, Data("the host would stop the transform: %v", native.trap)
	}
	table := &Table{Fields: h.output}
	for _, builder := range native.builders {
		table.Columns = append(table.Columns, builder.Array())
	}
	for _, n := range native.outcome.Emits {
		table.Rows += n
	}
	native.outcome.Table, native.outcome.Messages = table, takeMessages()
	return native.outcome, nil
}

// nativeHost is the host's part of one call.
type nativeHost struct {
	harness  *Harness
	batch    *Table // nil in finish
	builders []*Builder
	outcome  *Outcome
	trap     error
}

func (n *nativeHost) rows() int {
	if n.batch == nil {
		return 0
	}
	return n.batch.Rows
}

func (n *nativeHost) read(columns int) (flat [][]flatArray) {
	for _, read := range n.harness.instance.plan.reads[:columns] {
		flat = append(flat, copied(n.batch.Columns[read].flatten(nil)))
	}
	return flat
}

// copied is arrays of the guest's own, so that a transform that changes them in place does not change the input.
func copied(flat []flatArray) []flatArray {
	for i, array := range flat {
		buffers := make([][]byte, len(array.buffers))
		for j, buffer := range array.buffers {
			words := make([]uint64, len(buffer)/8+1)
			buffers[j] = uncast(words)[:copy(uncast(words), buffer)]
		}
		flat[i].buffers = buffers
	}
	return flat
}

func (n *nativeHost) emit(rows selection, computed [][]flatArray) {
	if n.trap == nil {
		n.trap = n.emitted(rows, computed)
	}
}

func (n *nativeHost) emitted(rows selection, computed [][]flatArray) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a column is malformed: %v", p)
		}
	}()
	selected := n.selected(rows)
	emits := len(selected)
	for i, column := range n.harness.instance.plan.output {
		if column.pass != computedHere {
			for _, row := range selected {
				if err := n.builders[i].Append(n.batch.Columns[column.pass].Value(row)); err != nil {
					return err
				}
			}
			continue
		}
		array, err := arrayOf(column.field.Type, computed[0])
		if err != nil {
			return fmt.Errorf("column `%s`: %w", column.field.Name, err)
		}
		if err := n.builders[i].appendAll(array.Values()); err != nil {
			return fmt.Errorf("column `%s`: %w", column.field.Name, err)
		}
		if computed = computed[1:]; n.batch == nil {
			emits = array.Len
		}
	}
	n.outcome.Emits = append(n.outcome.Emits, emits)
	return nil
}

func (n *nativeHost) selected(rows selection) (selected []int) {
	if rows.kind == selectTake {
		for _, row := range cast[uint32](rows.bytes) {
			selected = append(selected, int(row))
		}
		return selected
	}
	for row := range n.rows() {
		if rows.kind == selectAll || Bitmap(rows.bytes).Get(row) {
			selected = append(selected, row)
		}
	}
	return selected
}

func (n *nativeHost) reject(rows []rejection) {
	for _, row := range rows {
		if int(row.row) >= n.rows() {
			n.trap = fmt.Errorf("row %d rejected of a batch of %d rows", row.row, n.rows())
		}
		n.outcome.Rejections = append(n.outcome.Rejections, Rejection{int(row.row), row.reason})
	}
}

// recycle spoils the buffers that a component writes again, so that a test notices who kept them.
func (n *nativeHost) recycle(column *Array) {
	for _, buffer := range column.recyclable() {
		for i := range buffer {
			buffer[i] = spoiled
		}
	}
	for _, child := range column.Children {
		n.recycle(child)
	}
}

const spoiled = 0xa5

// messages stand in for the host's log; tests may run in parallel.
var messages struct {
	sync.Mutex
	list []Message
}

func writeLog(level Level, message string) {
	messages.Lock()
	defer messages.Unlock()
	messages.list = append(messages.list, Message{level, message})
}

func takeMessages() []Message {
	messages.Lock()
	defer messages.Unlock()
	list := messages.list
	messages.list = nil
	return list
}
