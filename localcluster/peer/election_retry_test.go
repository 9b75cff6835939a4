package peer

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
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
				return nil, errors.New("nobody there")
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
		front := s.net.listen("front-of-1")
		go forward(s.net, front, s.peers[1])
		defer front.Close()

		peers := map[int64]string{1: "front-of-1", 2: s.peers[2]}
		s.logs[2] = newElectionLog(t)
		e, err := ListenElection(ElectionOptions{Self: 2, Listener: s.net.listen(s.peers[2]),
			Peers: peers, Events: s.logs[2], Dial: s.net.dial})
		if err != nil {
			t.Fatal(err)
		}
		s.nodes[2] = e
		if err := e.Send(1, vote(4)); err != nil {
			t.Fatal(err)
		}
		pass(t.Context(), time.Minute)
		if got, limit := s.logs[2].count("down 1"), giveUpFlaps+2; got < 1 || got > limit {
			t.Errorf("%d links came and went, want 1 to %d: it tries again and gives up", got, limit)
		}
		s.start(t, 1)
		if err := s.nodes[1].Send(2, vote(4)); err != nil { // says hello, as a starting server does
			t.Fatal(err)
		}
		pass(t.Context(), 10*time.Millisecond)
		synctest.Wait()
		if err := s.heardAll(4); err != nil {
			t.Error(err)
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
