package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/replica"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// A server is the replica.Shell of its replica: it passes the replica's calls on
// to the disk, to the other servers, and into the log.
var _ replica.Shell = (*server)(nil)

// Now implements replica.Clock. Only the event loop calls it.
func (s *server) Now() time.Duration { return s.clock.At(time.Since(s.began)) }

// Wall implements replica.Clock.
func (s *server) Wall() int64 { return time.Now().Add(s.clock.Skew).UnixMilli() }

// Chance implements replica.Clock.
func (s *server) Chance(n int) int { return rand.IntN(n) }

// Persist implements replica.Disk.
func (s *server) Persist(writes []zab.Write) {
	if len(writes) > 0 {
		s.writer.enqueue(writes, s.replica.Tree())
	}
}

// Truncate implements replica.Disk.
func (s *server) Truncate(to wire.Zxid) (*datatree.Tree, []wire.Proposal, error) {
	state, err := s.writer.truncate(to)
	if errors.Is(err, storage.ErrNoHistory) {
		err = fmt.Errorf("%w: %w", replica.ErrTooFar, err)
	}
	if err != nil {
		return nil, nil, err
	}
	warnOfMismatches(s.log, state.Mismatches)
	s.stats.replayMismatches += int64(state.Mismatches.Count)
	return state.Tree, state.Recent, nil
}

// Save implements replica.Disk.
func (s *server) Save(snapshot *datatree.Snapshot) {
	order := &saveOrder{tree: snapshot}
	if s.cfg.Purge {
		order.retain = s.cfg.SnapRetain
	}
	s.writer.batch = append(s.writer.batch, storage.Job{Do: func() { s.writer.save(order) }})
}

// Notify implements replica.Network.
func (s *server) Notify(n zab.Notify) {
	if err := s.peers.election.Send(int64(n.To), n.Notification); err != nil {
		s.log.Debug("vote not sent", "to", int64(n.To), "error", err)
	}
}

// Dial implements replica.Network.
func (s *server) Dial(d zab.Dial) { s.peers.dial(d) }

// Send implements replica.Network.
func (s *server) Send(link zab.LinkID, p wire.QuorumPacket) {
	if conn := s.peers.conns[link]; conn != nil {
		conn.SendPacket(p)
	}
}

// SendSnapshot implements replica.Network.
func (s *server) SendSnapshot(link zab.LinkID, p wire.QuorumPacket, snapshot *datatree.Snapshot) {
	if conn := s.peers.conns[link]; conn != nil {
		conn.SendSnapshot(p, snapshot.Encode)
	}
}

// CloseLink implements replica.Network.
func (s *server) CloseLink(link zab.LinkID) { s.peers.hangUp(link) }

// Info implements replica.Log.
func (s *server) Info(message string, args ...any) { s.log.Info(message, args...) }

// Warn implements replica.Log.
func (s *server) Warn(message string, args ...any) { s.log.Warn(message, args...) }

// Error implements replica.Log.
func (s *server) Error(message string, args ...any) { s.log.Error(message, args...) }

// tracer logs and counts what the replica does.
func (s *server) tracer() replica.Tracer {
	return replica.Tracer{
		Stepping: func(in zab.Input, out *zab.Output) {
			for _, e := range out.Events {
				s.logEvent(e, in)
				s.cfg.Control.reportEvent(e)
			}
		},
		Proposing: func(_ datatree.Request, p wire.Proposal) { s.stats.proposals.add(len(p.Data)) },
		Serving:   s.serving,
	}
}

// lookingMode is the role of a server that serves no clients.
const lookingMode = "looking"

func (s *server) serving(begins bool) {
	if !begins {
		s.cfg.Control.report(Report{Kind: ReportRole, Role: lookingMode})
		return
	}
	s.cfg.Control.report(Report{Kind: ReportRole, Role: s.mode(), Epoch: s.replica.Status().Epoch})
	s.servingSince = s.Now()
	status := s.replica.Status()
	s.log.Info("serving clients", "mode", s.mode(), "epoch", status.Epoch, "leader", int64(status.Leader),
		"zxid", s.replica.Tree().LastZxid())
}

// linkOpened, linkReceived and linkClosed pass the events of quorum connections on to
// the core, as long as the core still has the link.
func (s *server) linkOpened(m linkOpened) {
	if s.peers.opened(m) {
		s.replica.Step(zab.Connected{Link: m.link})
	}
}

func (s *server) linkReceived(m linkReceived) {
	if s.peers.conns[m.link] == nil {
		return
	}
	if m.tree != nil {
		s.replica.SnapshotReceived(m.tree)
	}
	s.replica.Step(zab.Received{Link: m.link, Packet: m.packet})
}

func (s *server) linkClosed(m linkClosed) {
	if s.peers.gone(m.link) {
		s.peers.ended("quorum connection ended", m.reason)
		s.replica.Step(zab.Disconnected{Link: m.link})
	}
}

// logEvent logs an event of the core, with the address of the peer whose packet caused
// it. Only the shell logs; see package zab.
func (s *server) logEvent(e zab.Event, in zab.Input) {
	level := slog.LevelInfo
	switch e.Kind {
	case zab.VoteChanged:
		level = slog.LevelDebug
	case zab.PeerMisbehaved, zab.ProposalRefused, zab.Resigned, zab.LearnerLost:
		level = slog.LevelWarn
	}
	status := s.replica.Status()
	attrs := []slog.Attr{
		slog.String("role", status.Role.String()), slog.String("phase", status.Phase.String()),
	}
	add := func(present bool, key string, value any) {
		if present {
			attrs = append(attrs, slog.Any(key, value))
		}
	}
	add(e.Peer != 0, "peer", int64(e.Peer))
	add(e.Round != 0, "round", e.Round)
	add(e.Epoch != 0, "epoch", e.Epoch)
	add(e.Sync != 0, "sync", e.Sync.String())
	add(e.Zxid != 0, "zxid", e.Zxid.String())
	add(e.Reason != "", "reason", e.Reason)
	// A peer can claim any id; its address says where it really is.
	if r, ok := in.(zab.Received); ok && s.peers.conns[r.Link] != nil && (e.Kind == zab.LearnerJoined || e.Kind == zab.PeerMisbehaved) {
		add(true, "remote", s.peers.conns[r.Link].RemoteAddr().String())
	}
	s.log.LogAttrs(context.Background(), level, e.Kind.String(), attrs...)
}
