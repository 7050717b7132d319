// The conformance guest in Go: tests/conformance/README.md says what its modes do.
package main

import (
	"encoding/json"
	"slices"
	"strings"

	"sluicegate/sluice"
)

func init() { sluice.Export(bind) }

func main() {}

// process is a transform that keeps nothing but what its bind closed over.
type process func(batch *sluice.Batch, out *sluice.Output) error

func (p process) Process(batch *sluice.Batch, out *sluice.Output) error { return p(batch, out) }

// modes bind the transform of each mode but `params`, which has parameters of its own.
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
	if params.Mode == "params" {
		return bindParams(plan, raw)
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
	names := []string{"params"}
	for name := range modes {
		names = append(names, name)
	}
	slices.Sort(names)
	return "`" + strings.Join(names, "`, `") + "`"
}
