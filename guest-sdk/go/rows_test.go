//go:build !wasip1

package sluice

import (
	"testing"
	"time"
)

type click struct {
	UserID string
	At     time.Time
	Amount *float64 `column:"eur"`
	Note   int      `column:"-"`
}

type seen struct {
	Name  string
	Next  time.Time
	Twice *float64
}

func TestRowsAreStructs(t *testing.T) {
	var clicks Rows[click]
	var made Computes[seen]
	bind := func(p *Plan, _ None) (Transform, error) {
		clicks, made = ReadRows[click](p), ComputeRows[seen](p.Pass("eur"))
		return emits(func(batch *Batch, out *Output) error {
			var rows []seen
			for _, click := range clicks.In(batch) {
				row := seen{Name: click.UserID + "!", Next: click.At.Add(time.Second)}
				if click.Amount != nil {
					twice := 2 * *click.Amount
					row.Twice = &twice
				}
				rows = append(rows, row)
			}
			return out.All(made.Of(rows)...)
		}), nil
	}
	var eur Column[int16]
	eur.Append(7)
	eur.AppendNull()
	input := NewTable("user_id", LargeUtf8, Of("a", "b")).With("at", Timestamp(Millisecond, ""), Of[int64](1000, 2000)).With("eur", Int16, eur)
	h, err := NewHarness(bind, input, "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Process()
	want := "{\"eur\":7,\"name\":\"a!\",\"next\":2000000,\"twice\":14}\n{\"eur\":null,\"name\":\"b!\",\"next\":3000000,\"twice\":null}\n"
	if err != nil || got.String() != want {
		t.Fatal(got, err)
	}
}

func TestAFieldThatIsNoColumnIsNamed(t *testing.T) {
	bind := func(p *Plan, _ None) (Transform, error) {
		ReadRows[struct{ N chan int }](p)
		return nil, nil
	}
	if _, err := NewHarness(bind, items(), ""); err == nil || err.Error() != "field `N` of Go type chan int cannot hold the values of a column" {
		t.Error(err)
	}
}
