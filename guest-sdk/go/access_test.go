//go:build !wasip1

package sluice

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"strings"
	"testing"
)

func letters() *Fakes {
	objects := map[string]string{}
	for _, path := range []string{"a", "b/c", "b/d", "b/e", "bb", "f"} {
		objects[path] = "123"
	}
	fakes := &Fakes{Folders: map[string]map[string]string{"in": objects}, Secrets: map[string]string{"token": "hunter2"}}
	fakes.Install()
	return fakes
}

func folderIn(t *testing.T) *Folder {
	folder, err := OpenFolder("in")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestAListingGoesOnThroughAllItsPages(t *testing.T) {
	letters()
	for prefix, want := range map[string]string{"": "a b/c b/d b/e bb f", "b": "b/c b/d b/e", "../x": "malformed"} {
		var got []string
		for object, err := range folderIn(t).List(prefix) {
			if known, ok := errors.AsType[*AccessError](err); ok {
				object.Path = known.Kind
			}
			got = append(got, object.Path)
		}
		if strings.Join(got, " ") != want {
			t.Error(prefix, got)
		}
	}
}

func TestErrorsOfObjectsHaveKindsAndThoseOfFilesToo(t *testing.T) {
	letters()
	folder := folderIn(t)
	_, denied := OpenFolder("undeclared")
	_, missing := folder.Head("absent")
	_, malformed := folder.Open("../x")
	_, exists := folder.Create("a")
	_, limit := folder.ReadFile("a", 2)
	for _, c := range []struct{ err, kind, file error }{
		{denied, ErrDenied, fs.ErrPermission}, {missing, ErrMissing, fs.ErrNotExist}, {malformed, ErrMalformed, fs.ErrInvalid},
		{exists, ErrExists, fs.ErrExist}, {limit, ErrLimit, ErrLimit},
	} {
		if !errors.Is(c.err, c.kind) || !errors.Is(c.err, c.file) || errors.Is(c.err, ErrUnavailable) {
			t.Error(c)
		}
	}
	if missing.Error() != "`absent` in folder `in`: there is no such object" {
		t.Error(missing)
	}
	if fault := faultOf(missing, FaultData); fault.Kind != FaultData {
		t.Error(fault)
	}
	if fault := faultOf(ErrTimeout.because("late").of("x"), FaultData); *fault != (Fault{FaultTransient, "x: late"}) {
		t.Error(fault)
	}
}

func TestAnObjectIsReadAnywhereAndWritten(t *testing.T) {
	fakes := letters()
	fakes.Folders["in"]["lines"] = strings.Repeat("line\n", 1000)
	folder := folderIn(t)
	reader, err := folder.Open("lines")
	if err != nil || reader.Size() != 5000 {
		t.Fatal(reader, err)
	}
	lines := 0
	for scanner := bufio.NewScanner(reader); scanner.Scan(); lines++ {
		if scanner.Text() != "line" {
			t.Fatal(scanner.Text())
		}
	}
	end := make([]byte, 10)
	if n, err := reader.ReadAt(end, 4995); lines != 1000 || n != 5 || err != io.EOF || string(end[:n]) != "line\n" {
		t.Error(lines, n, err)
	}
	if whole, err := folder.ReadFile("a", 3); string(whole) != "123" || err != nil {
		t.Error(whole, err)
	}
	writer, err := folder.Create("new")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(writer, "%d\n", 7)
	if len(fakes.Written) > 0 {
		t.Error("it is not finished")
	}
	if object, err := writer.Finish(); err != nil || object != (Object{Path: "new", Size: 2}) || fakes.Written["in"]["new"] != "7\n" {
		t.Error(object, err, fakes.Written)
	}
	if _, err := folder.Overwrite("new"); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if err := folder.Remove("f"); err != nil || !reflect.DeepEqual(fakes.Removed, []string{"in/f"}) {
		t.Error(err, fakes.Removed)
	}
}

func TestSecretsAreReadByName(t *testing.T) {
	letters()
	if secret, err := ReadSecret("token"); secret != "hunter2" || err != nil {
		t.Error(secret, err)
	}
	if _, err := ReadSecret("other"); !errors.Is(err, ErrDenied) || err.Error() != "secret `other`: the step does not declare it" {
		t.Error(err)
	}
}

func TestRequestsArriveAndTheirErrorsHaveKinds(t *testing.T) {
	fakes := letters()
	request := Request{URL: "http://x/y?key=secret", Header: Header{"a": {"b"}}, Body: []byte("{}")}
	if _, err := request.Send(); !errors.Is(err, ErrDenied) || err.Error() != "GET http://x/y: the step does not declare it" {
		t.Error(err)
	}
	fakes.HTTP = func(r Request) (*Response, error) {
		return &Response{404, Header{"content-type": {"x"}}, fmt.Appendf(nil, "%s %s %v %s", r.Method, r.URL, r.Header, r.Body)}, nil
	}
	response, err := request.Send()
	if err != nil || string(response.Body) != "GET http://x/y?key=secret map[a:[b]] {}" || response.Header.Get("Content-Type") != "x" {
		t.Error(response, err)
	}
	request.BodyBytesMax = 3
	if _, err := request.Send(); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	fakes.HTTP = func(Request) (*Response, error) { return nil, ErrTimeout }
	if _, err := request.Send(); !errors.Is(err, ErrTimeout) || err.Error() != "GET http://x/y: timeout" {
		t.Error(err)
	}
	for _, url := range []string{"", "x/y", "ftp://x", "https://", "https:///y"} {
		if _, err := (Request{URL: url}).Send(); !errors.Is(err, ErrOther) {
			t.Error(url, err)
		}
	}
	if got, err := targetOf("https://[::1]:8443?a/b#c"); err != nil || got != (target{true, "[::1]:8443", "/?a/b"}) {
		t.Error(got, err)
	}
}
