package peer

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zkctl/probe/wire"
)

// patience is how long a test waits for something that must happen before it
// says that it does not. No test passes by waiting that long.
const patience = 30 * time.Second

// log is a list of lines that tests wait on.
type log struct {
	mu    sync.Mutex
	lines []string
	news  chan struct{} // closed, and replaced, with each line
}

func newLog() *log { return &log{news: make(chan struct{})} }

func (l *log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
	close(l.news)
	l.news = make(chan struct{})
}

func (l *log) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// count is how many lines contain text.
func (l *log) count(text string) (n int) {
	for _, line := range l.all() {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// until waits until the lines satisfy a condition.
func (l *log) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		l.mu.Lock()
		news := l.news
		l.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-news:
		case <-deadline.C:
			t.Fatalf("never saw %s; saw\n  %s", what, strings.Join(l.all(), "\n  "))
		}
	}
}

// await waits for a line that contains text, and returns it.
func (l *log) await(t testing.TB, text string) string {
	t.Helper()
	var found string
	l.until(t, fmt.Sprintf("%q", text), func() bool {
		for _, line := range l.all() {
			if strings.Contains(line, text) {
				found = line
				return true
			}
		}
		return false
	})
	return found
}

// electionLog writes down election events, and checks what it was promised
// about them.
type electionLog struct {
	*log
	t  testing.TB
	mu sync.Mutex
	up map[int64]bool
	// votes holds the newest zxid that each server has voted for.
	votes map[int64]wire.Zxid
}

func newElectionLog(t testing.TB) *electionLog {
	return &electionLog{log: newLog(), t: t, up: map[int64]bool{}, votes: map[int64]wire.Zxid{}}
}

func (l *electionLog) set(peer int64, up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up[peer] == up {
		l.t.Errorf("PeerUp and PeerDown of %d do not alternate: up is %v already", peer, up)
	}
	l.up[peer] = up
}

func (l *electionLog) Notified(from int64, n wire.Notification) {
	l.mu.Lock()
	if !l.up[from] {
		l.t.Errorf("a vote from %d, which is not up", from)
	}
	l.votes[from] = n.Zxid
	l.mu.Unlock()
	l.add("vote %d zxid %s config %q %s for %d", from, n.Zxid, n.Config, n.State, n.Leader)
}

func (l *electionLog) PeerUp(peer int64) { l.set(peer, true); l.add("up %d", peer) }

func (l *electionLog) PeerDown(peer int64, reason error) {
	l.set(peer, false)
	l.add("down %d: %v", peer, reason)
}

func (l *electionLog) Unreachable(peer int64, reason error) {
	l.add("unreachable %d: %v", peer, reason)
}

func (l *electionLog) Refused(remote string, reason error) { l.add("refused %s: %v", remote, reason) }

func (l *electionLog) vote(from int64) wire.Zxid {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.votes[from]
}

// vote makes a notification that a test recognizes by its zxid.
func vote(z wire.Zxid) wire.Notification {
	return wire.Notification{State: wire.Looking, Leader: 1, Zxid: z, ElectionEpoch: 1, PeerEpoch: z.Epoch(),
		Version: wire.NotificationVersion, Config: []byte("version=0")}
}

// connLog writes down what a connection delivers.
type connLog struct {
	*log
	read func(wire.QuorumPacket, *bufio.Reader) error // set before the connection runs

	mu     sync.Mutex
	got    func(wire.QuorumPacket)
	reason error
}

func newConnLog() *connLog { return &connLog{log: newLog()} }

// each has f called for every packet from now on.
func (l *connLog) each(f func(wire.QuorumPacket)) *connLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = f
	return l
}

func (l *connLog) Received(p wire.QuorumPacket) {
	l.mu.Lock()
	got := l.got
	l.mu.Unlock()
	if got != nil {
		got(p)
	}
	l.add("%s %s %q", p.Type, p.Zxid, p.Data)
}

func (l *connLog) Snapshot(p wire.QuorumPacket, body *bufio.Reader) error {
	if l.read != nil {
		return l.read(p, body)
	}
	return fmt.Errorf("unexpected snapshot %s", p.Zxid)
}

func (l *connLog) Disconnected(reason error) {
	l.mu.Lock()
	l.reason = reason
	l.mu.Unlock()
	l.add("disconnected: %v", reason)
}

func (l *connLog) ended(t testing.TB) error {
	t.Helper()
	l.await(t, "disconnected: ")
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reason
}

// text reads the trees of these tests: one Jute text.
func text(max int) func(wire.QuorumPacket, *bufio.Reader) error {
	return func(_ wire.QuorumPacket, r *bufio.Reader) error {
		d := wire.NewStreamDecoder(r, max)
		d.Text()
		return d.Err()
	}
}

func writeText(s string) BodyWriter {
	return func(w io.Writer) error {
		var e wire.Encoder
		e.Text(s)
		_, err := w.Write(e.Bytes())
		return err
	}
}
