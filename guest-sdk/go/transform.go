package sluice

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Transform is a transform of record batches that was bound to its input.
//
// An error of its methods ends the run: one of [Invalid], [Data] or [Transient], and any other counts as [Data].
type Transform interface {
	// Process processes one batch and emits any number of batches to out.
	Process(batch *Batch, out *Output) error
}

// Finisher is a transform that has something to do after the last batch; it may emit with [Output.Rows].
type Finisher interface {
	Finish(out *Output) error
}

// Bind makes a transform: it checks the input and the parameters and says what will be done with every batch.
//
// It is called once per instance, before any data, and must make the same plan every time. P is a struct of the
// parameters that an application file may set: see [ParseParams]. An error that is no [Fault] counts as [Invalid].
type Bind[P any] func(plan *Plan, params P) (Transform, error)

// None is the parameters of a transform that has none.
type None struct{}

// RawParams is the parameters as the JSON object that the host hands over, for a transform that parses them itself.
type RawParams string

// binder is a Bind of any parameters.
type binder func(plan *Plan, params string) (Transform, error)

// exported is the transform of this component.
var exported binder

// Export makes a transform the one of this component. Call it in init:
//
//	func init() { sluice.Export(bind) }
//	func main() {}
func Export[P any](bind Bind[P]) { exported = bind.withJSON }

func (bind Bind[P]) withJSON(plan *Plan, params string) (Transform, error) {
	var parsed P
	if raw, ok := any(&parsed).(*RawParams); ok {
		*raw = RawParams(params)
		return bind(plan, parsed)
	}
	if err := ParseParams(params, &parsed); err != nil {
		return nil, err
	}
	return bind(plan, parsed)
}

// instance is a bound transform.
type instance struct {
	plan      *Plan
	transform Transform
}

func newInstance(bind binder, schema []flatField, params string) (made *instance, fault *Fault) {
	defer func() {
		if p := recover(); p != nil {
			fault = panicked(p)
		}
	}()
	if bind == nil {
		return nil, &Fault{FaultInvalid, "no transform was exported; call `sluice.Export` in `init`"}
	}
	fields, err := fieldsOf(schema)
	if err != nil {
		return nil, faultOf(err, FaultInvalid)
	}
	plan := &Plan{input: fields}
	transform, err := bind(plan, params)
	if plan.err != nil {
		err = plan.err
	}
	if err == nil && transform == nil {
		err = Invalid("bind returned no transform")
	}
	if err != nil {
		return nil, faultOf(err, FaultInvalid)
	}
	return &instance{plan, transform}, nil
}

// process is the export of that name.
func (i *instance) process(host host) (fault *Fault) {
	defer func() {
		if p := recover(); p != nil {
			fault = panicked(p)
		}
	}()
	batch := &Batch{rows: host.rows(), columns: make([]*Array, 0, len(i.plan.reads))}
	if len(i.plan.reads) > 0 {
		for read, flat := range host.read(len(i.plan.reads)) {
			field := i.plan.input[i.plan.reads[read]]
			array, err := arrayOf(field.Type, flat)
			if err != nil {
				return &Fault{FaultData, fmt.Sprintf("column `%s` as the host sent it: %v", field.Name, err)}
			}
			batch.columns = append(batch.columns, array)
		}
	}
	out := &Output{host: host, plan: i.plan, batch: batch}
	if err := i.transform.Process(batch, out); err != nil {
		return faultOf(err, FaultData)
	}
	out.flush()
	for _, column := range batch.columns {
		host.recycle(column)
	}
	return nil
}

// finish is the export of that name.
func (i *instance) finish(host host) (fault *Fault) {
	finisher, ok := i.transform.(Finisher)
	if !ok {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			fault = panicked(p)
		}
	}()
	out := &Output{host: host, plan: i.plan}
	if err := finisher.Finish(out); err != nil {
		return faultOf(err, FaultData)
	}
	out.flush()
	return nil
}

// panicked logs a panic with its stack, and is the fault that ends the run with its message and place.
// It must be called by the deferred function that recovered.
func panicked(value any) *Fault {
	message := fmt.Sprintf("panic: %v", value)
	if err, ok := value.(error); ok {
		message = "panic: " + err.Error()
	}
	Error("%s\n%s", message, trimStack(string(debug.Stack())))
	if place := panicPlace(); place != "" {
		message += ", in " + place
	}
	return &Fault{FaultData, message}
}

// trimStack is a stack without the frames between the panic and its recovery, and without addresses.
func trimStack(stack string) string {
	lines := strings.Split(strings.TrimSpace(stack), "\n")
	for at, line := range lines {
		if strings.HasPrefix(line, "panic(") && at+2 < len(lines) {
			lines = lines[at+2:]
			break
		}
	}
	var kept []string
	for _, line := range lines {
		if strings.HasPrefix(line, ownFrames) {
			break
		}
		if strings.HasPrefix(line, "\t") {
			line, _, _ = strings.Cut(line, " +0x")
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "\n")
}

// panicPlace is the functions that led to a panic, innermost first, up to this package.
func panicPlace() string {
	const framesMax = 64 // deep enough to pass the frames of the runtime
	const shownMax = 8
	var counters [framesMax]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(1, counters[:])])
	var shown []string
	for panicking, more := false, true; more && len(shown) < shownMax; {
		var frame runtime.Frame
		frame, more = frames.Next()
		switch {
		case panicking && strings.HasPrefix(frame.Function, ownFrames):
			return strings.Join(shown, " < ")
		case panicking && !strings.HasPrefix(frame.Function, "runtime."):
			file := frame.File[strings.LastIndexByte(frame.File, '/')+1:]
			shown = append(shown, fmt.Sprintf("%s (%s:%d)", frame.Function, file, frame.Line))
		}
		panicking = panicking || frame.Function == "runtime.gopanic"
	}
	return strings.Join(shown, " < ")
}

// ownFrames is how the functions are named that call a transform.
const ownFrames = "sluicegate/sluice.(*instance)"
