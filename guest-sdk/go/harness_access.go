//go:build !wasip1

package sluice

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Fakes is what transforms reach beyond their columns, as a test has it. It is left out of a component.
//
//	fakes := &sluice.Fakes{Folders: map[string]map[string]string{"lookup": {"rates.csv": "EUR,1.5\n"}, "out": {}}}
//	fakes.Install()
type Fakes struct {
	// Folders is the objects of each folder, by their paths.
	Folders map[string]map[string]string
	// Secrets is those that can be read.
	Secrets map[string]string
	// HTTP answers requests; without it, all are denied. Its error is an [AccessError]: ErrTimeout, for instance.
	HTTP func(Request) (*Response, error)
	// Written is what was written and finished, by folder and path.
	Written map[string]map[string]string
	// Removed is what was deleted, as `folder/path`.
	Removed []string

	begun map[string]bool
}

var installed struct {
	sync.Mutex
	fakes *Fakes
}

// Install lets the transforms of this process see it, until another is installed.
func (f *Fakes) Install() {
	installed.Lock()
	defer installed.Unlock()
	installed.fakes = f
}

func fakes() *Fakes {
	installed.Lock()
	defer installed.Unlock()
	if installed.fakes == nil {
		return new(Fakes)
	}
	return installed.fakes
}

const notDeclared = "the step does not declare it"

// fakePage is the objects of a page, fewer than of the host's, so that a test of a few objects sees more than one.
const fakePage = 3

type fakeFolder struct {
	fakes *Fakes
	name  string
}

type fakeWriter struct {
	folder fakeFolder
	path   string
	bytes  strings.Builder
}

func openFolder(name string) (folderHandle, *AccessError) {
	all := fakes()
	if _, found := all.Folders[name]; !found {
		return nil, ErrDenied.because(notDeclared)
	}
	return fakeFolder{all, name}, nil
}

func (f fakeFolder) list(prefix string, after *string) (objects []Object, next *string, err *AccessError) {
	if prefix = strings.TrimSuffix(prefix, "/"); prefix != "" {
		if err := checkPath(prefix); err != nil {
			return nil, nil, err
		}
		prefix += "/"
	}
	for path, content := range f.fakes.Folders[f.name] {
		if strings.HasPrefix(path, prefix) && (after == nil || path > *after) {
			objects = append(objects, Object{Path: path, Size: int64(len(content))})
		}
	}
	slices.SortFunc(objects, func(a, b Object) int { return strings.Compare(a.Path, b.Path) })
	if len(objects) > fakePage {
		objects = objects[:fakePage]
		next = &objects[fakePage-1].Path
	}
	return objects, next, nil
}

func (f fakeFolder) get(path string) (string, *AccessError) {
	if err := checkPath(path); err != nil {
		return "", err
	}
	content, found := f.fakes.Folders[f.name][path]
	if !found {
		return "", ErrMissing.because("there is no such object")
	}
	return content, nil
}

func (f fakeFolder) head(path string) (Object, *AccessError) {
	content, err := f.get(path)
	return Object{Path: path, Size: int64(len(content))}, err
}

func (f fakeFolder) read(path string, offset uint64, length uint32) ([]byte, *AccessError) {
	content, err := f.get(path)
	content = content[min(offset, uint64(len(content))):]
	return []byte(content[:min(int(length), len(content))]), err
}

func (f fakeFolder) create(path string, overwrite bool) (writerHandle, *AccessError) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	key := f.name + "/" + path
	if _, found := f.fakes.Folders[f.name][path]; found && !overwrite || f.fakes.begun[key] {
		return nil, ErrExists.because("there is one already")
	}
	if f.fakes.begun == nil {
		f.fakes.begun = map[string]bool{}
	}
	f.fakes.begun[key] = true
	return &fakeWriter{folder: f, path: path}, nil
}

func (f fakeFolder) remove(path string) *AccessError {
	if _, err := f.get(path); err != nil {
		return err
	}
	f.fakes.Removed = append(f.fakes.Removed, f.name+"/"+path)
	return nil
}

func (w *fakeWriter) write(bytes []byte) *AccessError {
	w.bytes.Write(bytes)
	return nil
}

func (w *fakeWriter) finish() (Object, *AccessError) {
	all := w.folder.fakes
	if all.Written == nil {
		all.Written = map[string]map[string]string{}
	}
	if all.Written[w.folder.name] == nil {
		all.Written[w.folder.name] = map[string]string{}
	}
	all.Written[w.folder.name][w.path] = w.bytes.String()
	return Object{Path: w.path, Size: int64(w.bytes.Len())}, nil
}

func (w *fakeWriter) drop() {}

func checkPath(path string) *AccessError {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.Contains(part, "\x00") || len(path) > 1024 {
			return ErrMalformed.because("the path names nothing")
		}
	}
	return nil
}

func readSecret(name string) (string, *AccessError) {
	secret, found := fakes().Secrets[name]
	if !found {
		return "", ErrDenied.because(notDeclared)
	}
	return secret, nil
}

func send(r *Request, _ target) (*Response, *AccessError) {
	server := fakes().HTTP
	if server == nil {
		return nil, ErrDenied.because(notDeclared)
	}
	response, err := server(*r)
	if err == nil {
		return response, nil
	}
	if known, ok := err.(*AccessError); ok {
		return nil, known
	}
	return nil, ErrOther.because(fmt.Sprint(err))
}
