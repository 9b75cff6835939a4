package member

import (
	"bufio"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// line is the supervisor's end of a control connection.
type line struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Scanner
}

func newLine(t *testing.T) (*line, *Control) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _ = ours.Close() })
	return &line{t, ours, bufio.NewScanner(ours)}, newControl(theirs)
}

// next is the next report.
func (l *line) next() Report {
	l.t.Helper()
	if !l.in.Scan() {
		l.t.Fatalf("the connection ended: %v", l.in.Err())
	}
	var r Report
	if err := json.Unmarshal(l.in.Bytes(), &r); err != nil {
		l.t.Fatalf("%s: %v", l.in.Text(), err)
	}
	return r
}

// A member that reports never waits for its supervisor: what finds no room is counted.
func TestReportsThatFindNoRoom(t *testing.T) {
	l, c := newLine(t)
	const more = 10
	// One report may be on its way already, beside those that wait.
	for range maxReports + 1 + more {
		c.report(Report{Kind: "synchronized"})
	}
	came, lost := 0, 0
	for came+lost < maxReports+more {
		switch r := l.next(); r.Kind {
		case ReportLost:
			lost += r.Lost
		default:
			came++
			c.report(Report{Kind: "synchronized"}) // there is room again
		}
		if came > 2*maxReports+more {
			t.Fatal("no report says that others were lost")
		}
		if lost > 0 {
			break
		}
	}
	if lost < more || lost > more+1 {
		t.Errorf("%d reports lost, want %d or one more", lost, more)
	}
	_ = l.conn.Close()
	c.close()
}

// An order is answered, also one that a member does not know, or cannot carry out.
func TestOrders(t *testing.T) {
	l, c := newLine(t)
	s := &server{cfg: &Config{Standalone: true, Control: c}, stopped: make(chan struct{})}
	orders := make(chan Order, 4)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.obey(func(o Order) { orders <- o })
	}()
	for _, test := range []struct{ text, says string }{
		{`{"id":1,"do":"dance"}`, `does not know the order "dance"`},
	} {
		if _, err := l.conn.Write([]byte("nonsense\n" + test.text + "\n")); err != nil {
			t.Fatal(err)
		}
		o := <-orders
		s.ordered(o)
		if r := l.next(); r.Answer != o.ID || !strings.Contains(r.Error, test.says) || r.Mono == 0 {
			t.Errorf("%s: %+v, want an answer with %q", test.text, r, test.says)
		}
	}
	_ = l.conn.Close()
	<-done
	c.close()
	c.report(Report{Kind: "late"}) // is no error
}

// Without a supervisor there is no connection, and a wrong descriptor is an error.
func TestControlFromEnv(t *testing.T) {
	env := func(value string) func(string) string { return func(string) string { return value } }
	if c, err := ControlFromEnv(env("")); c != nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
	for _, value := range []string{"x", "-1", "60000"} {
		if _, err := ControlFromEnv(env(value)); err == nil || !strings.Contains(err.Error(), value) {
			t.Errorf("%s: %v", value, err)
		}
	}
	var none *Control
	none.report(Report{})
	none.close()
}

// A server's time runs as its supervisor says from then on, and its wall clock jumps.
func TestClockOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{cfg: &Config{}, began: time.Now()}
		shows := func(now, skew time.Duration) {
			t.Helper()
			if got := s.Now(); got != now {
				t.Errorf("it shows %v, want %v", got, now)
			}
			if got := s.Wall() - time.Now().UnixMilli(); got != skew.Milliseconds() {
				t.Errorf("the wall clock is off by %dms, want %v", got, skew)
			}
		}
		<-time.After(time.Second)
		shows(time.Second, 0)
		if err := s.obey(Order{Do: OrderClock, Rate: 200, Skew: -time.Hour}); err != nil {
			t.Fatal(err)
		}
		shows(time.Second, -time.Hour)
		<-time.After(time.Second)
		shows(3*time.Second, -time.Hour)
		if err := s.obey(Order{Do: OrderClock}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		shows(4*time.Second, 0)
	})
}
