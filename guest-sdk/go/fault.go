package sluice

import (
	"errors"
	"fmt"
	"strings"
)

// FaultKind is who has to act on a [Fault].
type FaultKind uint8

const (
	// FaultInvalid is where the parameters or the input schema do not fit.
	FaultInvalid FaultKind = iota
	// FaultData is where the data cannot be processed.
	FaultData
	// FaultTransient is worth another try, as a dependency did not answer.
	FaultTransient
)

// Fault is why a transform cannot go on; the run ends with its message.
//
// A single row that cannot be processed is no fault: see [Output.Reject].
type Fault struct {
	Kind    FaultKind
	Message string
}

// Error is the message.
func (f *Fault) Error() string { return f.Message }

// Invalid is the fault of parameters or an input schema that do not fit.
func Invalid(format string, args ...any) error {
	return &Fault{FaultInvalid, fmt.Sprintf(format, args...)}
}

// Data is the fault of data that cannot be processed.
func Data(format string, args ...any) error {
	return &Fault{FaultData, fmt.Sprintf(format, args...)}
}

// Transient is a fault that is worth another try.
func Transient(format string, args ...any) error {
	return &Fault{FaultTransient, fmt.Sprintf(format, args...)}
}

// faultOf is an error as a fault: of its own kind if it wraps one, else of the kind given.
func faultOf(err error, kind FaultKind) *Fault {
	if err == nil {
		return nil
	}
	if fault, ok := errors.AsType[*Fault](err); ok {
		kind = fault.Kind
	}
	return &Fault{kind, err.Error()}
}

// namesMax bounds the names that an error lists, so that a wide schema stays readable.
const namesMax = 40

// namesHint names what exists, and the nearest to wanted, for an error about a name that does not.
func namesHint(wanted string, existing []string) string {
	if len(existing) == 0 {
		return "there are none"
	}
	nearest, least := "", 2+len(wanted)/3
	for _, name := range existing {
		if d := distance(strings.ToLower(wanted), strings.ToLower(name)); d < least {
			nearest, least = name, d
		}
	}
	listed := existing[:min(len(existing), namesMax)]
	hint := "there are `" + strings.Join(listed, "`, `") + "`"
	if more := len(existing) - len(listed); more > 0 {
		hint += fmt.Sprintf(" and %d more", more)
	}
	if nearest != "" {
		hint = fmt.Sprintf("did you mean `%s`? %s", nearest, hint)
	}
	return hint
}

// distance is the number of letters to add, drop, change or swap between two names.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(x)][len(y)]
}
