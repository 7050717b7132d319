//go:build !wasip1

package sluice

import (
	"reflect"
	"strings"
	"testing"
)

type scale struct {
	By float64 `param:"by,default=2.0"`
}

type scaled struct {
	scale
	n    Numbers
	name Texts
	kept []float64
}

func bindScaled(plan *Plan, p scale) (Transform, error) {
	s := &scaled{scale: p, n: plan.Numbers("n"), name: plan.Text("name")}
	plan.PassAll("name").Compute(NewField("scaled", Float64)).Stateless()
	return s, nil
}

func (s *scaled) Process(batch *Batch, out *Output) error {
	n := s.n.In(batch)
	s.kept = n.Values
	for row := range batch.Rows() {
		if name, known := s.name.In(batch).Get(row); known && name == "bad" {
			out.Reject(row, "it is bad")
		}
	}
	rows := WhereRow(batch.Rows(), func(row int) bool {
		name, _ := s.name.In(batch).Get(row)
		return name != "bad"
	})
	Info("kept %d", rows.Selected())
	return out.Filter(rows, Map(Keep(n, rows), func(n float64) float64 { return n * s.By }))
}

func items() *Table {
	var n Column[float64]
	n.Append(1)
	n.AppendNull()
	n.Append(3)
	return NewTable("n", Float64, n).With("name", Utf8View, Of("a", "b", "bad")).With("more", Int8, Of[int8](1, 2, 3))
}

func TestATransformInTheHarness(t *testing.T) {
	h, err := NewHarness(bindScaled, items(), `{"by": 10}`)
	if err != nil {
		t.Fatal(err)
	}
	if !h.IsStateless() || !reflect.DeepEqual(h.Reads(), []string{"n", "name"}) {
		t.Error(h.Reads())
	}
	got, err := h.Process()
	if err != nil {
		t.Fatal(err)
	}
	if want := "{\"n\":1,\"more\":1,\"scaled\":10}\n{\"n\":null,\"more\":2,\"scaled\":null}\n"; got.String() != want {
		t.Error(got)
	}
	if !reflect.DeepEqual(got.Rejections, []Rejection{{2, "it is bad"}}) || !reflect.DeepEqual(got.Messages, []Message{{LevelInfo, "kept 2"}}) {
		t.Error(got.Rejections, got.Messages)
	}
	if kept := h.instance.transform.(*scaled).kept; kept[0] == 1 {
		t.Error("what is kept beyond its batch must be spoiled", kept)
	}
}

func TestMistakesOfAPlanAreToldInWords(t *testing.T) {
	for want, plan := range map[string]func(*Plan){
		"the input has no column `nam`; did you mean `name`? there are `n`, `name`, `more`": func(p *Plan) { p.Text("nam") },
		"column `name` is of type Utf8View, expected a number":                              func(p *Plan) { p.Numbers("name") },
		"column `n` is of type Float64, expected one of Go type int64":                      func(p *Plan) { Read[int64](p, "n") },
		"the output would have two columns `n`":                                             func(p *Plan) { p.PassAll().Compute(NewField("n", Int8)) },
		"column `x` is not passed through, so it cannot be replaced":                        func(p *Plan) { p.PassAll().Replace(NewField("x", Int8)) },
		"bind returned no transform":                                                        func(*Plan) {},
	} {
		bind := func(p *Plan, _ None) (Transform, error) {
			plan(p)
			return nil, nil
		}
		if _, err := NewHarness(bind, items(), ""); err == nil || err.Error() != want {
			t.Errorf("\n got  %v\n want %s", err, want)
		}
	}
}

type emits func(*Batch, *Output) error

func (e emits) Process(batch *Batch, out *Output) error { return e(batch, out) }

func (e emits) Finish(out *Output) error { return e(nil, out) }

func emitting(plan func(*Plan), emit emits) (*Outcome, error) {
	h, err := NewHarness(func(p *Plan, _ None) (Transform, error) {
		plan(p)
		return emit, nil
	}, items(), "{}")
	if err != nil {
		return nil, err
	}
	return h.Process()
}

func TestMistakesOfAnEmitAreToldInWords(t *testing.T) {
	one := func(p *Plan) { p.Compute(NewField("c", Int8).NotNull()) }
	for want, emit := range map[string]emits{
		"0 computed columns emitted, the plan has 1":                             func(_ *Batch, o *Output) error { return o.All() },
		"column `c` is of Go type string, the plan says Int8":                    func(_ *Batch, o *Output) error { return o.All(Of("a", "b", "c")) },
		"column `c` has 1 values for 3 selected rows":                            func(_ *Batch, o *Output) error { return o.All(Of[int8](1)) },
		"column `c` has nulls, the plan says it has none":                        func(_ *Batch, o *Output) error { return o.All(nulls[int8](3)) },
		"row 3 taken from a batch of 3 rows":                                     func(_ *Batch, o *Output) error { return o.Take([]uint32{3}) },
		"a filter of 2 rows for a batch of 3":                                    func(_ *Batch, o *Output) error { return o.Filter(WhereBits(nil, 2)) },
		"`Rows` is for `Finish`; use `All`, `Filter` or `Take` in `Process`":     func(_ *Batch, o *Output) error { return o.Rows() },
		"the host would stop the transform: row 9 rejected of a batch of 3 rows": func(_ *Batch, o *Output) error { o.Reject(9, ""); return nil },
	} {
		if _, err := emitting(one, emit); err == nil || err.Error() != want {
			t.Errorf("\n got  %v\n want %s", err, want)
		}
	}
}

func TestATransformMayTakeRowsAndEmitTwice(t *testing.T) {
	got, err := emitting(func(p *Plan) { p.Pass("more") }, func(_ *Batch, o *Output) error {
		if err := o.Take([]uint32{2, 0, 0}); err != nil {
			return err
		}
		return o.All()
	})
	if err != nil || !reflect.DeepEqual(got.Emits, []int{3, 3}) || !reflect.DeepEqual(got.Column("more").Values()[:3], []any{int8(3), int8(1), int8(1)}) {
		t.Fatal(got, err)
	}
}

func inner(values []int, at int) int { return values[at] }

func TestAPanicIsAFaultWithItsPlaceAndALogWithItsStack(t *testing.T) {
	takeMessages()
	_, err := emitting(func(p *Plan) { p.PassAll() }, func(b *Batch, _ *Output) error {
		inner(nil, b.Rows())
		return nil
	})
	if err == nil || !strings.HasPrefix(err.Error(), "panic: runtime error: index out of range [3] with length 0, in sluicegate/sluice.inner (harness_test.go:") {
		t.Error(err)
	}
	log := takeMessages()
	if len(log) != 1 || log[0].Level != LevelError || !strings.Contains(log[0].Text, "harness_test.go:") || strings.Contains(log[0].Text, "testing.tRunner") {
		t.Error(log)
	}
}

func TestRowsOfAFinish(t *testing.T) {
	h, err := NewHarness(func(p *Plan, _ None) (Transform, error) {
		p.Compute(NewField("n", Int64))
		return emits(func(b *Batch, out *Output) error {
			if b != nil {
				return nil
			}
			return out.Rows(Of[int64](1, 2))
		}), nil
	}, items(), "{}")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.Finish(); err != nil || got.Rows != 2 || got.Column("n").Value(1) != int64(2) {
		t.Fatal(got, err)
	}
}
