package main

import (
	"testing"

	"sluicegate/sluice"
)

func TestTheSmallOrderIsDroppedAndTheRestAreBucketed(t *testing.T) {
	amounts := sluice.Of(120.5, 19.99, 5, 100, 20)
	amounts.AppendNull()
	h, err := sluice.NewHarness(bind, sluice.NewTable("amount", sluice.Float64, amounts), `{"min_amount": 10}`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Process()
	want := `{"amount":120.5,"amount_bucket":"high"}
{"amount":19.99,"amount_bucket":"low"}
{"amount":100,"amount_bucket":"high"}
{"amount":20,"amount_bucket":"medium"}
`
	if err != nil || got.String() != want || !h.IsStateless() {
		t.Fatal(got, err)
	}
}
