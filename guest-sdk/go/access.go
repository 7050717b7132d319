package sluice

import (
	"fmt"
	"io/fs"
)

// AccessError is why something beyond the columns could not be reached: an object, a secret, a server.
//
// errors.Is tells its kind by the variables Err…, and objects by fs.ErrPermission, fs.ErrNotExist, fs.ErrExist and fs.ErrInvalid, too.
// Returned from Process it is a fault: transient where another try may help, else one of the data.
type AccessError struct {
	// Kind is a word, such as `denied` or `too-large`.
	Kind    string
	Message string
}

// The kinds of an [AccessError]. Objects have the first six, secrets ErrDenied and ErrUnavailable, requests over HTTP ErrDenied
// and the last four.
var (
	// ErrDenied is where the step does not declare it, or a policy refuses it.
	ErrDenied = &AccessError{Kind: "denied"}
	// ErrMissing is where there is no such object.
	ErrMissing = &AccessError{Kind: "missing"}
	// ErrExists is where there is an object already, or this run has written one already.
	ErrExists = &AccessError{Kind: "exists"}
	// ErrMalformed is a path that names nothing: empty, absolute, with `..`, or too long.
	ErrMalformed = &AccessError{Kind: "malformed"}
	// ErrLimit is a limit that was reached; another try changes nothing.
	ErrLimit = &AccessError{Kind: "limit"}
	// ErrUnavailable is where whoever has it did not do it; another try may help.
	ErrUnavailable = &AccessError{Kind: "unavailable"}
	// ErrTimeout is where something took too long.
	ErrTimeout = &AccessError{Kind: "timeout"}
	// ErrConnection is a server that could not be reached, or did not hold the connection.
	ErrConnection = &AccessError{Kind: "connection"}
	// ErrTooLarge is a response, or a request, that is larger than somebody accepts.
	ErrTooLarge = &AccessError{Kind: "too-large"}
	// ErrOther is whatever else goes wrong with a request.
	ErrOther = &AccessError{Kind: "other"}
)

// Error is the message.
func (e *AccessError) Error() string {
	if e.Message == "" {
		return e.Kind
	}
	return e.Message
}

// Is tells the kind.
func (e *AccessError) Is(target error) bool {
	switch target {
	case fs.ErrPermission:
		return e.Kind == ErrDenied.Kind
	case fs.ErrNotExist:
		return e.Kind == ErrMissing.Kind
	case fs.ErrExist:
		return e.Kind == ErrExists.Kind
	case fs.ErrInvalid:
		return e.Kind == ErrMalformed.Kind
	}
	other, ok := target.(*AccessError)
	return ok && other.Kind == e.Kind
}

// As makes a transient [Fault] of what may go well another time.
func (e *AccessError) As(target any) bool {
	fault, ok := target.(**Fault)
	again := e.Kind == ErrUnavailable.Kind || e.Kind == ErrTimeout.Kind || e.Kind == ErrConnection.Kind
	if ok && again {
		*fault = &Fault{FaultTransient, e.Error()}
	}
	return ok && again
}

// because is an error of a kind, with its reason.
func (e *AccessError) because(why string) *AccessError { return &AccessError{e.Kind, why} }

// of is the same error, saying what it is about; nil for nil.
func (e *AccessError) of(format string, args ...any) error {
	if e == nil {
		return nil
	}
	return &AccessError{e.Kind, fmt.Sprintf(format, args...) + ": " + e.Error()}
}
