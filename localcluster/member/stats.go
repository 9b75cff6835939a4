package member

import (
	"math"
	"time"

	"zkctl/probe/wire"
)

// latency is ZooKeeper's AvgMinMaxCounter, in milliseconds.
type latency struct {
	count, total, least, most int64
}

func (l *latency) add(d time.Duration) {
	ms := max(0, d.Milliseconds())
	if l.count == 0 || ms < l.least {
		l.least = ms
	}
	l.most = max(l.most, ms)
	l.count++
	l.total += ms
}

// average has four digits behind the point, as ZooKeeper rounds it.
func (l *latency) average() float64 {
	if l.count == 0 {
		return 0
	}
	return math.Round(float64(l.total)/float64(l.count)*10000) / 10000
}

// sizes is ZooKeeper's BufferStats: last, smallest and largest, -1 for none.
type sizes struct{ last, least, most int }

var noSizes = sizes{-1, -1, -1}

func (s *sizes) add(n int) {
	if s.least == -1 || n < s.least {
		s.least = n
	}
	s.most = max(s.most, n)
	s.last = n
}

// serverStats is what `srvr` and `mntr` count. `srst` resets it.
type serverStats struct {
	received, sent int64
	latency        latency
	responses      sizes
	proposals      sizes
	authFailed     int64

	replayMismatches int64 // recorded digests that differed from the tree's while it was rebuilt from the files
}

func newServerStats() serverStats { return serverStats{responses: noSizes, proposals: noSizes} }

// reset leaves what ZooKeeper's ServerStats.reset leaves.
func (s *serverStats) reset() {
	*s = serverStats{responses: noSizes, proposals: noSizes, authFailed: s.authFailed, replayMismatches: s.replayMismatches}
}

// connStats is what `cons` shows of one connection. `crst` resets it.
type connStats struct {
	received, sent int64
	latency        latency
	lastLatency    int64
	lastOp         string
	lastCxid       int32 // -1: none
	lastZxid       wire.Zxid
	lastResponse   int64 // milliseconds on ZooKeeper's "elapsed" clock
}

func newConnStats() connStats { return connStats{lastOp: "NA", lastCxid: -1, lastZxid: -1} }

// opAbbreviation is what `cons` calls an operation (FinalRequestProcessor's lastOp).
var opAbbreviation = map[wire.OpCode]string{
	wire.OpPing: "PING", wire.OpCreateSession: "SESS", wire.OpCloseSession: "CLOS", wire.OpMulti: "MULT",
	wire.OpMultiRead: "MLTR", wire.OpCreate: "CREA", wire.OpCreate2: "CREA", wire.OpCreateTTL: "CREA",
	wire.OpCreateContainer: "CREA", wire.OpDelete: "DELE", wire.OpDeleteContainer: "DELE", wire.OpSetData: "SETD",
	wire.OpReconfig: "RECO", wire.OpSetACL: "SETA", wire.OpSync: "SYNC", wire.OpCheck: "CHEC", wire.OpExists: "EXIS",
	wire.OpGetData: "GETD", wire.OpSetWatches: "SETW", wire.OpSetWatches2: "STW2", wire.OpAddWatch: "ADDW",
	wire.OpGetACL: "GETA", wire.OpGetChildren: "GETC", wire.OpGetChildren2: "GETC",
	wire.OpGetAllChildrenNumber: "GETACN", wire.OpCheckWatches: "CHKW", wire.OpRemoveWatches: "REMW",
	wire.OpWhoAmI: "HOMI", wire.OpGetEphemerals: "GETE",
}

func abbreviate(op wire.OpCode) string {
	if s, ok := opAbbreviation[op]; ok {
		return s
	}
	return "NA"
}
