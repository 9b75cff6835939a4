package member

import (
	"fmt"
	"strings"

	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// answerWord answers a four-letter word and closes the connection. The texts are those of
// ZooKeeper 3.8 to the byte, because tools compare them.
func (s *server) answerWord(m wordAsked) {
	m.c.stats.received++
	s.stats.received++
	if s.tooMuchUnread(m.word) {
		s.log.Warn("a four-letter word is not answered: too many bytes wait for clients that do not read their answers", "client", m.c.remote,
			"word", m.word, "unread", s.port.unread.Load())
	} else {
		text := s.word(m)
		m.c.replies.put([]byte(text), 0, 0, 0)
	}
	m.c.replies.part()
	m.c.word = true
	s.stats.sent++ // after its own text, as in ZooKeeper
}

func (s *server) word(m wordAsked) string {
	if !m.c.wordsOnly && !s.cfg.Commands.Allows(m.word) {
		return wire.NotWhitelistedText(m.word)
	}
	switch m.word {
	case "ruok":
		return wire.ImOK
	case "envi":
		return enviText(s.cfg.Version)
	case "isro":
		if !s.replica.Status().Serving {
			return "null"
		}
		return "rw"
	case "gtmk", "stmk", "hash":
		return m.word + " is not supported by this server.\n"
	}
	if !s.replica.Status().Serving {
		return wire.NotServingText
	}
	switch m.word {
	case "srvr":
		return s.versionLine() + s.srvrLines()
	case "stat":
		return s.versionLine() + s.clientLines() + s.srvrLines()
	case "mntr":
		return s.mntrText()
	case "conf":
		return s.confText(m.sizes)
	case "cons":
		return s.consText()
	case "dirs":
		return fmt.Sprintf("datadir_size: %d\nlogdir_size: %d\n", m.sizes.data, m.sizes.log)
	case "wchs":
		return s.watchSummary()
	case "wchc":
		return s.watchesByConnection()
	case "wchp":
		return s.watchesByPath()
	case "dump":
		return s.dumpText()
	case "crst":
		for _, c := range s.conns {
			c.stats = newConnStats()
		}
		return "Connection stats reset.\n"
	case "srst":
		s.stats.reset()
		return "Server stats reset.\n"
	}
	return m.word + " is not supported by this server.\n"
}

// mode is what `srvr` calls the role.
func (s *server) mode() string {
	switch {
	case s.cfg.Standalone:
		return "standalone"
	case s.replica.Status().Role == zab.Leading:
		return "leader"
	case s.replica.Status().Role == zab.Observing:
		return "observer"
	default:
		return "follower"
	}
}

// lastZxid is what `srvr` shows: a leader whose epoch has no transaction yet
// shows the epoch's beginning, learners the last transaction.
func (s *server) lastZxid() wire.Zxid {
	if s.replica.Status().Role == zab.Leading && !s.cfg.Standalone {
		return max(s.replica.Tree().LastZxid(), wire.MakeZxid(s.replica.Status().Epoch, 0))
	}
	return s.replica.Tree().LastZxid()
}

func (s *server) versionLine() string { return "Zookeeper version: " + s.cfg.Version + "\n" }

func (s *server) srvrLines() string {
	var b strings.Builder
	l := &s.stats.latency
	fmt.Fprintf(&b, "Latency min/avg/max: %d/%s/%d\n", l.least, javaDouble(l.average()), l.most)
	fmt.Fprintf(&b, "Received: %d\nSent: %d\nConnections: %d\nOutstanding: %d\n",
		s.stats.received, s.stats.sent, len(s.connections()), s.outstanding())
	fmt.Fprintf(&b, "Zxid: %v\nMode: %s\nNode count: %d\n", s.lastZxid(), s.mode(), s.replica.Tree().Counts().Nodes)
	if s.mode() == "leader" {
		p := s.stats.proposals
		fmt.Fprintf(&b, "Proposal sizes last/min/max: %d/%d/%d\n", p.last, p.least, p.most)
	}
	return b.String()
}

// outstanding is the number of requests of clients that are not answered yet.
func (s *server) outstanding() int64 { return s.inFlight() }

func (s *server) clientLines() string {
	var b strings.Builder
	b.WriteString("Clients:\n")
	for _, c := range s.connections() {
		b.WriteString(s.connLine(c, true) + "\n")
	}
	b.WriteString("\n")
	return b.String()
}

func (s *server) consText() string {
	var b strings.Builder
	for _, c := range s.connections() {
		b.WriteString(s.connLine(c, false) + "\n")
	}
	b.WriteString("\n")
	return b.String()
}

// connLine is ServerCnxn.dumpConnectionInfo. The number in brackets stands for the
// operations that Java's selector waits for: 1 is reading, and 0 is the connection that
// sent the word.
func (s *server) connLine(c *conn, brief bool) string {
	var b strings.Builder
	ops := 1
	if !c.open {
		ops = 0
	}
	fmt.Fprintf(&b, " /%v[%d](queued=%d,recved=%d,sent=%d", c.remote, ops, c.Queued(), c.stats.received, c.stats.sent)
	if !brief && c.Session() != 0 {
		st := &c.stats
		fmt.Fprintf(&b, ",sid=0x%x,lop=%s,est=%d,to=%d", uint64(c.Session()), st.lastOp, c.since.UnixMilli(), c.Timeout())
		if st.lastCxid >= 0 {
			fmt.Fprintf(&b, ",lcxid=0x%x", st.lastCxid)
		}
		fmt.Fprintf(&b, ",lzxid=%v,lresp=%d,llat=%d,minlat=%d,avglat=%d,maxlat=%d", st.lastZxid, st.lastResponse,
			st.lastLatency, st.latency.least, int64(st.latency.average()), st.latency.most)
	}
	b.WriteString(")")
	return b.String()
}
