package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"zkctl/probe/wire"
)

// DialFunc opens a connection. A net.Dialer's DialContext is one.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialTCP is the DialFunc used when none is given.
func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

const (
	// DefaultTimeout bounds a question to a server when neither its context nor an
	// option does.
	DefaultTimeout = 2 * time.Second
	// maxAnswer is the longest answer that is read to a four-letter word. wchc and dump
	// grow with the number of clients; mntr has some 20 KB.
	maxAnswer = 16 << 20
)

// FourLetter sends a four-letter word to the server whose client port is at addr and
// returns its answer. It ends when the server closes the connection, when ctx ends, or
// after DefaultTimeout when ctx has no deadline.
//
// Errors are of type *Error. The text is returned beside the error when there was any:
// with ReasonHalfAnswer what arrived before the end, with ReasonNotServing and
// ReasonNotWhitelisted the refusal itself.
func FourLetter(ctx context.Context, addr, word string) ([]byte, error) {
	return fourLetter(ctx, dialTCP, addr, word)
}

func fourLetter(ctx context.Context, dial DialFunc, addr, word string) ([]byte, error) {
	if !wire.IsFourLetterWord(word) {
		return nil, fmt.Errorf("%q is not a command of zookeeper: one of %v is", word, wire.FourLetterWords)
	}
	ctx, cancel := withDefaultTimeout(ctx)
	defer cancel()
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, &Error{addr, word, dialReason(ctx, err), err}
	}
	defer func() { _ = conn.Close() }() // nothing is left to lose
	defer interrupt(ctx, conn)()

	// Exactly the four letters: ZooKeeper would close with a newline unread, and the
	// kernel then resets the connection and may throw the answer away.
	if _, err := io.WriteString(conn, word); err != nil {
		return nil, &Error{addr, word, talkReason(ctx, err, false), err}
	}
	text, err := io.ReadAll(io.LimitReader(conn, maxAnswer+1))
	switch {
	case err != nil:
	case len(text) == 0:
		err = fmt.Errorf("closed without an answer: %w", io.EOF)
	case len(text) > maxAnswer:
		err = fmt.Errorf("%w: more than %d bytes", wire.ErrGarbage, maxAnswer)
	default:
		err = wire.CheckFourLetter(text)
	}
	if err != nil {
		return text, &Error{addr, word, talkReason(ctx, err, len(text) > 0), err}
	}
	return text, nil
}

// withDefaultTimeout gives ctx a deadline if it has none.
func withDefaultTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, DefaultTimeout)
}

// interrupt makes reads and writes of conn return when ctx ends, whether by its deadline
// or before it. stop takes that back, and returns false if ctx has ended.
func interrupt(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(longAgo) })
}

// longAgo is a deadline that has passed by any clock.
var longAgo = time.Unix(1, 0)

// Srvr asks a server for its status.
func Srvr(ctx context.Context, addr string) (wire.Srvr, error) {
	return ask(ctx, dialTCP, addr, "srvr", wire.ParseSrvr)
}

// Mntr asks a server for its metrics.
func Mntr(ctx context.Context, addr string) (map[string]string, error) {
	return ask(ctx, dialTCP, addr, "mntr", wire.ParseMntr)
}

// ask sends a word and parses the answer. A broken-off answer is asked for once more:
// servers under load have been seen to close before all was sent.
func ask[T any](ctx context.Context, dial DialFunc, addr, word string, parse func([]byte) (T, error)) (T, error) {
	answer, err := askOnce(ctx, dial, addr, word, parse)
	if ReasonOf(err) == ReasonHalfAnswer && ctx.Err() == nil && !isTimeout(err) {
		return askOnce(ctx, dial, addr, word, parse)
	}
	return answer, err
}

func askOnce[T any](ctx context.Context, dial DialFunc, addr, word string, parse func([]byte) (T, error)) (T, error) {
	text, err := fourLetter(ctx, dial, addr, word)
	var none T
	if err != nil && ReasonOf(err) != ReasonHalfAnswer {
		return none, err
	}
	// A reset after the last line, or a server that does not close, does no harm: the
	// parser finds out whether the answer is complete.
	answer, parseErr := parse(text)
	if parseErr != nil {
		if err != nil {
			parseErr = errors.Join(parseErr, err)
		}
		return none, &Error{addr, word, talkReason(ctx, parseErr, true), parseErr}
	}
	return answer, nil
}
