// The conformance guest in Go for what lies beyond the columns: objects, secrets and HTTP.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"sluicegate/sluice"
)

func init() { sluice.Export(bind) }

func main() {}

// process is a transform that keeps nothing but what its bind closed over.
type process func(batch *sluice.Batch, out *sluice.Output) error

func (p process) Process(batch *sluice.Batch, out *sluice.Output) error { return p(batch, out) }

var modes = map[string]func(*sluice.Plan, sluice.RawParams) (sluice.Transform, error){
	"object-copy":   bindCopy,
	"object-list":   bindList,
	"object-errors": bindErrors,
	"secret":        bindSecret,
	"http":          bindHTTP,
}

func bind(plan *sluice.Plan, raw sluice.RawParams) (sluice.Transform, error) {
	var params struct{ Mode string }
	if err := json.Unmarshal([]byte(raw), &params); err != nil {
		return nil, sluice.Invalid("parameter `mode`: %v", err)
	}
	bindMode, known := modes[params.Mode]
	if !known {
		names := strings.Join(slices.Sorted(maps.Keys(modes)), "`, `")
		return nil, sluice.Invalid("parameter `mode` is `%s`; there are `%s`", params.Mode, names)
	}
	return bindMode(plan, raw)
}

func bindPass(plan *sluice.Plan) sluice.Transform {
	plan.PassAll().Stateless()
	return process(func(_ *sluice.Batch, out *sluice.Output) error { return out.All() })
}

// pieceBytes is the bytes that `object-copy` reads at once.
const pieceBytes = 64 << 10

// bound binds a mode with its parameters.
func bound[P any](raw sluice.RawParams, bind func(P) (sluice.Transform, error)) (sluice.Transform, error) {
	var params P
	if err := sluice.ParseParams(string(raw), &params); err != nil {
		return nil, err
	}
	return bind(params)
}

// word is the kind of an error.
func word(err error) string {
	if known, ok := errors.AsType[*sluice.AccessError](err); ok {
		return known.Kind
	}
	return "none"
}

type copyParams struct{ Mode, Source, SourcePath, Target, TargetPath string }

func bindCopy(plan *sluice.Plan, raw sluice.RawParams) (sluice.Transform, error) {
	return bound(raw, func(params copyParams) (sluice.Transform, error) {
		plan.PassAll()
		done := false
		return process(func(_ *sluice.Batch, out *sluice.Output) error {
			if !done {
				done = true
				if err := copyObject(params); err != nil {
					return err
				}
			}
			return out.All()
		}), nil
	})
}

func copyObject(params copyParams) error {
	source, err := sluice.OpenFolder(params.Source)
	if err != nil {
		return err
	}
	target, err := sluice.OpenFolder(params.Target)
	if err != nil {
		return err
	}
	reader, err := source.Open(params.SourcePath)
	if err != nil {
		return err
	}
	writer, err := target.Create(params.TargetPath)
	if err != nil {
		return err
	}
	// The reader alone, as one with more methods is asked to write itself, in pieces of another size.
	if _, err = io.CopyBuffer(struct{ io.Writer }{writer}, struct{ io.Reader }{reader}, make([]byte, pieceBytes)); err == nil {
		_, err = writer.Finish()
	}
	return err
}

type list struct{ folder, prefix string }

func bindList(plan *sluice.Plan, raw sluice.RawParams) (sluice.Transform, error) {
	type params struct {
		Mode, Folder string
		Prefix       string `param:"prefix,optional"`
	}
	return bound(raw, func(p params) (sluice.Transform, error) {
		plan.Compute(sluice.NewField("path", sluice.Utf8).NotNull()).Compute(sluice.NewField("size", sluice.Uint64).NotNull())
		return list{p.Folder, p.Prefix}, nil
	})
}

func (list) Process(*sluice.Batch, *sluice.Output) error { return nil }

func (l list) Finish(out *sluice.Output) error {
	folder, err := sluice.OpenFolder(l.folder)
	if err != nil {
		return err
	}
	var paths sluice.Column[string]
	var sizes sluice.Column[uint64]
	for object, err := range folder.List(l.prefix) {
		if err != nil {
			return err
		}
		paths.Append(object.Path)
		sizes.Append(uint64(object.Size))
	}
	return out.Rows(paths, sizes)
}

func bindErrors(plan *sluice.Plan, raw sluice.RawParams) (sluice.Transform, error) {
	type params struct{ Mode, Folder, Path string }
	return bound(raw, func(p params) (sluice.Transform, error) {
		folder, err := sluice.OpenFolder(p.Folder)
		if err != nil {
			return nil, err
		}
		_, denied := sluice.OpenFolder("undeclared")
		_, missing := folder.Head("absent")
		_, malformed := folder.Head("../x")
		_, exists := folder.Create(p.Path)
		sluice.Info("%s", strings.Join([]string{word(denied), word(missing), word(malformed), word(exists)}, " "))
		return bindPass(plan), nil
	})
}

func bindSecret(plan *sluice.Plan, raw sluice.RawParams) (sluice.Transform, error) {
	type params struct{ Mode, Name string }
	return bound(raw, func(p params) (sluice.Transform, error) {
		if secret, err := sluice.ReadSecret(p.Name); err != nil {
			sluice.Info("%s", word(err))
		} else {
			sluice.Info("secret %d bytes", len(secret))
		}
		return bindPass(plan), nil
	})
}

type httpParams struct {
	Mode      string
	Method    string            `param:"method,default=GET"`
	URL       string            `param:"url"`
	Headers   map[string]string `param:"headers,optional"`
	Body      string            `param:"body,optional"`
	TimeoutMS int64             `param:"timeout_ms,optional"`
}

func bindHTTP(plan *sluice.Plan, raw sluice.RawParams) (sluice.Transform, error) {
	return bound(raw, func(p httpParams) (sluice.Transform, error) {
		request := sluice.Request{Method: p.Method, URL: p.URL, Header: sluice.Header{}, Body: []byte(p.Body)}
		request.Timeout = time.Duration(p.TimeoutMS) * time.Millisecond
		for name, value := range p.Headers {
			request.Header.Set(name, value)
		}
		if response, err := request.Send(); err != nil {
			sluice.Info("%s", word(err))
		} else {
			sluice.Info("%d %d", response.Status, len(response.Body))
		}
		return bindPass(plan), nil
	})
}
