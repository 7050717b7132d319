package main

import (
	"errors"
	"fmt"
	"testing"

	"sluicegate/sluice"
)

func TestTheServerIsGreetedAndItsAnswerKept(t *testing.T) {
	fakes := &sluice.Fakes{Folders: map[string]map[string]string{"texts": {"greeting.txt": "hello, "}}}
	fakes.Install()
	h, err := sluice.NewHarness(bind, sluice.NewTable("id", sluice.Int64, sluice.Of[int64](1, 2)), "{}")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.Process(); err != nil || got.Rows != 2 {
		t.Fatal(got, err)
	}
	if _, err := h.Finish(); err == nil || err.Error() != "secret `token`: the step does not declare it" {
		t.Error(err)
	}
	fakes.Secrets = map[string]string{"token": "hunter2"}
	fakes.HTTP = func(sluice.Request) (*sluice.Response, error) { return nil, sluice.ErrConnection }
	if fault := new(sluice.Fault); !failsWith(h, &fault) || fault.Kind != sluice.FaultTransient {
		t.Error(fault)
	}
	fakes.HTTP = func(r sluice.Request) (*sluice.Response, error) {
		return &sluice.Response{Status: 201, Body: fmt.Append(nil, r.Method, " ", r.Header.Get("Authorization"), ": ", string(r.Body))}, nil
	}
	if _, err := h.Finish(); err != nil || fakes.Written["texts"]["answer.txt"] != "POST hunter2: hello, 2 rows\n" {
		t.Error(err, fakes.Written)
	}
}

func failsWith(h *sluice.Harness, fault **sluice.Fault) bool {
	_, err := h.Finish()
	return errors.As(err, fault)
}
