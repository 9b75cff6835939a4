package member

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
)

// A supervisor that starts a member gives it one end of a socket pair. On it the member reports what happens to it, at
// the moment at which it happens, and obeys orders. Both sides write JSON, a line each:
//
//	member ---- {"mono":81277304112,"kind":"established","epoch":3,"peer":2} --->  supervisor
//	       <--- {"id":7,"do":"resign"} -------------------------------------------
//	       ---- {"answer":7} --------------------------------------------------->
//
// Polling would find the same, later by up to a tick; and what begins and ends between two polls would not be found at
// all. A member that reports must not wait for its supervisor, which may be stopped: reports that find no room are
// counted, and the count is reported.

// Report is what a member tells its supervisor: an event, or with Answer the outcome of an order.
type Report struct {
	// Mono is CLOCK_MONOTONIC in nanoseconds, which all processes of a machine share.
	Mono   int64  `json:"mono,omitempty"`
	Kind   string `json:"kind,omitempty"` // a zab.EventKind by its name, ReportRole or ReportLost
	Peer   int64  `json:"peer,omitempty"`
	Round  int64  `json:"round,omitempty"`
	Epoch  int64  `json:"epoch,omitempty"`
	Zxid   string `json:"zxid,omitempty"`
	Sync   string `json:"sync,omitempty"`
	Reason string `json:"reason,omitempty"`
	Role   string `json:"role,omitempty"` // of ReportRole: what srvr calls it, or looking
	Lost   int    `json:"lost,omitempty"` // of ReportLost

	Answer int64  `json:"answer,omitempty"` // the id of an order
	Error  string `json:"error,omitempty"`  // why it was not carried out
}

// The kinds of reports that are no events of package zab.
const (
	ReportRole = "role" // it has begun to serve clients, or has stopped
	ReportLost = "lost" // so many reports found no room
)

// Order is what a supervisor wants of a member.
type Order struct {
	ID   int64               `json:"id"` // from 1
	Do   string              `json:"do"`
	Disk []storage.DiskFault `json:"disk,omitempty"` // of OrderDisk: all that hold from now on
	// Of OrderClock: how far the wall clock is off from now on, and how fast the server's time runs, in percent; 0 is 100.
	Skew time.Duration `json:"skew_ns,omitempty"`
	Rate int           `json:"rate,omitempty"`
}

const (
	// OrderResign makes a leader step down, and a learner leave its leader.
	OrderResign = "resign"
	// OrderDisk sets what is wrong with the member's disk. It is obeyed also by a member that its disk holds up.
	OrderDisk = "disk"
	// OrderClock sets what is wrong with the member's clock.
	OrderClock = "clock"
)

// controlVariable names the file descriptor of the member's end.
const controlVariable = "ZKCTL_CONTROL"

// ControlVariable is the environment of a member whose end of the control connection is descriptor fd.
func ControlVariable(fd int) string { return fmt.Sprintf("%s=%d", controlVariable, fd) }

// maxReports is how many reports may wait for a supervisor that does not read.
const maxReports = 1024

// Control is a member's end of the connection. A nil Control is that of a member that has none: it reports nothing.
type Control struct {
	conn    net.Conn
	reports chan Report
	mu      sync.Mutex
	lost    int  // reports that found no room, since the last one that did
	closed  bool // reports is
	writing sync.WaitGroup
}

// ControlFromEnv opens the connection that the environment names; nil without one.
func ControlFromEnv(getenv func(string) string) (*Control, error) {
	text := getenv(controlVariable)
	if text == "" {
		return nil, nil
	}
	fd, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%s=%s: want the number of a file descriptor", controlVariable, text)
	}
	file := os.NewFile(uintptr(fd), "control")
	conn, err := net.FileConn(file)
	_ = file.Close() // conn has a descriptor of its own
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", controlVariable, text, err)
	}
	return newControl(conn), nil
}

func newControl(conn net.Conn) *Control {
	c := &Control{conn: conn, reports: make(chan Report, maxReports)}
	c.writing.Go(c.write)
	return c
}

// write writes reports until close.
func (c *Control) write() {
	encoder := json.NewEncoder(c.conn)
	for r := range c.reports {
		_ = encoder.Encode(r) // the supervisor is gone, and this process ends soon
	}
}

// report queues a report; it never waits.
func (c *Control) report(r Report) {
	if c == nil {
		return
	}
	r.Mono = Monotonic()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.lost > 0 && c.queue(Report{Mono: r.Mono, Kind: ReportLost, Lost: c.lost}) {
		c.lost = 0
	}
	if !c.queue(r) {
		c.lost++
	}
}

func (c *Control) queue(r Report) bool {
	select {
	case c.reports <- r:
		return true
	default:
		return false
	}
}

// obey passes every order to do until the connection ends.
func (c *Control) obey(do func(Order)) {
	lines := bufio.NewScanner(c.conn)
	for lines.Scan() {
		var o Order
		if err := json.Unmarshal(lines.Bytes(), &o); err == nil {
			do(o)
		}
	}
}

// answer reports the outcome of an order.
func (c *Control) answer(o Order, err error) {
	r := Report{Answer: o.ID}
	if err != nil {
		r.Error = err.Error()
	}
	c.report(r)
}

// close writes what waits, as far as the supervisor reads, and closes the connection.
func (c *Control) close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.closed = true
	close(c.reports)
	c.mu.Unlock()
	if half, ok := c.conn.(interface{ CloseRead() error }); ok {
		_ = half.CloseRead() // obey returns
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(controlGrace))
	c.writing.Wait()
	_ = c.conn.Close()
}

// controlGrace is how long a member that ends waits for a supervisor that does not read.
const controlGrace = 200 * time.Millisecond

// reportEvent passes an event of the core on. Votes are many and tell the supervisor nothing.
func (c *Control) reportEvent(e zab.Event) {
	if c == nil || e.Kind == zab.VoteChanged {
		return
	}
	r := Report{Kind: e.Kind.String(), Peer: int64(e.Peer), Round: e.Round, Epoch: e.Epoch, Reason: e.Reason}
	if e.Zxid != 0 {
		r.Zxid = e.Zxid.String()
	}
	if e.Sync != 0 {
		r.Sync = e.Sync.String()
	}
	c.report(r)
}

// surroundings are what a supervisor can break around a server.
type surroundings struct {
	disk   *storage.FaultFS
	orders chan Order // for the event loop
	ended  chan struct{}
	done   sync.WaitGroup
}

// surround begins to obey the supervisor, before the server runs: what it says of the disk holds from the first file on,
// and is obeyed also while the server waits for its disk. Orders for the replica wait for the event loop.
func surround(c *Control, under storage.FS) *surroundings {
	s := &surroundings{disk: storage.NewFaultFS(under), orders: make(chan Order), ended: make(chan struct{})}
	s.done.Go(func() {
		c.obey(func(o Order) {
			if o.Do == OrderDisk {
				s.disk.Set(o.Disk)
				c.answer(o, nil)
				return
			}
			select {
			case s.orders <- o:
			case <-s.ended:
			}
		})
	})
	return s
}

// end returns when no order is obeyed any more.
func (s *surroundings) end(c *Control) {
	close(s.ended)
	c.close()
	s.done.Wait()
}

// ordered carries out an order for the replica.
func (s *server) ordered(o Order) { s.cfg.Control.answer(o, s.obey(o)) }

func (s *server) obey(o Order) error {
	switch o.Do {
	case OrderResign:
		if s.replica.Status().Role == zab.Looking || s.cfg.Standalone {
			return errors.New("it has no role in an ensemble that it could leave")
		}
		s.replica.Step(zab.Resign{Reason: "the supervisor asked for it"})
		return nil
	case OrderClock:
		s.clock.Skew = o.Skew
		s.clock.SetRate(time.Since(s.began), float64(cmp.Or(o.Rate, 100))/100)
		return nil
	}
	return fmt.Errorf("this server does not know the order %q", o.Do)
}
