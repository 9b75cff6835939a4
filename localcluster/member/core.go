package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// step gives the core one input and carries out what it answers, in the order
// that zab.Output asks for. Everything the core says passes through here.
func (s *server) step(in zab.Input) {
	before := s.status
	out := s.node.Step(s.now(), in)
	s.status = s.node.Status()
	for _, e := range out.Events {
		s.logEvent(e, in)
	}
	// Whoever leaves a role lets its clients go first: what happens to the
	// tree from here on is nothing they may see.
	if before.Serving && !s.status.Serving {
		s.stopServing()
	}
	s.changeTree(&out)
	for _, p := range out.Deliver {
		s.deliver(p)
	}
	if s.status.Serving && !before.Serving {
		s.startServing()
	}
	s.writer.enqueue(out.Persist, s.tree)
	s.send(&out)
	for _, f := range out.Forward {
		s.forwarded(f)
	}
	if len(out.Deliver) > 0 {
		s.snapshotIfDue()
	}
}

// changeTree does what the core asks for beside delivering.
func (s *server) changeTree(out *zab.Output) {
	if out.Install != nil {
		s.tree, s.arrived = s.arrived, nil
		s.exactFrom = math.MaxInt64
		s.treeReplaced()
	}
	if out.Rollback != nil {
		s.rollBack(out.Rollback.To)
	}
	for _, p := range out.FastForward {
		s.fastForward(p)
	}
}

// rollBack cuts the log and rebuilds the tree from disk. The loop waits for
// it: there is nothing that this server could do meanwhile.
func (s *server) rollBack(to wire.Zxid) {
	tree, recent, err := s.writer.truncate(to)
	if errors.Is(err, storage.ErrNoHistory) {
		s.log.Warn("the log cannot be truncated as far as the leader asks: asking for a snapshot", "to", to, "reason", err)
		s.step(zab.RollbackFailed{})
		return
	}
	if err != nil {
		s.fail(fmt.Errorf("truncate the log to %v, as the leader asks: %w", to, err))
		return
	}
	s.tree = tree
	s.treeReplaced()
	s.step(zab.RolledBack{Last: tree.LastZxid(), Recent: recent})
}

// send does the part of an Output that goes out.
func (s *server) send(out *zab.Output) {
	for _, n := range out.Notify {
		if err := s.peers.election.Send(int64(n.To), n.Notification); err != nil {
			s.log.Debug("vote not sent", "to", int64(n.To), "error", err)
		}
	}
	for _, d := range out.Dial {
		s.peers.dial(d)
	}
	for i := range out.Send {
		s.sendOne(&out.Send[i])
	}
	for _, link := range out.Close {
		s.peers.hangUp(link)
	}
}

func (s *server) sendOne(o *zab.Send) {
	conn := s.peers.conns[o.Link]
	switch {
	case conn == nil: // broken; the core will hear of it
	case o.Snapshot:
		snapshot := s.tree.Snapshot()
		conn.SendSnapshot(o.Packet, snapshot.Encode)
	default:
		if o.Packet.Type == wire.PacketPing && s.status.Role != zab.Leading {
			o.Packet.Data = s.touchTable()
		}
		conn.SendPacket(o.Packet)
		if t := o.Packet.Type; t == wire.PacketCommit || t == wire.PacketInform {
			s.sendLate(o.Link, o.Packet.Zxid)
		}
	}
}

// linkOpened, linkReceived and linkClosed pass on what quorum connections say,
// as long as the core knows of the link.
func (s *server) linkOpened(m linkOpened) {
	if !s.peers.opened(m) {
		return
	}
	s.step(zab.Connected{Link: m.link})
}

func (s *server) linkReceived(m linkReceived) {
	if s.peers.conns[m.link] == nil {
		return
	}
	if m.tree != nil {
		s.arrived = m.tree
	}
	s.step(zab.Received{Link: m.link, Packet: m.packet})
}

func (s *server) linkClosed(m linkClosed) {
	if !s.peers.gone(m.link) {
		return
	}
	s.peers.ended("quorum connection ended", m.reason)
	if s.leading != nil {
		delete(s.leading.behindCommit, m.link)
	}
	s.step(zab.Disconnected{Link: m.link})
}

// logEvent writes the core's events, and what came in when they happened. Only
// the shell logs; see package zab.
func (s *server) logEvent(e zab.Event, in zab.Input) {
	level := slog.LevelInfo
	switch e.Kind {
	case zab.VoteChanged:
		level = slog.LevelDebug
	case zab.PeerMisbehaved, zab.ProposalRefused, zab.Resigned, zab.LearnerLost:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("role", s.status.Role.String()), slog.String("phase", s.status.Phase.String()),
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
	// A peer is whoever it says it is; the address is what one can go and look at.
	if r, ok := in.(zab.Received); ok && s.peers.conns[r.Link] != nil && (e.Kind == zab.LearnerJoined || e.Kind == zab.PeerMisbehaved) {
		add(true, "remote", s.peers.conns[r.Link].RemoteAddr().String())
	}
	s.log.LogAttrs(context.Background(), level, e.Kind.String(), attrs...)
}
