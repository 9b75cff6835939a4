package link

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// These tests assert exact times: their time is virtual.

// arrival waits for the next bytes at c and says when they came.
func arrival(t *testing.T, c *memConn, start time.Time) (string, time.Duration) {
	t.Helper()
	b := make([]byte, maxChunk)
	n, err := c.Read(b)
	if err != nil {
		t.Fatalf("after %v: %v", time.Since(start), err)
	}
	return string(b[:n]), time.Since(start)
}

// Latency delays bytes and does not limit their rate: what is sent at
// intervals arrives at the same intervals.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		near, far := r.connect()
		r.Forward().Slow(Shape{Latency: 50 * time.Millisecond})
		start := time.Now()
		go func() {
			for i := range 10 {
				say(t, near, fmt.Sprint(i))
				<-time.After(time.Millisecond)
			}
		}()
		for i := range 10 {
			text, after := arrival(t, far, start)
			want := 50*time.Millisecond + time.Duration(i)*time.Millisecond
			if text != fmt.Sprint(i) || after != want {
				t.Errorf("%q after %v, want %d after %v", text, after, i, want)
			}
		}
		// The way back is not delayed.
		start = time.Now()
		say(t, far, "back")
		if _, after := arrival(t, near, start); after != 0 {
			t.Errorf("the way back took %v", after)
		}
	})
}

func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shape := Shape{Latency: 50 * time.Millisecond, Jitter: 20 * time.Millisecond}
		r := newRig(t, Options{})
		defer closed(t, r)
		near, far := r.connect()
		r.Forward().Slow(shape)
		least, most := time.Hour, time.Duration(0)
		for range 300 {
			start := time.Now()
			say(t, near, "x")
			_, after := arrival(t, far, start)
			least, most = min(least, after), max(most, after)
		}
		if least < shape.Latency-shape.Jitter || most > shape.Latency+shape.Jitter {
			t.Errorf("delays from %v to %v exceed %v ± %v", least, most, shape.Latency, shape.Jitter)
		}
		if least > 35*time.Millisecond || most < 65*time.Millisecond {
			t.Errorf("of 300 delays the least was %v and the most %v: hardly %v ± %v", least, most, shape.Latency, shape.Jitter)
		}
		// Sent at the same moment, and delayed differently, they still arrive in
		// order.
		var sent, got strings.Builder
		for i := range 100 {
			fmt.Fprintf(&sent, "%d,", i)
			say(t, near, fmt.Sprintf("%d,", i))
			synctest.Wait() // so that each is a piece of its own
		}
		for got.Len() < sent.Len() {
			text, _ := arrival(t, far, time.Now())
			got.WriteString(text)
		}
		if got.String() != sent.String() {
			t.Errorf("reordered: %s", got.String())
		}
	})
}

// The rate is that of the lane, shared by its connections.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		const rate = 100_000
		r.Forward().Slow(Shape{Rate: rate})
		start := time.Now()
		total := 0
		for range 2 {
			near, far := r.connect()
			say(t, near, strings.Repeat("x", rate/4))
			go func() {
				// A rate is even: no more than what passes in some 10 ms comes at once.
				for got := 0; got < rate/4; {
					text, _ := arrival(t, far, start)
					if len(text) > rate/50 {
						t.Errorf("%d bytes at once of %d a second", len(text), rate)
					}
					got += len(text)
				}
			}()
			total += rate / 4
		}
		expectNothingQueued(t, r)
		want := time.Duration(total) * time.Second / rate
		if took := time.Since(start); took < want || took > want+10*time.Millisecond {
			t.Errorf("%d bytes took %v at %d a second, want %v", total, took, rate, want)
		}
	})
}

// expectNothingQueued lets virtual time pass, 1 ms at a time, until the link
// has delivered everything.
func expectNothingQueued(t *testing.T, r *rig) {
	t.Helper()
	for range 10_000 {
		synctest.Wait()
		held := 0
		r.mu.Lock()
		for c := range r.conns {
			for _, p := range []*pump{c.forward, c.backward} {
				p.mu.Lock()
				held += p.held
				p.mu.Unlock()
			}
		}
		r.mu.Unlock()
		if held == 0 {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Fatal("after 10 s bytes are still queued")
}

// A heal takes effect on what is under way, and so does any other change.
func TestShapeChangesUnderWay(t *testing.T) {
	for _, test := range []struct {
		name          string
		before, after Shape
		want          time.Duration // from the change to the arrival
	}{
		{"heal an hour of latency", Shape{Latency: time.Hour}, Shape{}, 0},
		{"heal a rate of nearly nothing", Shape{Rate: 1}, Shape{}, 0},
		{"less", Shape{Latency: time.Hour}, Shape{Latency: time.Second}, time.Second},
		{"more", Shape{Latency: time.Second}, Shape{Latency: time.Minute}, time.Minute},
		{"from rate to latency", Shape{Rate: 1}, Shape{Latency: time.Second}, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, Options{})
			defer closed(t, r)
			near, far := r.connect()
			r.Forward().Slow(test.before)
			say(t, near, strings.Repeat("x", 100))
			<-time.After(time.Second / 2)
			expect(t, far, "")
			r.Forward().Slow(test.after)
			if _, after := arrival(t, far, time.Now()); after != test.want {
				t.Errorf("%s: arrived %v after the change, want %v", test.name, after, test.want)
			}
		})
	}
}

// Slow and cut are independent: what is slow is cut as well, and the delay
// runs on during the cut.
func TestSlowAndCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		near, far := r.connect()
		d := r.Forward()
		d.Slow(Shape{Latency: time.Second})
		d.Cut()
		say(t, near, "x")
		<-time.After(3 * time.Second)
		expect(t, far, "")
		d.Set(Condition{Shape: Shape{Latency: time.Second}})
		expect(t, far, "x")
		if got := d.Condition(); got != (Condition{Shape: Shape{Latency: time.Second}}) {
			t.Errorf("condition %+v", got)
		}
	})
}

// A new connection takes the round trip of a handshake before its first byte
// travels.
func TestSlowHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		r.Forward().Slow(Shape{Latency: 30 * time.Millisecond})
		r.Backward().Slow(Shape{Latency: 40 * time.Millisecond})
		start := time.Now()
		near := r.listener.dial()
		say(t, near, "x") // the dialler believes that it is connected
		far := <-r.target
		if took := time.Since(start); took != 70*time.Millisecond {
			t.Errorf("the target was dialled after %v, want 70 ms", took)
		}
		if _, after := arrival(t, far, start); after != 100*time.Millisecond {
			t.Errorf("the first byte arrived after %v, want 100 ms", after)
		}
		// Giving up while the handshake is under way leaves nothing behind.
		_ = r.listener.dial().Close()
		gone := <-r.target
		expectFate(t, gone, open)
		<-time.After(30 * time.Millisecond)
		expectFate(t, gone, fin)
	})
}

func TestShapeValidate(t *testing.T) {
	for _, test := range []struct {
		shape Shape
		ok    bool
	}{
		{Shape{}, true},
		{Shape{Latency: time.Second, Jitter: time.Second, Rate: 1}, true},
		{Shape{Rate: 1}, true},
		{Shape{Latency: -1}, false},
		{Shape{Latency: 1, Jitter: -1}, false},
		{Shape{Latency: 1, Jitter: 2}, false},
		{Shape{Jitter: 1}, false},
		{Shape{Rate: -1}, false},
	} {
		if err := test.shape.Validate(); (err == nil) != test.ok {
			t.Errorf("%+v: %v", test.shape, err)
		}
	}
}

func TestLaneText(t *testing.T) {
	for _, lane := range []Lane{{1, 2, Quorum}, {2, 1, Election}, {-5, 255, Quorum}, {Clients, 3, Client}, {3, Clients, Client}} {
		if got, err := ParseLane(lane.String()); err != nil || got != lane {
			t.Errorf("%v reads back as %v, %v", lane, got, err)
		}
	}
	for _, text := range []string{"", "1>2", "1/quorum", "1>2/all", "1>2/client", "clients>2/quorum", "clients>2", "0>2/client", "0>2/quorum", "a>2/quorum", "1>/quorum", "1>2>3/quorum"} {
		if got, err := ParseLane(text); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", text)) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	if text := Channel(0).String(); text != "channel(0)" {
		t.Errorf("the zero channel prints as %q", text)
	}
}

func TestShapeJSON(t *testing.T) {
	for _, shape := range []Shape{{}, {Latency: 50*time.Millisecond + 1, Jitter: 3 * time.Microsecond, Rate: 7}} {
		text, err := json.Marshal(shape)
		if err != nil {
			t.Fatal(err)
		}
		var back Shape
		if err := json.Unmarshal(text, &back); err != nil || back != shape {
			t.Errorf("%s reads back as %+v, %v; want %+v", text, back, err, shape)
		}
	}
}
