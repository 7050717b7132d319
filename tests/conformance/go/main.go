// The conformance guest in Go: tests/conformance/README.md says what its modes do.
package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"sluicegate/sluice"
)

func init() { sluice.Export(bind) }

func main() {}

// process is a transform that keeps nothing but what its bind closed over.
type process func(batch *sluice.Batch, out *sluice.Output) error

func (p process) Process(batch *sluice.Batch, out *sluice.Output) error { return p(batch, out) }

// withParams bind the transforms of modes that have parameters of their own.
var withParams = map[string]func(*sluice.Plan, sluice.RawParams) (sluice.Transform, error){
	"params":        bindParams,
	"object-copy":   bindCopy,
	"object-list":   bindList,
	"object-errors": bindErrors,
	"secret":        bindSecret,
	"http":          bindHTTP,
}

// modes bind the transforms of the others.
var modes = map[string]func(*sluice.Plan) sluice.Transform{
	"echo":            bindEcho,
	"pass":            bindPass,
	"filter":          bindFilter,
	"take":            bindTake,
	"reject":          bindReject,
	"fault-invalid":   bindMissing,
	"fault-data":      bindFault(sluice.Data, "bad data"),
	"fault-transient": bindFault(sluice.Transient, "try again"),
	"panic":           bindPanic,
	"log":             bindLog,
	"count":           bindCount,
	"running":         bindRunning,
	"many":            bindMany,
	"spin":            bindSpin,
	"grow":            bindGrow,
	"add-one":         bindAddOne,
}

func bind(plan *sluice.Plan, raw sluice.RawParams) (sluice.Transform, error) {
	var params struct{ Mode string }
	if err := json.Unmarshal([]byte(raw), &params); err != nil {
		return nil, sluice.Invalid("parameter `mode`: %v", err)
	}
	if bindMode, known := withParams[params.Mode]; known {
		return bindMode(plan, raw)
	}
	bindMode, known := modes[params.Mode]
	if !known {
		return nil, sluice.Invalid("parameter `mode` is `%s`; there are %s", params.Mode, knownModes())
	}
	if err := sluice.ParseParams(string(raw), &params); err != nil {
		return nil, err
	}
	return bindMode(plan), nil
}

func knownModes() string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(modes)), maps.Keys(withParams))
	slices.Sort(names)
	return "`" + strings.Join(names, "`, `") + "`"
}
