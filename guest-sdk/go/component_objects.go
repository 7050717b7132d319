//go:build wasip1

package sluice

// Objects and secrets, by hand: package sluicegate:access@0.1.0 in the canonical ABI.

import "unsafe"

//go:wasmimport sluicegate:access/objects@0.1.0 open
func importOpen(name, nName uint32, result unsafe.Pointer)

//go:wasmimport sluicegate:access/objects@0.1.0 [method]folder.list
func importList(folder, prefix, nPrefix, hasAfter, after, nAfter uint32, result unsafe.Pointer)

//go:wasmimport sluicegate:access/objects@0.1.0 [method]folder.head
func importHead(folder, path, nPath uint32, result unsafe.Pointer)

//go:wasmimport sluicegate:access/objects@0.1.0 [method]folder.read
func importObject(folder, path, nPath uint32, offset uint64, length uint32, result unsafe.Pointer)

//go:wasmimport sluicegate:access/objects@0.1.0 [method]folder.create
func importCreate(folder, path, nPath, overwrite uint32, result unsafe.Pointer)

//go:wasmimport sluicegate:access/objects@0.1.0 [method]folder.delete
func importDelete(folder, path, nPath uint32, result unsafe.Pointer)

//go:wasmimport sluicegate:access/objects@0.1.0 [method]writer.write
func importWrite(writer, bytes, nBytes uint32, result unsafe.Pointer)

//go:wasmimport sluicegate:access/objects@0.1.0 [method]writer.finish
func importFinish(writer uint32, result unsafe.Pointer)

//go:wasmimport sluicegate:access/objects@0.1.0 [resource-drop]writer
func importDropWriter(writer uint32)

//go:wasmimport sluicegate:access/secrets@0.1.0 read
func importSecret(name, nName uint32, result unsafe.Pointer)

// Results as they lie in memory: each is a failure, or what its name says.
type (
	wireWhy struct {
		kind uint8
		why  wireList
	}
	// wireResult is of what has no 64 bits in it: a handle, a list, nothing.
	wireResult struct {
		failed  uint8
		payload wireList // or a wireWhy
	}
	wireFailed struct {
		failed uint8
		why    wireWhy
	}
	wireObject struct {
		path    wireList
		size    uint64
		hasETag uint8
		etag    wireList
	}
	wireHead struct {
		failed uint8
		object wireObject // or a wireWhy
	}
	wirePage struct {
		failed  uint8
		objects wireList // or a wireWhy
		hasNext uint8
		next    wireList
	}
)

// Results of calls lie on the heap, as globals, and are read before the next call.
var (
	resultSmall wireFailed
	resultHead  wireHead
	resultPage  wirePage
)

var objectErrors = [...]*AccessError{ErrDenied, ErrMissing, ErrExists, ErrMalformed, ErrLimit, ErrUnavailable}

func (w *wireWhy) error() *AccessError {
	kind := objectErrors[w.kind]
	switch kind {
	case ErrMissing:
		return kind.because("there is no such object")
	case ErrExists:
		return kind.because("there is one already")
	}
	return kind.because(liftString(w.why))
}

// small is the result of a call without 64 bits in it: a handle is its `at`. Who calls it unpins when all is lifted.
func small() (wireList, *AccessError) {
	if resultSmall.failed != 0 {
		return wireList{}, resultSmall.why.error()
	}
	return (*wireResult)(unsafe.Pointer(&resultSmall)).payload, nil
}

func (o *wireObject) object() Object {
	object := Object{Path: liftString(o.path), Size: int64(o.size)}
	if o.hasETag != 0 {
		object.ETag = liftString(o.etag)
	}
	return object
}

func head() (Object, *AccessError) {
	defer unpin()
	if resultHead.failed != 0 {
		return Object{}, (*wireWhy)(unsafe.Pointer(&resultHead.object)).error()
	}
	return resultHead.object.object(), nil
}

// folder and writer are handles of the host.
type (
	folder uint32
	writer uint32
)

func openFolder(name string) (folderHandle, *AccessError) {
	defer unpin()
	text := lowerValid(name)
	importOpen(text.at, text.n, unsafe.Pointer(&resultSmall))
	opened, err := small()
	return folder(opened.at), err
}

func (f folder) list(prefix string, after *string) (objects []Object, next *string, err *AccessError) {
	text, last, hasAfter := lowerValid(prefix), wireList{}, uint32(0)
	if after != nil {
		last, hasAfter = lowerValid(*after), 1
	}
	importList(uint32(f), text.at, text.n, hasAfter, last.at, last.n, unsafe.Pointer(&resultPage))
	defer unpin()
	if resultPage.failed != 0 {
		return nil, nil, (*wireWhy)(unsafe.Pointer(&resultPage.objects)).error()
	}
	for _, object := range lift[wireObject](resultPage.objects) {
		objects = append(objects, object.object())
	}
	if resultPage.hasNext != 0 {
		text := liftString(resultPage.next)
		next = &text
	}
	return objects, next, nil
}

func (f folder) head(path string) (Object, *AccessError) {
	text := lowerValid(path)
	importHead(uint32(f), text.at, text.n, unsafe.Pointer(&resultHead))
	return head()
}

func (f folder) read(path string, offset uint64, length uint32) ([]byte, *AccessError) {
	defer unpin()
	text := lowerValid(path)
	importObject(uint32(f), text.at, text.n, offset, length, unsafe.Pointer(&resultSmall))
	read, err := small()
	return lift[byte](read), err
}

func (f folder) create(path string, overwrite bool) (writerHandle, *AccessError) {
	defer unpin()
	text, flag := lowerValid(path), uint32(0)
	if overwrite {
		flag = 1
	}
	importCreate(uint32(f), text.at, text.n, flag, unsafe.Pointer(&resultSmall))
	created, err := small()
	return writer(created.at), err
}

func (f folder) remove(path string) *AccessError {
	defer unpin()
	text := lowerValid(path)
	importDelete(uint32(f), text.at, text.n, unsafe.Pointer(&resultSmall))
	_, err := small()
	return err
}

func (w writer) write(bytes []byte) *AccessError {
	defer unpin()
	list := lower(bytes)
	importWrite(uint32(w), list.at, list.n, unsafe.Pointer(&resultSmall))
	_, err := small()
	return err
}

func (w writer) finish() (Object, *AccessError) {
	importFinish(uint32(w), unsafe.Pointer(&resultHead))
	return head()
}

func (w writer) drop() { importDropWriter(uint32(w)) }

func readSecret(name string) (string, *AccessError) {
	text := lowerValid(name)
	importSecret(text.at, text.n, unsafe.Pointer(&resultSmall))
	defer unpin()
	if resultSmall.failed == 0 {
		return liftString((*wireResult)(unsafe.Pointer(&resultSmall)).payload), nil
	}
	kind := ErrDenied
	if resultSmall.why.kind != 0 {
		kind = ErrUnavailable
	}
	return "", kind.because(liftString(resultSmall.why.why))
}
