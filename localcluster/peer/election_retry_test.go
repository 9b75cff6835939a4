package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zkctl/probe/wire"
)

// A server that is not there is dialled fast while it may be starting, and
// then at the longest pause for as long as there is something to tell it.
func TestRetryPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts []time.Time
		done := make(chan struct{})
		s := newEnsemble(1, 2)
		log := newElectionLog(t)
		e, err := ListenElection(ElectionOptions{
			Self: 1, Listener: s.net.listen(s.peers[1]), Peers: s.peers, Events: log,
			Dial: func(context.Context, string, string) (net.Conn, error) {
				if attempts = append(attempts, time.Now()); len(attempts) == 40 {
					close(done)
				}
				return nil, errors.New("connection refused")
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if err := e.Send(2, vote(1)); err != nil {
			t.Fatal(err)
		}
		<-done
		for i := 1; i <= fastRetries; i++ {
			if gap := attempts[i].Sub(attempts[i-1]); gap != defaultRetryMin {
				t.Errorf("pause %d is %s, want %s", i, gap, defaultRetryMin)
			}
		}
		for i := fastRetries + 1; i < len(attempts); i++ {
			before, gap := attempts[i-1].Sub(attempts[i-2]), attempts[i].Sub(attempts[i-1])
			if want := min(2*before, defaultRetryMax); gap != want {
				t.Errorf("pause %d is %s, want %s", i, gap, want)
			}
		}
		if got := log.count("unreachable 2: "); got != 1 {
			t.Errorf("an outage was told %d times, want once: %q", got, log.all())
		}
	})
}

// Servers that start within some tens of milliseconds have exchanged votes soon
// after the last is up.
func TestLateStarterIsFoundAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(1, 2, 3)
		defer s.close()
		for _, id := range []int64{2, 3, 1} {
			s.start(t, id)
			s.tellAll(t, id, 3)
			pass(t.Context(), 45*time.Millisecond)
		}
		// The last one started 45 ms ago.
		synctest.Wait()
		if err := s.heardAll(3); err != nil {
			t.Error(err)
		}
	})
}

// Behind a link that accepts for a server that is not up, a connection says
// nothing about the server: the vote must arrive when the server is there.
func TestVoteSurvivesAForwarderWithoutServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(1, 2)
		defer s.close()
		s.net.latency = func() time.Duration { return time.Millisecond }
		s.startBehindForwarder(t, 2, 1)
		if err := s.nodes[2].Send(1, vote(4)); err != nil {
			t.Fatal(err)
		}
		s.logs[2].await(t, "down 1")
		s.start(t, 1) // and sends nothing
		pass(t.Context(), 50*time.Millisecond)
		synctest.Wait()
		if got := s.logs[1].vote(2); got != 4 {
			t.Errorf("server 1 saw %q, want vote 0x4", s.logs[1].all())
		}
	})
}

// If the server does not come up soon, the vote is not sent for ever. It is sent
// again when the server says hello, as starting servers do.
func TestVoteIsRepeatedToALateServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(1, 2)
		defer s.close()
		s.startBehindForwarder(t, 2, 1)
		if err := s.nodes[2].Send(1, vote(4)); err != nil {
			t.Fatal(err)
		}
		pass(t.Context(), time.Minute)
		if got, limit := s.logs[2].count("down 1"), giveUpFlaps+1; got > limit {
			t.Errorf("%d links came and went, want at most %d", got, limit)
		}
		s.start(t, 1)
		if err := s.nodes[1].Send(2, vote(4)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := s.heardAll(4); err != nil {
			t.Error(err)
		}
	})
}

// startBehindForwarder starts a server that reaches another one through a
// forwarder.
func (s *ensemble) startBehindForwarder(t *testing.T, id, other int64) {
	t.Helper()
	front := s.net.listen(fmt.Sprintf("front-of-%d", other))
	go forward(s.net, front, s.peers[other])
	t.Cleanup(func() { front.Close() })
	peers := map[int64]string{id: s.peers[id], other: front.addr}
	s.logs[id] = newElectionLog(t)
	e, err := ListenElection(ElectionOptions{Self: id, Listener: s.net.listen(s.peers[id]),
		Peers: peers, Events: s.logs[id], Dial: s.net.dial})
	if err != nil {
		t.Fatal(err)
	}
	s.nodes[id] = e
}

func TestPause(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name string
		p    peer
		want time.Duration
	}{
		{"never tried", peer{id: 1}, 0},
		{"refused once", peer{id: 1, failed: true, refused: 1}, 10 * ms},
		{"refused while it starts", peer{id: 9, failed: true, refused: fastRetries}, 10 * ms},
		{"refused for longer", peer{id: 9, failed: true, refused: fastRetries + 3}, 80 * ms},
		{"refused for ever", peer{id: 1, failed: true, refused: 1000}, 1000 * ms},
		{"smaller, the link broke", peer{id: 1, flaps: 1}, 10 * ms},
		{"smaller, and again", peer{id: 1, flaps: 2}, 20 * ms},
		{"larger, has heard a hello", peer{id: 9, flaps: 1}, 100 * ms},
		{"larger, and two more", peer{id: 9, flaps: 3}, 400 * ms},
		{"larger, and many more", peer{id: 9, flaps: 60}, 1000 * ms},
	} {
		if got := tt.p.pause(5, 10*ms, 1000*ms); got != tt.want {
			t.Errorf("%s: pause of %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Over a network whose round trip is far longer than the pauses, the two sides
// of a link must not keep replacing it.
func TestFarAwayServersSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(1, 2)
		s.net.latency = func() time.Duration { return 400 * time.Millisecond }
		defer s.close()
		s.start(t, 1)
		s.start(t, 2)
		s.tellAll(t, 1, 8)
		s.tellAll(t, 2, 8)
		pass(t.Context(), time.Minute)
		synctest.Wait()
		if err := errors.Join(s.settled(), s.heardAll(8)); err != nil {
			t.Error(err)
		}
		if got := s.net.dialled; got > 10 {
			t.Errorf("it took %d connections", got)
		}
	})
}

// forward is what a fault-injecting link does: it accepts first and dials then.
func forward(n *memNet, ln net.Listener, to string) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		d, err := n.dial(context.Background(), "mem", to)
		if err != nil {
			c.Close()
			continue
		}
		go func() { copyAll(c, d); c.Close(); d.Close() }()
		go func() { copyAll(d, c); c.Close(); d.Close() }()
	}
}

func copyAll(dst, src net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// A larger server that takes hellos and never dials back has a wrong address for this
// one. That is reported.
func TestHelloWithoutDialBackIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(1, 2)
		defer s.close()
		two := s.net.listen(s.peers[2])
		defer two.Close()
		go func() {
			for {
				c, err := two.Accept()
				if err != nil {
					return
				}
				if _, err := readHello(c); err != nil {
					t.Error(err)
				}
				c.Close()
			}
		}()
		e := s.start(t, 1)
		if err := e.Send(2, vote(1)); err != nil {
			t.Fatal(err)
		}
		pass(t.Context(), time.Minute)
		if got := s.logs[1].all(); len(got) != 1 || !strings.Contains(got[0], "unreachable 2: accepts this server's hello but does not dial back") {
			t.Errorf("saw %q, want the trouble told once", got)
		}
	})
}

// A link that comes up while this server is still dialling makes its hello
// needless, and harmful: the larger server would replace the link.
func TestNoHelloWhenTheLinkIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(1, 2)
		dialing, release, said := make(chan struct{}), make(chan struct{}), make(chan []byte, 1)
		s.logs[1] = newElectionLog(t)
		e, err := ListenElection(ElectionOptions{
			Self: 1, Listener: s.net.listen(s.peers[1]), Peers: s.peers, Events: s.logs[1],
			Dial: func(context.Context, string, string) (net.Conn, error) {
				close(dialing)
				<-release
				near, far := s.net.pair("1", "2")
				go func() { b, _ := io.ReadAll(far); said <- b }()
				return near, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.nodes[1] = e
		defer s.close()
		if err := e.Send(2, vote(1)); err != nil {
			t.Fatal(err)
		}
		<-dialing // a link that came up before would leave nothing to dial for
		two, err := s.net.dial(t.Context(), "mem", s.peers[1])
		if err != nil {
			t.Fatal(err)
		}
		defer two.Close()
		if _, err := two.Write(javaHello(wire.HelloV1, 2, "x:3888")); err != nil {
			t.Fatal(err)
		}
		readVote(t, two)
		close(release)
		if b := <-said; len(b) != 0 {
			t.Errorf("said %q although there is a link", b)
		}
	})
}
