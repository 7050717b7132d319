package main

import (
	"testing"

	"sluicegate/sluice"
)

func TestAHashIsTheHMACOfTheValue(t *testing.T) {
	people := sluice.NewTable("email", sluice.Utf8View, sluice.Of("ann@example.com")).
		With("name", sluice.LargeUtf8, sluice.Of("Änne")).
		With("phone", sluice.Int64, sluice.Of[int64](123))
	h, err := sluice.NewHarness(bind, people, `{"hash": ["email"], "key": "0123456789abcdef", "truncate": ["name"], "redact": ["phone"]}`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Process()
	// printf ann@example.com | openssl dgst -sha256 -hmac 0123456789abcdef
	want := `{"email":"9f70eb4f1d9f0194d58bc08c41ce2b3b2e4e580a424a246ce2484484122343df","name":"Ä","phone":"***"}` + "\n"
	if err != nil || got.String() != want || len(h.Reads()) != 2 {
		t.Fatal(got, err)
	}
}
