package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"zkctl/probe/wire"
)

// Reason says why a server did not answer as it should. The further down the list, the
// further the conversation got.
type Reason uint8

// The reasons. Their names are part of zkctl's output and do not change.
const (
	ReasonNone           Reason = iota // it did answer
	ReasonCancelled                    // the caller gave up
	ReasonNoAddress                    // its client port is not known
	ReasonUnresolved                   // the host's name has no address
	ReasonUnreachable                  // the network has no way there
	ReasonRefused                      // no process listens on the port
	ReasonTimeout                      // no connection in time
	ReasonSilent                       // connected, and no answer in time: paused, hung or overloaded
	ReasonClosed                       // connected, and closed without an answer
	ReasonGarbage                      // it answered, but not as ZooKeeper does
	ReasonHalfAnswer                   // the answer broke off
	ReasonNotWhitelisted               // the command is not allowed there
	ReasonNotServing                   // it runs, but takes part in no quorum
	ReasonReadOnly                     // it runs, takes part in no quorum, and lets clients read
	ReasonSessionRefused               // it does not accept the session
	ReasonServerError                  // it answered an operation with an error
)

var reasonNames = [...]string{
	ReasonNone: "", ReasonCancelled: "cancelled", ReasonNoAddress: "no-address",
	ReasonUnresolved: "unresolved", ReasonUnreachable: "unreachable",
	ReasonRefused: "refused", ReasonTimeout: "timeout", ReasonSilent: "silent", ReasonClosed: "closed",
	ReasonGarbage: "garbage", ReasonHalfAnswer: "half-answer", ReasonNotWhitelisted: "not-whitelisted",
	ReasonNotServing: "not-serving", ReasonReadOnly: "read-only", ReasonSessionRefused: "session-refused",
	ReasonServerError: "server-error",
}

// String is the reason's code, empty for ReasonNone.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// MarshalText makes a reason its code in JSON.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (r *Reason) UnmarshalText(text []byte) error {
	for i, name := range reasonNames {
		if name == string(text) {
			*r = Reason(i)
			return nil
		}
	}
	return fmt.Errorf("unknown reason %q", text)
}

// Hint says what to check or to do. Its texts may change.
func (r Reason) Hint() string {
	switch r {
	case ReasonNoAddress:
		return "name its client port among the hosts"
	case ReasonUnresolved:
		return "check the host's name and this machine's resolver"
	case ReasonUnreachable:
		return "check the address, routes and firewalls"
	case ReasonRefused:
		return "the server is not running, or listens on another port or address"
	case ReasonTimeout:
		return "the host is down, or something on the way drops packets"
	case ReasonSilent:
		return "the process is paused, in a long collection, or out of threads"
	case ReasonClosed:
		return "check maxClientCnxns, whether the port wants TLS, and whether there is a quorum"
	case ReasonGarbage:
		return "another service listens there, or the port wants TLS"
	case ReasonHalfAnswer:
		return "the connection broke; ask again"
	case ReasonNotWhitelisted:
		return "add the command to 4lw.commands.whitelist"
	case ReasonNotServing:
		return "no quorum: start more servers or restore the network between them"
	case ReasonReadOnly:
		return "no quorum: reads may be stale and writes fail"
	case ReasonSessionRefused:
		return "the session expired, or this server lags behind what the client has seen"
	}
	return ""
}

// Error is a conversation that failed, and why.
type Error struct {
	Addr   string
	Doing  string // "srvr", "session", "connect"
	Reason Reason
	Err    error
}

// Error names the server, what was asked of it, and the reason.
func (e *Error) Error() string {
	return fmt.Sprintf("%s of %s: %s: %v", e.Doing, e.Addr, e.Reason, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf is the reason in an error of this package, and ReasonNone for nil and for
// errors of others.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ReasonNone
}

// dialReason classifies the failure to connect.
func dialReason(ctx context.Context, err error) Reason {
	var dns *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ReasonCancelled
	case errors.Is(err, syscall.ECONNREFUSED):
		return ReasonRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ReasonClosed // it was connected, and closed before this side noticed that
	case errors.As(err, &dns) && !dns.IsTimeout:
		return ReasonUnresolved
	case isTimeout(err):
		return ReasonTimeout
	}
	return ReasonUnreachable
}

// talkReason classifies a failure after connecting. The first bytes of an answer make
// the difference between a server that says nothing and one that stops saying it.
func talkReason(ctx context.Context, err error, began bool) Reason {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ReasonCancelled
	case errors.Is(err, wire.ErrNotServing):
		return ReasonNotServing
	case errors.Is(err, wire.ErrNotWhitelisted):
		return ReasonNotWhitelisted
	case errors.Is(err, wire.ErrGarbage), errors.Is(err, wire.ErrLength):
		return ReasonGarbage
	case errors.Is(err, wire.ErrHalfAnswer), began:
		return ReasonHalfAnswer
	case isTimeout(err):
		return ReasonSilent
	}
	return ReasonClosed
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
