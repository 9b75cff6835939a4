package replica

import (
	"fmt"

	"zkctl/probe/wire"
)

// rememberedEnds is the number of ended sessions that a server remembers.
const rememberedEnds = 1000

// endedSessions records how the latest sessions ended, so that the log can say why a
// client is refused. It has no other effect.
type endedSessions struct {
	ends  map[int64]sessionEnd
	order []int64 // oldest first; at most rememberedEnds
}

type sessionEnd struct {
	zxid    wire.Zxid
	expired bool // the leader closed it; otherwise its client did
}

func (e *endedSessions) add(h *wire.TxnHeader) {
	if _, known := e.ends[h.ClientID]; known {
		return // closed twice: keep the first
	}
	if e.ends == nil {
		e.ends = map[int64]sessionEnd{}
	}
	if len(e.order) == rememberedEnds {
		delete(e.ends, e.order[0])
		e.order = e.order[1:]
	}
	// The closeSession of an expired session is the leader's own request, with xid 0.
	e.ends[h.ClientID] = sessionEnd{zxid: h.Zxid, expired: h.Cxid == 0}
	e.order = append(e.order, h.ClientID)
}

// whySessionEnded says, for the log, why a session cannot be used.
func (s *Server) whySessionEnded(session int64) string {
	if end, ok := s.ended.ends[session]; ok {
		if end.expired {
			return fmt.Sprintf("it expired, at zxid %v", end.zxid)
		}
		return fmt.Sprintf("its client closed it, at zxid %v", end.zxid)
	}
	if _, exists := s.tree.SessionTimeout(session); exists {
		return "it is being closed"
	}
	return "it is not known: it ended long ago, or was created in another history"
}
