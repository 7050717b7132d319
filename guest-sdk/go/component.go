//go:build wasip1

package sluice

// The component's side of the contract, by hand: package sluicegate:transform@0.1.0 in the canonical ABI.
//
// What the host may read lies on the Go heap, which does not move, and is kept by pinned until the next call.

import (
	"runtime"
	"strings"
	"unsafe"
)

//go:wasmimport sluicegate:transform/input@0.1.0 rows
func importRows() uint32

//go:wasmimport sluicegate:transform/input@0.1.0 read
func importRead(indices unsafe.Pointer, n uint32, result unsafe.Pointer)

//go:wasmimport sluicegate:transform/output@0.1.0 emit
func importEmit(kind uint32, rows unsafe.Pointer, nRows uint32, columns unsafe.Pointer, nColumns uint32)

//go:wasmimport sluicegate:transform/output@0.1.0 reject
func importReject(rows unsafe.Pointer, n uint32)

//go:wasmimport sluicegate:transform/log@0.1.0 write
func importLog(level uint32, message unsafe.Pointer, n uint32)

// importLine gives the adapter memory to collect a line of printed text in: see adapter/stub.wat.
//
//go:wasmimport wasi_snapshot_preview1 sluice_line
func importLine(at unsafe.Pointer, size uint32)

// line is as long as a line of a stack ever is.
var line [1024]byte

func init() { importLine(unsafe.Pointer(&line), uint32(len(line))) }

// Lists, strings and records as they lie in memory.
type (
	wireList  struct{ at, n uint32 }
	wireArray struct {
		length, nulls uint32
		buffers       wireList
	}
	wireField struct {
		name, format         wireList
		nullable, dictionary bool
		children             uint32
		metadata             wireList
	}
	wireOutput struct {
		computed uint32 // 0 where the column passes
		payload  wireList
	}
	wirePlan struct {
		reads, output wireList
		stateless     uint32
	}
	wireFault struct {
		kind    uint32
		message wireList
	}
	wireBound struct {
		failed uint32
		plan   wirePlan // or a wireFault
	}
	wireDone struct {
		failed uint32
		fault  wireFault
	}
	wireRejection struct {
		row    uint32
		reason wireList
	}
)

// pinned keeps what lies between guest and host reachable, and, by being a global, on the heap.
var pinned []unsafe.Pointer

func pin(p unsafe.Pointer) uint32 {
	pinned = append(pinned, p)
	return uint32(uintptr(p))
}

func unpin() {
	clear(pinned)
	pinned = pinned[:0]
}

func lower[T any](values []T) wireList {
	if len(values) == 0 {
		return wireList{}
	}
	return wireList{pin(unsafe.Pointer(unsafe.SliceData(values))), uint32(len(values))}
}

func lowerString(text string) wireList {
	if text == "" {
		return wireList{}
	}
	return wireList{pin(unsafe.Pointer(unsafe.StringData(text))), uint32(len(text))}
}

// lowerValid is a text that may be no UTF-8, on which the host insists.
func lowerValid(text string) wireList { return lowerString(strings.ToValidUTF8(text, "\uFFFD")) }

// lift is a list that the host wrote into a block of cabi_realloc.
func lift[T any](list wireList) []T {
	if list.n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Add(nil, list.at)), list.n)
}

func liftString(list wireList) string {
	bytes := lift[byte](list)
	return unsafe.String(unsafe.SliceData(bytes), len(bytes))
}

// cabiRealloc is where the host takes memory for what it hands over. A string builder's memory is not cleared
// first, which the host does better by writing it.
//
//go:wasmexport cabi_realloc
func cabiRealloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	if size == 0 {
		return unsafe.Add(nil, align)
	}
	p := recycled(size)
	if p == nil {
		const aligned = 16 // what the allocator does for every size that is a multiple of it
		var block strings.Builder
		block.Grow(int(size+aligned-1) &^ (aligned - 1))
		block.WriteByte(0)
		p = unsafe.Pointer(unsafe.StringData(block.String()))
	}
	copy(unsafe.Slice((*byte)(p), size), unsafe.Slice((*byte)(old), min(oldSize, size)))
	pin(p)
	return p
}

// free is buffers of past batches that the host may write again: memory that is in the cache, and no garbage.
var free [][]byte

const (
	freeMax    = 64      // buffers that are kept
	recycleMin = 1 << 10 // bytes; a smaller buffer costs more to find than to make
)

// recycled is a free buffer that is large enough, and not much too large; nil where there is none.
func recycled(size uint32) unsafe.Pointer {
	if size < recycleMin {
		return nil
	}
	for i, buffer := range free {
		if n := uint32(len(buffer)); n >= size && n/2 <= size {
			free[i] = free[len(free)-1]
			free = free[:len(free)-1]
			return unsafe.Pointer(unsafe.SliceData(buffer))
		}
	}
	return nil
}

// recycle takes back the buffers of a column.
func (imports) recycle(a *Array) {
	for _, buffer := range a.recyclable() {
		if len(buffer) >= recycleMin && len(free) < freeMax {
			free = append(free, buffer)
		}
	}
	for _, child := range a.Children {
		imports{}.recycle(child)
	}
}

var (
	bound      *instance
	boundPlan  wireBound
	done       wireDone
	readResult wireList
	indices    []uint32
)

//go:wasmexport sluicegate:transform/transform@0.1.0#bind
func exportBind(schema unsafe.Pointer, nFields uint32, params unsafe.Pointer, nParams uint32) unsafe.Pointer {
	fields := make([]flatField, 0, nFields)
	for _, field := range unsafe.Slice((*wireField)(schema), nFields) {
		var metadata [][2]string
		for _, pair := range lift[[2]wireList](field.metadata) {
			metadata = append(metadata, [2]string{liftString(pair[0]), liftString(pair[1])})
		}
		fields = append(fields, flatField{liftString(field.name), liftString(field.format),
			field.nullable, field.dictionary, int(field.children), metadata})
	}
	text := strings.Clone(unsafe.String((*byte)(params), nParams))
	var fault *Fault
	bound, fault = newInstance(exported, fields, text)
	unpin()
	boundPlan = wireBound{}
	if fault != nil {
		boundPlan.failed = 1
		*(*wireFault)(unsafe.Pointer(&boundPlan.plan)) = lowerFault(fault)
	} else {
		boundPlan.plan = lowerPlan(bound.plan)
	}
	return unsafe.Pointer(&boundPlan)
}

func lowerPlan(plan *Plan) wirePlan {
	reads := make([]uint32, 0, len(plan.reads))
	for _, read := range plan.reads {
		indices = append(indices, uint32(len(indices)))
		reads = append(reads, uint32(read))
	}
	output := make([]wireOutput, 0, len(plan.output))
	for _, column := range plan.output {
		if column.pass != computedHere {
			output = append(output, wireOutput{payload: wireList{at: uint32(column.pass)}})
			continue
		}
		var fields []wireField
		for _, field := range column.field.flatten(nil) {
			var metadata [][2]wireList
			for _, pair := range field.metadata {
				metadata = append(metadata, [2]wireList{lowerString(pair[0]), lowerString(pair[1])})
			}
			fields = append(fields, wireField{lowerString(field.name), lowerString(field.format),
				field.nullable, field.dictionary, uint32(field.children), lower(metadata)})
		}
		output = append(output, wireOutput{1, lower(fields)})
	}
	lowered := wirePlan{reads: lower(reads), output: lower(output)}
	if plan.stateless {
		lowered.stateless = 1
	}
	return lowered
}

func lowerFault(fault *Fault) wireFault {
	return wireFault{uint32(fault.Kind), lowerValid(fault.Message)}
}

//go:wasmexport sluicegate:transform/transform@0.1.0#process
func exportProcess() unsafe.Pointer { return call((*instance).process) }

//go:wasmexport sluicegate:transform/transform@0.1.0#finish
func exportFinish() unsafe.Pointer { return call((*instance).finish) }

func call(export func(*instance, host) *Fault) unsafe.Pointer {
	unpin()
	fault := &Fault{FaultInvalid, "`bind` was not called"}
	if bound != nil {
		fault = export(bound, imports{})
	}
	unpin()
	done = wireDone{}
	if fault != nil {
		done = wireDone{1, lowerFault(fault)}
	}
	return unsafe.Pointer(&done)
}

// imports is the host on the other side of the boundary.
type imports struct{}

func (imports) rows() int { return int(importRows()) }

func (imports) read(n int) [][]flatArray {
	importRead(unsafe.Pointer(unsafe.SliceData(indices)), uint32(n), unsafe.Pointer(&readResult))
	columns := make([][]flatArray, 0, n)
	for _, column := range lift[wireList](readResult) {
		arrays := make([]flatArray, 0, column.n)
		for _, array := range lift[wireArray](column) {
			buffers := make([][]byte, 0, array.buffers.n)
			for _, buffer := range lift[wireList](array.buffers) {
				buffers = append(buffers, lift[byte](buffer))
			}
			arrays = append(arrays, flatArray{int(array.length), int(array.nulls), buffers})
		}
		columns = append(columns, arrays)
	}
	unpin()
	return columns
}

func (imports) emit(rows selection, computed [][]flatArray) {
	columns := make([]wireList, 0, len(computed))
	for _, column := range computed {
		arrays := make([]wireArray, 0, len(column))
		for _, array := range column {
			buffers := make([]wireList, 0, len(array.buffers))
			for _, buffer := range array.buffers {
				buffers = append(buffers, lower(buffer))
			}
			arrays = append(arrays, wireArray{uint32(array.length), uint32(array.nulls), lower(buffers)})
		}
		columns = append(columns, lower(arrays))
	}
	importEmit(uint32(rows.kind), unsafe.Pointer(unsafe.SliceData(rows.bytes)), uint32(len(rows.bytes)),
		unsafe.Pointer(unsafe.SliceData(columns)), uint32(len(columns)))
	runtime.KeepAlive(rows)
	unpin()
}

func (imports) reject(rows []rejection) {
	lowered := make([]wireRejection, 0, len(rows))
	for _, row := range rows {
		lowered = append(lowered, wireRejection{row.row, lowerValid(row.reason)})
	}
	importReject(unsafe.Pointer(unsafe.SliceData(lowered)), uint32(len(lowered)))
	unpin()
}

func writeLog(level Level, message string) {
	message = strings.ToValidUTF8(message, "\uFFFD")
	importLog(uint32(level), unsafe.Pointer(unsafe.StringData(message)), uint32(len(message)))
	runtime.KeepAlive(message)
}
