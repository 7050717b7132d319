package main

import (
	"testing"

	"sluicegate/sluice"
)

func TestSmallRowsAreDropped(t *testing.T) {
	input := sluice.NewTable("amount", sluice.Float64, sluice.Of(5.0, 50, 500))
	h, err := sluice.NewHarness(bind, input, `{"minimum": 10}`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Process()
	if want := "{\"amount\":50,\"size\":\"small\"}\n{\"amount\":500,\"size\":\"large\"}\n"; err != nil || got.String() != want {
		t.Fatal(got, err)
	}
}
