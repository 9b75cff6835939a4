package member

import (
	"fmt"
	"time"

	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// sessionName is a session id as logs and four-letter words write it.
type sessionName int64

func (n sessionName) String() string { return fmt.Sprintf("0x%x", uint64(n)) }

func (s *server) received(c *conn) {
	c.stats.received++
	s.stats.received++
}

// sent counts a frame of n bytes, its length included.
func (s *server) sent(c *conn, n int) {
	c.stats.sent++
	s.stats.sent++
	s.stats.responses.add(n - 4)
}

// countReply counts what ServerCnxn.updateStatsForResponse counts.
func (s *server) countReply(r *request, zxid wire.Zxid) {
	took := time.Since(r.at)
	s.stats.latency.add(took)
	st := &r.c.stats
	st.latency.add(took)
	st.lastLatency = took.Milliseconds()
	st.lastOp = abbreviate(r.op)
	st.lastZxid = zxid
	st.lastResponse = s.now().Milliseconds()
	if r.xid >= 0 { // not pings and their like
		st.lastCxid = r.xid
	}
}

// inFlight is how many requests of clients are not answered yet.
func (s *server) inFlight() int64 { return s.port.inFlight.Load() }

// pendingSyncs is how many syncs and revalidations wait for a commit.
func (s *server) pendingSyncs() int {
	if s.leading == nil {
		return 0
	}
	n := len(s.leading.waiters)
	for _, late := range s.leading.behindCommit {
		n += len(late)
	}
	return n
}

func proposed(zxid wire.Zxid, data []byte) zab.Input {
	return zab.Proposed{Proposal: wire.Proposal{Zxid: zxid, Data: data}}
}
