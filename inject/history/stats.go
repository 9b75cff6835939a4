package history

import (
	"sort"
	"time"

	"zkctl/probe/wire"
)

// Stats are what a report says beside verdicts. Pings and the restoring of watches are no operations.
type Stats struct {
	Ops     int `json:"ops"`
	Acked   int `json:"acked"`   // answered without an error
	Refused int `json:"refused"` // answered with one
	Failed  int `json:"failed"`  // not sent
	Unknown int `json:"unknown"`

	UnknownApplied int `json:"unknown_applied"` // writes without an answer that are in the order
	UnknownNot     int `json:"unknown_not"`     // … and those that are not
	LostAcks       int `json:"lost_acks"`
	SessionsLost   int `json:"sessions_lost"`
	// StaleReads are reads at a zxid before that of some write which had been acknowledged when they
	// were sent. ZooKeeper allows them.
	StaleReads int           `json:"stale_reads"`
	StaleMax   time.Duration `json:"stale_max"`
}

func (s *Stats) add(op *Op, applied wire.Zxid) {
	switch op.Code {
	case wire.OpPing, wire.OpSetWatches, wire.OpSetWatches2:
		return
	}
	s.Ops++
	switch {
	case op.Outcome == Failed:
		s.Failed++
	case op.Outcome == OK && op.Err == wire.OK:
		s.Acked++
	case op.Outcome == OK:
		s.Refused++
	default:
		s.Unknown++
		switch {
		case !op.Code.IsWrite():
		case applied != 0:
			s.UnknownApplied++
		default:
			s.UnknownNot++
		}
	}
}

// stale measures how far a read is behind.
func (c *checker) stale(op *Op) {
	if op.Outcome != OK || op.Err != wire.OK || op.Zxid <= 0 {
		return
	}
	switch op.Code {
	case wire.OpExists, wire.OpGetData, wire.OpGetChildren, wire.OpGetChildren2:
	default:
		return
	}
	if f, ok := c.writes.before(op.Invoke); ok && f.zxid > op.Zxid {
		first := sort.Search(len(c.writes), func(i int) bool { return c.writes[i].zxid > op.Zxid })
		c.stats.StaleReads++
		c.stats.StaleMax = max(c.stats.StaleMax, time.Duration(op.Invoke-c.writes[first].at))
	}
}
