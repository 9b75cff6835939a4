package simulation

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"zkctl/inject/history"
	"zkctl/localcluster/datatree"
	"zkctl/localcluster/replica"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// A server is the replica.Shell of its replica, as in package member, but with a disk in
// memory, queues for a network, a clock that the world moves, and a tracer that reports
// to the oracle.
var _ replica.Shell = (*server)(nil)

// Now implements replica.Clock.
func (s *server) Now() time.Duration { return s.clock.At(s.w.now) }

// Wall implements replica.Clock.
func (s *server) Wall() int64 { return epochMillis + (s.w.now + s.clock.Skew).Milliseconds() }

// Chance implements replica.Clock.
func (s *server) Chance(n int) int { return s.rng.IntN(n) }

// Persist implements replica.Disk.
func (s *server) Persist(writes []zab.Write) { s.disk.enqueue(writes) }

// Truncate implements replica.Disk.
func (s *server) Truncate(to wire.Zxid) (*datatree.Tree, []wire.Proposal, error) {
	before := *s.w.oracle.view(s)
	s.w.oracle.replacing(s, to)
	found, err := s.disk.truncate(to)
	switch {
	case err == nil:
		return found.Tree, found.Recent, nil
	case errors.Is(err, storage.ErrNoHistory) && !s.disk.injected(err):
		*s.w.oracle.view(s) = before
		s.w.oracle.durable(s, s.disk.store.LastZxid()) // the disk has written all that was queued
		err = fmt.Errorf("%w: %w", replica.ErrTooFar, err)
	}
	return nil, nil, err
}

// Save implements replica.Disk.
func (s *server) Save(snapshot *datatree.Snapshot) {
	s.disk.queue = append(s.disk.queue, storage.Job{Do: func() { s.disk.save(snapshot) }})
	s.disk.begin()
}

// Notify implements replica.Network.
func (s *server) Notify(n zab.Notify) { s.w.notify(s, n) }

// Dial implements replica.Network.
func (s *server) Dial(d zab.Dial) { s.w.dial(s, d) }

// Send implements replica.Network.
func (s *server) Send(link zab.LinkID, p wire.QuorumPacket) { s.sendPacket(link, p, nil) }

// SendSnapshot implements replica.Network.
func (s *server) SendSnapshot(link zab.LinkID, p wire.QuorumPacket, snapshot *datatree.Snapshot) {
	var b bytes.Buffer
	_ = snapshot.Encode(&b) // writing to a buffer does not fail
	s.sendPacket(link, p, b.Bytes())
}

func (s *server) sendPacket(link zab.LinkID, p wire.QuorumPacket, body []byte) {
	l, ok := s.links[link]
	if !ok {
		return
	}
	if s.w.tap != nil {
		s.w.tap(s, p)
	}
	s.w.oracle.sending(s, p)
	if s.unreported != nil && p.Type == wire.PacketPing {
		s.w.oracle.learnerPing(s, p.Data)
	}
	s.w.sendPacket(l, p, body)
}

// CloseLink implements replica.Network.
func (s *server) CloseLink(link zab.LinkID) { s.w.hangUp(s, link) }

// Info implements replica.Log.
func (s *server) Info(message string, args ...any) { s.logLine(message, args) }

// Warn implements replica.Log.
func (s *server) Warn(message string, args ...any) { s.logLine(message, args) }

// Error implements replica.Log.
func (s *server) Error(message string, args ...any) { s.logLine(message, args) }

func (s *server) logLine(message string, args []any) {
	if s.w.tracing() {
		s.w.note("%d: %s %v", s.id, message, args)
	}
}

// tracer reports to the oracle all that a server does.
func (s *server) tracer() replica.Tracer {
	return replica.Tracer{
		Stepping: s.stepping, Stepped: s.stepped, Installed: s.installed, RolledBack: s.rolledBack,
		Proposing: s.proposing, Delivering: s.delivering, Applied: s.applied, Expired: s.expired, Serving: s.serving,
	}
}

func (s *server) stepping(_ zab.Input, out *zab.Output) {
	s.status = s.replica.Status()
	s.w.events(s, out.Events)
	for i := range out.Forward {
		s.activity.packet(&out.Forward[i].Packet, s.Now())
	}
}

func (s *server) stepped(out *zab.Output) { s.w.oracle.afterStep(s, out) }

func (s *server) installed(z wire.Zxid) {
	s.tree = s.replica.Tree()
	s.w.oracle.installed(s, z)
}

func (s *server) rolledBack(to wire.Zxid) {
	s.tree = s.replica.Tree()
	s.w.oracle.rolledBack(s, to)
}

func (s *server) proposing(q datatree.Request, p wire.Proposal) {
	s.w.oracle.proposed(s, p, s.status.LastLogged)
	s.w.oracle.requests[p.Zxid] = history.Request{Session: q.Session, Cxid: q.Cxid, Op: q.Op, Body: q.Body}
	if s.w.tracing() {
		s.w.note("%d: proposes %v %v of session %x", s.id, p.Zxid, q.Op, uint64(q.Session))
	}
	switch q.Op {
	case wire.OpCreateSession:
		s.activity.begins(q.Session, wire.NewDecoder(q.Body).Int32(), s.Now())
	case wire.OpCloseSession:
		s.w.oracle.judge.Closing(int64(s.id), q.Session, s.status.Epoch)
	}
	s.w.reached(s, AtProposed)
}

// delivering reports a commit to the oracle, before the client gets the answer.
func (s *server) delivering(z wire.Zxid) {
	if s.w.tracing() {
		s.w.note("%d: delivers %v", s.id, z)
	}
	s.w.oracle.delivered(s, z)
}

func (s *server) applied(p wire.Proposal, txn *wire.Txn, before wire.Zxid, result datatree.Result) {
	s.w.oracle.applied(s, p, before, &result)
	s.activity.applied(txn, s.Now())
}

func (s *server) expired(sessions []int64) { s.w.oracle.expired(s, sessions, s.Now()) }

func (s *server) serving(begins bool) {
	s.activity, s.unreported = nil, nil
	switch {
	case !begins:
		return
	case s.status.Role == zab.Leading:
		s.activity = newSessionActivity(s.tree, s.Now())
	default:
		s.unreported = map[int64]bool{}
	}
	s.w.note("%d: serves as %v, epoch %d, zxid %v", s.id, s.status.Role, s.status.Epoch, s.tree.LastZxid())
}
