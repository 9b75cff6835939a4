package localcluster

import (
	"errors"
	"fmt"
	"syscall"
)

// Code says what kind of failure an Error is. It crosses the control socket, and the
// command line turns it into an exit code, so that no program has to read the text of an error.
type Code int

// The zero Code is the ordinary failure: the operation was tried and did not work.
const (
	CodeFailed   Code = iota // tried, and failed
	CodeUsage                // what was asked for makes no sense; nothing was done
	CodeMissing              // no such ensemble or member, or it is not running
	CodeTimedOut             // the time to wait was up
)

var codeNames = [...]string{"failed", "usage", "missing", "timed-out"}

func (c Code) String() string {
	if c < 0 || int(c) >= len(codeNames) {
		return fmt.Sprintf("code(%d)", int(c))
	}
	return codeNames[c]
}

// MarshalText makes a Code a word in the control protocol.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText wrote; a word from a newer version is an ordinary failure.
func (c *Code) UnmarshalText(text []byte) error {
	*c = CodeFailed
	for i, name := range codeNames {
		if name == string(text) {
			*c = Code(i)
		}
	}
	return nil
}

// Error is a failure with a code and, where there is one, a hint: the thing to do next, kept apart
// from what went wrong so that the one can be printed without the other.
type Error struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`

	cause error
}

func (e *Error) Error() string { return e.Text }

// Unwrap gives the error's cause, which does not cross the control socket.
func (e *Error) Unwrap() error { return e.cause }

// fail builds an Error; a %w in the format is kept as its cause.
func fail(code Code, hint, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Text: err.Error(), Hint: hint, cause: errors.Unwrap(err)}
}

// CodeOf is the code of err: that of the first Error in its chain, else CodeFailed.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeFailed
}

// HintOf is the advice that goes with err, or "". Any operation can fail on a full disk, and
// needs the same advice.
func HintOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Hint != "" {
		return e.Hint
	}
	if errors.Is(err, syscall.ENOSPC) {
		return "make room on the disk, or set ZKCTL_HOME to a directory on another"
	}
	return ""
}
