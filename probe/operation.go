package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zkctl/probe/wire"
)

// Do sends an operation and waits for its answer: request may be nil for operations
// without a body, and response for those answered by a header alone.
//
// The zxid is that of the reply: of the write itself, or for a read of the last
// transaction that the server had applied. It is there with a wire.ErrCode as well,
// since a write that fails is a transaction, too.
//
// When ctx ends first the error has ErrUnknownOutcome, and the session goes on: the
// answer is dropped when it comes. The response must not be touched after that.
func (s *Session) Do(ctx context.Context, op wire.OpCode, request, response wire.Record) (wire.Zxid, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%s at %s: %w", op, s.addr, err)
	}
	c := &call{response: response, answered: make(chan struct{})}
	if op != wire.OpPing {
		select {
		case s.window <- struct{}{}:
		case <-ctx.Done():
			return 0, fmt.Errorf("%s at %s: %w", op, s.addr, ctx.Err())
		case <-s.done:
			return 0, fmt.Errorf("%s at %s: %w", op, s.addr, s.Err())
		}
	}
	deadline := time.Now().Add(s.timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := s.write(op, request, c, deadline); err != nil {
		return 0, fmt.Errorf("%s at %s: %w", op, s.addr, err)
	}
	select {
	case <-c.answered:
	case <-ctx.Done():
		select {
		case <-c.answered: // both have happened; the answer says more
		default:
			return 0, fmt.Errorf("%s at %s: %w: %w", op, s.addr, ErrUnknownOutcome, ctx.Err())
		}
	}
	if c.err != nil {
		return c.zxid, fmt.Errorf("%s at %s: %w", op, s.addr, c.err)
	}
	return c.zxid, nil
}

// requestHeaderEnd is where a request's body begins in its frame: after the length, the xid and the operation.
const requestHeaderEnd = 12

// write sends one request. The call joins those in flight before its bytes leave, so
// that its answer finds it there. A write that fails may have sent half a request, which
// makes the connection useless: giveUp then fails the call.
func (s *Session) write(op wire.OpCode, request wire.Record, c *call, deadline time.Time) error {
	s.send.Lock()
	defer s.send.Unlock()
	s.send.xid++
	if s.send.xid < 1 {
		s.send.xid = 1 // negative xids mean something else
	}
	header := wire.RequestHeader{Xid: s.send.xid, Op: op}
	if op == wire.OpPing {
		header.Xid = wire.XidPing
	}
	e := &s.send.enc
	e.Reset()
	mark := e.BeginFrame()
	header.Encode(e)
	if request != nil {
		request.Encode(e)
	}
	e.EndFrame(mark)

	c.xid = header.Xid
	s.state.Lock()
	if err := s.state.err; err != nil {
		s.state.Unlock()
		return err
	}
	if op == wire.OpPing {
		s.state.pings = append(s.state.pings, c)
	} else {
		s.state.pending = append(s.state.pending, c)
	}
	s.observe.Sent(header.Xid, op, e.Bytes()[requestHeaderEnd:]) // under the lock, so that it is not after Gone
	s.state.Unlock()

	err := s.conn.SetWriteDeadline(deadline)
	if err == nil {
		_, err = s.conn.Write(e.Bytes())
	}
	if err != nil {
		s.giveUp(s.lost(err))
	}
	return nil
}

// Ping asks the server for an answer. Its zxid is the last that the server has applied.
func (s *Session) Ping(ctx context.Context) (wire.Zxid, error) {
	return s.Do(ctx, wire.OpPing, nil, nil)
}

// Get returns a node's data.
func (s *Session) Get(ctx context.Context, path string) ([]byte, wire.Stat, wire.Zxid, error) {
	var r wire.DataResponse
	zxid, err := s.Do(ctx, wire.OpGetData, &wire.PathWatchRequest{Path: path}, &r)
	if err != nil {
		return nil, wire.Stat{}, zxid, withPath(path, err)
	}
	return r.Data, r.Stat, zxid, nil
}

// Exists reports whether there is such a node.
func (s *Session) Exists(ctx context.Context, path string) (bool, wire.Stat, wire.Zxid, error) {
	var r wire.StatResponse
	zxid, err := s.Do(ctx, wire.OpExists, &wire.PathWatchRequest{Path: path}, &r)
	switch {
	case errors.Is(err, wire.ErrNoNode):
		return false, wire.Stat{}, zxid, nil
	case err != nil:
		return false, wire.Stat{}, zxid, withPath(path, err)
	}
	return true, r.Stat, zxid, nil
}

// Children returns the names of a node's children, in no particular order.
func (s *Session) Children(ctx context.Context, path string) ([]string, wire.Stat, wire.Zxid, error) {
	var r wire.Children2Response
	zxid, err := s.Do(ctx, wire.OpGetChildren2, &wire.PathWatchRequest{Path: path}, &r)
	if err != nil {
		return nil, wire.Stat{}, zxid, withPath(path, err)
	}
	return r.Children, r.Stat, zxid, nil
}

// Create makes a node with an open ACL; flags are wire.FlagEphemeral and the like. It
// returns the path as created, to which a sequential node's number has been appended.
func (s *Session) Create(ctx context.Context, path string, data []byte, flags int32) (string, wire.Zxid, error) {
	request := wire.CreateRequest{Path: path, Data: data, ACL: wire.OpenACL(), Flags: flags}
	var r wire.PathResponse
	zxid, err := s.Do(ctx, wire.OpCreate, &request, &r)
	if err != nil {
		return "", zxid, withPath(path, err)
	}
	return r.Path, zxid, nil
}

// Set replaces a node's data if its version is the one given, or any for
// wire.AnyVersion.
func (s *Session) Set(ctx context.Context, path string, data []byte, version int32) (wire.Stat, wire.Zxid, error) {
	var r wire.StatResponse
	zxid, err := s.Do(ctx, wire.OpSetData, &wire.SetDataRequest{Path: path, Data: data, Version: version}, &r)
	if err != nil {
		return wire.Stat{}, zxid, withPath(path, err)
	}
	return r.Stat, zxid, nil
}

// Delete removes a node if its version is the one given, or any for wire.AnyVersion.
func (s *Session) Delete(ctx context.Context, path string, version int32) (wire.Zxid, error) {
	zxid, err := s.Do(ctx, wire.OpDelete, &wire.DeleteRequest{Path: path, Version: version}, nil)
	return zxid, withPath(path, err)
}

// Sync waits until the server has applied what was committed when the leader got the
// request. It needs no quorum: a deposed leader answers it, too.
func (s *Session) Sync(ctx context.Context, path string) (wire.Zxid, error) {
	zxid, err := s.Do(ctx, wire.OpSync, &wire.PathRequest{Path: path}, new(wire.PathResponse))
	return zxid, withPath(path, err)
}

// Auth adds an identity to the connection, such as ("digest", "user:password").
func (s *Session) Auth(ctx context.Context, scheme, auth string) error {
	_, err := s.Do(ctx, wire.OpAuth, &wire.AuthPacket{Scheme: scheme, Auth: []byte(auth)}, nil)
	return err
}

func withPath(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}
