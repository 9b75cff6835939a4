package replica

import (
	"fmt"

	"zkctl/probe/wire"
)

// rememberedEnds is of how many sessions a server remembers how they ended.
const rememberedEnds = 1000

// endedSessions is how the latest sessions ended, so that the log can say why a
// client that comes back is refused. Nothing is decided by it.
type endedSessions struct {
	ends  map[int64]sessionEnd
	order []int64 // the oldest first; at most rememberedEnds
}

type sessionEnd struct {
	zxid    wire.Zxid
	expired bool // by the leader; otherwise its client has closed it
}

func (e *endedSessions) add(h *wire.TxnHeader) {
	if _, known := e.ends[h.ClientID]; known {
		return // closed twice: the first one counts
	}
	if e.ends == nil {
		e.ends = map[int64]sessionEnd{}
	}
	if len(e.order) == rememberedEnds {
		delete(e.ends, e.order[0])
		e.order = e.order[1:]
	}
	// A leader that lets a session expire asks for it in nobody's name, with xid 0.
	e.ends[h.ClientID] = sessionEnd{zxid: h.Zxid, expired: h.Cxid == 0}
	e.order = append(e.order, h.ClientID)
}

// whySessionEnded is why a session cannot be used, for the log.
func (s *Server) whySessionEnded(session int64) string {
	if end, ok := s.ended.ends[session]; ok {
		if end.expired {
			return fmt.Sprintf("it expired, at zxid %v", end.zxid)
		}
		return fmt.Sprintf("its client closed it, at zxid %v", end.zxid)
	}
	if _, exists := s.tree.SessionTimeout(session); exists {
		return "its end is on its way"
	}
	return "it is not known: it ended long ago, or was begun in another history"
}
