package main

import (
	"testing"

	"sluicegate/sluice"
)

func TestAGapEndsASessionAndSessionsGoOnOverBatches(t *testing.T) {
	events := sluice.NewTable("user", sluice.Utf8, sluice.Of("a", "b", "a")).
		With("time", sluice.Timestamp(sluice.Second, "UTC"), sluice.Of[int64](0, 5, 601))
	h, err := sluice.NewHarness(bind, events, `{"gap_minutes": 10}`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Process()
	want := `{"user":"a","time":0,"session_id":"a-1","session_start":0}
{"user":"b","time":5,"session_id":"b-1","session_start":5}
{"user":"a","time":601,"session_id":"a-2","session_start":601}
`
	if err != nil || got.String() != want || h.IsStateless() {
		t.Fatal(got, err)
	}
	_, err = h.Process()
	if want := "row 0 of the batch: the time of user `a` goes back from 601 to 0; " +
		"set `partition_by` to the user and `order_by` to the time in this step"; err == nil || err.Error() != want {
		t.Fatal(err)
	}
}
