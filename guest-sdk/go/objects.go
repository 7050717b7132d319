package sluice

import (
	"fmt"
	"io"
	"iter"
)

// PieceBytesMax is the bytes that cross the boundary at once: the contract's limit.
const PieceBytesMax = 8 << 20

// Folder is a folder that the step declares, with all that is in it, however deep.
type Folder struct {
	name   string
	handle folderHandle
}

// Object is what is known of an object.
type Object struct {
	// Path is relative to the folder, names joined by `/`.
	Path string
	// Size is in bytes.
	Size int64
	// ETag changes when the content does; it is empty where the store does not tell.
	ETag string
}

// ObjectReader reads an object: an io.Reader, io.Seeker and io.ReaderAt with a size. Each read asks the store, so put a
// bufio.NewReaderSize around it to read little at a time.
type ObjectReader struct{ *io.SectionReader }

// ObjectWriter is an object that is being written, an io.Writer. Nothing is left of one that is not finished. Each write goes to the
// host, so put a bufio.NewWriterSize around it to write little at a time.
type ObjectWriter struct {
	what   string
	handle writerHandle
}

// The host's side of a folder and of a writer; natively that of [Fakes].
type (
	folderHandle interface {
		list(prefix string, after *string) (objects []Object, next *string, err *AccessError)
		head(path string) (Object, *AccessError)
		read(path string, offset uint64, length uint32) ([]byte, *AccessError)
		create(path string, overwrite bool) (writerHandle, *AccessError)
		remove(path string) *AccessError
	}
	writerHandle interface {
		write(bytes []byte) *AccessError
		finish() (Object, *AccessError)
		drop()
	}
)

// OpenFolder opens a folder by the name that the step gives it. Nothing is asked of a store yet.
func OpenFolder(name string) (*Folder, error) {
	handle, err := openFolder(name)
	if err != nil {
		return nil, err.of("folder `%s`", name)
	}
	return &Folder{name, handle}, nil
}

func (f *Folder) what(path string) string { return fmt.Sprintf("`%s` in folder `%s`", path, f.name) }

// List is the objects whose paths begin with the folder prefix, empty for all, in the order of their paths. It ends after an error.
func (f *Folder) List(prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		var after *string
		for {
			objects, next, err := f.handle.list(prefix, after)
			if err != nil {
				yield(Object{}, err.of("%s", f.what(prefix)))
				return
			}
			for _, object := range objects {
				if !yield(object, nil) {
					return
				}
			}
			if after = next; after == nil {
				return
			}
		}
	}
}

// Head is what is known of one object.
func (f *Folder) Head(path string) (Object, error) {
	object, err := f.handle.head(path)
	return object, err.of("%s", f.what(path))
}

// Open opens an object for reading.
func (f *Folder) Open(path string) (ObjectReader, error) {
	object, err := f.Head(path)
	if err != nil {
		return ObjectReader{}, err
	}
	return ObjectReader{io.NewSectionReader(objectAt{f, path}, 0, object.Size)}, nil
}

// ReadFile is a whole object of at most max bytes; a larger one is [ErrLimit].
func (f *Folder) ReadFile(path string, max int) ([]byte, error) {
	object, err := f.Head(path)
	if err != nil {
		return nil, err
	}
	if object.Size > int64(max) {
		return nil, ErrLimit.because(fmt.Sprintf("it is larger than %d bytes", max)).of("%s", f.what(path))
	}
	whole := make([]byte, object.Size)
	n, err := objectAt{f, path}.ReadAt(whole, 0)
	if err == io.EOF {
		err = nil
	}
	return whole[:n], err
}

// Create begins an object that is not there yet. It appears when the run is committed, all at once with the run's output.
func (f *Folder) Create(path string) (*ObjectWriter, error) { return f.begin(path, false) }

// Overwrite begins an object that takes the place of the one that may be there, when the run is committed.
func (f *Folder) Overwrite(path string) (*ObjectWriter, error) { return f.begin(path, true) }

func (f *Folder) begin(path string, overwrite bool) (*ObjectWriter, error) {
	handle, err := f.handle.create(path, overwrite)
	if err != nil {
		return nil, err.of("%s", f.what(path))
	}
	return &ObjectWriter{f.what(path), handle}, nil
}

// Remove deletes an object, when the run is committed.
func (f *Folder) Remove(path string) error { return f.handle.remove(path).of("%s", f.what(path)) }

// Write appends.
func (w *ObjectWriter) Write(bytes []byte) (n int, err error) {
	for n < len(bytes) {
		piece := bytes[n:min(len(bytes), n+PieceBytesMax)]
		if err := w.handle.write(piece); err != nil {
			return n, err.of("%s", w.what)
		}
		n += len(piece)
	}
	return n, nil
}

// Finish ends the object; it appears with the run's output. A writer is finished once.
func (w *ObjectWriter) Finish() (Object, error) {
	object, err := w.handle.finish()
	w.handle.drop()
	return object, err.of("%s", w.what)
}

// Discard gives the object up, in place of Finish.
func (w *ObjectWriter) Discard() { w.handle.drop() }

// objectAt reads an object anywhere.
type objectAt struct {
	folder *Folder
	path   string
}

func (o objectAt) ReadAt(to []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, ErrMalformed.because("the offset is negative").of("%s", o.folder.what(o.path))
	}
	for n < len(to) {
		length := min(len(to)-n, PieceBytesMax)
		piece, err := o.folder.handle.read(o.path, uint64(offset)+uint64(n), uint32(length))
		if err != nil {
			return n, err.of("%s", o.folder.what(o.path))
		}
		n += copy(to[n:], piece)
		if len(piece) < length {
			return n, io.EOF
		}
	}
	return n, nil
}
