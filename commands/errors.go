package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zkctl/localcluster"
	"zkctl/quorum"
)

// The exit codes of the command-line contract.
const (
	exitOK        = 0
	exitFailed    = 1 // the operation failed
	exitUsage     = 2 // unknown command, flag or value; nothing was done
	exitUnhealthy = 3 // unhealthy, verdict violated, a stated limit missed
	exitUnknown   = 4 // not enough was seen to say
	exitTimeout   = 5 // timed out waiting
	exitNotFound  = 6 // no such ensemble or member, or it is not running
)

// exitError carries an exit code and, apart from the error, a hint for the
// human.
type exitError struct {
	code     int
	err      error // nil when reported
	hint     string
	reported bool // the output already says it: print nothing more
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error     { return exitf(exitUsage, format, args...) }
func unhealthyf(format string, args ...any) error { return exitf(exitUnhealthy, format, args...) }
func notFoundf(format string, args ...any) error  { return exitf(exitNotFound, format, args...) }

func exitf(code int, format string, args ...any) error {
	return &exitError{code: code, err: fmt.Errorf(format, args...)}
}

// withHint adds a sentence that says what to do next, printed on a line of its
// own. The exit code stays what it was.
func withHint(err error, format string, args ...any) error {
	return &exitError{code: exitCode(err), err: err, hint: fmt.Sprintf(format, args...)}
}

// reported ends the process with a code after the command has printed its
// result.
func reported(code int) error { return &exitError{code: code, reported: true} }

// exitCode is the one place that turns errors into exit codes.
func exitCode(err error) int {
	var e *exitError
	var ensemble *localcluster.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	case errors.As(err, &ensemble):
		return ensembleCodes[ensemble.Code]
	case errors.Is(err, quorum.ErrRefused):
		return exitUnhealthy
	case errors.Is(err, quorum.ErrInvalid), errors.Is(err, quorum.ErrTooLarge):
		return exitUsage
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	}
	return exitFailed
}

// ensembleCodes are the exit codes of what a local ensemble's supervisor finds wrong.
var ensembleCodes = map[localcluster.Code]int{
	localcluster.CodeFailed:   exitFailed,
	localcluster.CodeUsage:    exitUsage,
	localcluster.CodeMissing:  exitNotFound,
	localcluster.CodeTimedOut: exitTimeout,
}

// reportError prints an error and its hints.
func (p *program) reportError(err error) {
	var hints []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		if x, ok := e.(*exitError); ok {
			if x.reported {
				return
			}
			if x.hint != "" {
				hints = append(hints, x.hint)
			}
		}
	}
	if hint := localcluster.HintOf(err); hint != "" {
		hints = append(hints, hint)
	}
	p.say("zkctl: " + err.Error())
	for _, h := range hints {
		p.say("hint: " + h)
	}
}

// say writes a message on stderr. Lines that are wider than the terminal are wrapped, so that words stay whole.
func (p *program) say(text string) {
	for _, line := range strings.Split(text, "\n") {
		if p.errEdge > 0 && visible(line) > p.errEdge {
			wrap(p.Err, line, p.errEdge, "  ")
		} else {
			fmt.Fprintln(p.Err, line)
		}
	}
}
