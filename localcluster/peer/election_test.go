package peer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zkctl/probe/wire"
)

// ensemble is a few Elections on one network in memory.
type ensemble struct {
	net   *memNet
	peers map[int64]string
	nodes map[int64]*Election
	logs  map[int64]*electionLog
}

func newEnsemble(ids ...int64) *ensemble {
	s := &ensemble{
		net: newMemNet(), peers: map[int64]string{},
		nodes: map[int64]*Election{}, logs: map[int64]*electionLog{},
	}
	for _, id := range ids {
		s.peers[id] = fmt.Sprintf("server%d:3888", id)
	}
	return s
}

func (s *ensemble) start(t *testing.T, id int64) *Election {
	t.Helper()
	log := newElectionLog(t)
	e, err := ListenElection(ElectionOptions{
		Self: id, Listener: s.net.listen(s.peers[id]), Peers: s.peers,
		Events: log, Dial: s.net.dial,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.nodes[id], s.logs[id] = e, log
	return e
}

// tellAll has a server send its vote to all others, as in an election.
func (s *ensemble) tellAll(t *testing.T, id int64, z wire.Zxid) {
	t.Helper()
	for to := range s.peers {
		if err := s.nodes[id].Send(to, vote(z)); err != nil {
			t.Error(err)
		}
	}
}

func (s *ensemble) close() {
	for _, e := range s.nodes {
		e.Close()
	}
	s.net.wg.Wait() // the last bytes have arrived or are lost
}

// settled says what is wrong with the links, once all is quiet: between each
// pair there must be one, at both ends the same, opened by the larger id.
func (s *ensemble) settled() error {
	for id, e := range s.nodes {
		links := e.Links()
		if len(links) != len(s.nodes)-1 {
			return fmt.Errorf("server %d has the links %v", id, links)
		}
		for _, l := range links {
			if id < l.Peer {
				continue
			}
			if got := l.Remote.String(); got != s.peers[l.Peer] {
				return fmt.Errorf("the link of %d to %d was opened by the smaller one: %v", id, l.Peer, l)
			}
			if !hasMirror(s.nodes[l.Peer], id, l) {
				return fmt.Errorf("%d and %d do not have the same link: %v", id, l.Peer, l)
			}
		}
	}
	pairs := len(s.nodes) * (len(s.nodes) - 1) / 2
	if got := s.net.openConns(); got != 2*pairs {
		return fmt.Errorf("%d connection ends are open, want %d for %d pairs", got, 2*pairs, pairs)
	}
	return nil
}

func hasMirror(e *Election, id int64, l LinkInfo) bool {
	for _, m := range e.Links() {
		if m.Peer == id && m.Remote.String() == l.Local.String() && m.Local.String() == l.Remote.String() {
			return true
		}
	}
	return false
}

// heardAll says which votes have not arrived.
func (s *ensemble) heardAll(z wire.Zxid) error {
	for id, log := range s.logs {
		for from := range s.nodes {
			if from != id && log.vote(from) != z {
				return fmt.Errorf("server %d holds vote %s of %d, want %s", id, log.vote(from), from, z)
			}
		}
	}
	return nil
}

func permutations(ids []int64) [][]int64 {
	if len(ids) <= 1 {
		return [][]int64{ids}
	}
	var all [][]int64
	for i := range ids {
		rest := append(append([]int64{}, ids[:i]...), ids[i+1:]...)
		for _, p := range permutations(rest) {
			all = append(all, append([]int64{ids[i]}, p...))
		}
	}
	return all
}

// In whatever order two servers start and vote, they end with one link.
func TestOneLinkInEveryOrder(t *testing.T) {
	for _, ids := range [][]int64{{1, 2}, {1, 2, 3}} {
		for _, order := range permutations(ids) {
			t.Run(fmt.Sprint(order), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newEnsemble(ids...)
					defer s.close()
					for _, id := range order {
						s.start(t, id)
						s.tellAll(t, id, 7)
						synctest.Wait() // dials what is not there yet
					}
					pass(t.Context(), time.Minute)
					synctest.Wait()
					if err := errors.Join(s.settled(), s.heardAll(7)); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// Only one of two servers sends a vote: the link is made all the same, and the larger
// server opens it.
func TestLinkWhenOnlyOneSpeaks(t *testing.T) {
	for _, speaker := range []int64{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			s := newEnsemble(1, 2)
			defer s.close()
			s.start(t, 1)
			s.start(t, 2)
			if err := s.nodes[speaker].Send(3-speaker, vote(9)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if err := s.settled(); err != nil {
				t.Error(err)
			}
			if got := s.logs[3-speaker].vote(speaker); got != 9 {
				t.Errorf("server %d holds vote %s, want 0x9", 3-speaker, got)
			}
		})
	}
}

// All servers call all others at once, over a network with any delay, again and again;
// some restart. In the end there is one link for each pair and the newest vote of each
// has arrived.
func TestOneLinkUnderRandomDelays(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			slowest := []time.Duration{time.Microsecond, time.Millisecond, 30 * time.Millisecond, 150 * time.Millisecond}[seed%4]
			s := newEnsemble(1, 2, 3, 4, 5)
			delays := rand.New(rand.NewPCG(seed, 2))
			s.net.latency = func() time.Duration { return time.Duration(delays.Int64N(int64(slowest))) }
			defer s.close()
			var latest wire.Zxid
			for id := int64(1); id <= 5; id++ {
				s.start(t, id)
			}
			for range 4 {
				latest++
				for id := int64(1); id <= 5; id++ {
					s.tellAll(t, id, latest)
				}
				pass(t.Context(), time.Duration(rnd.Int64N(int64(100*time.Millisecond))))
				victim := 1 + rnd.Int64N(5)
				s.nodes[victim].Close()
				s.start(t, victim)
			}
			latest++
			for id := int64(1); id <= 5; id++ {
				s.tellAll(t, id, latest)
			}
			pass(t.Context(), time.Minute)
			synctest.Wait()
			if err := errors.Join(s.settled(), s.heardAll(latest)); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		})
	}
}

// The same over real sockets, for the race detector and for what the kernel
// does that the network in memory does not.
func TestOneLinkOverLoopback(t *testing.T) {
	for range 5 {
		const n = 4
		peers, listeners := map[int64]string{}, map[int64]net.Listener{}
		for id := int64(1); id <= n; id++ {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			listeners[id], peers[id] = ln, ln.Addr().String()
		}
		s := &ensemble{net: newMemNet(), peers: peers, nodes: map[int64]*Election{}, logs: map[int64]*electionLog{}}
		for id, ln := range listeners {
			s.logs[id] = newElectionLog(t)
			e, err := ListenElection(ElectionOptions{Self: id, Listener: ln, Peers: peers, Events: s.logs[id]})
			if err != nil {
				t.Fatal(err)
			}
			s.nodes[id] = e
		}
		for id := range s.nodes {
			go s.tellAll(t, id, 5)
		}
		for id, log := range s.logs {
			for from := range s.nodes {
				if from != id {
					log.until(t, fmt.Sprintf("the vote of %d at %d", from, id), func() bool { return log.vote(from) == 5 })
				}
			}
		}
		// Each vote has come, but a hello may still be on its way and have a
		// link replaced. Links that agree at both ends are the end of it.
		for id, e := range s.nodes {
			s.logs[id].until(t, "links that agree at both ends", func() bool {
				for _, l := range e.Links() {
					if !hasMirror(s.nodes[l.Peer], id, l) {
						return false
					}
				}
				return len(e.Links()) == n-1
			})
		}
		s.close()
		for id, log := range s.logs {
			for peer, up := range log.up {
				if up {
					t.Errorf("server %d still believes in %d after Close", id, peer)
				}
			}
		}
	}
}

// While there is no link only the newest vote waits; a new link begins with the
// last vote, even if that was sent before.
func TestNewestVoteOnlyAndLastVoteAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(1, 2)
		defer s.close()
		s.start(t, 2)
		for z := wire.Zxid(1); z <= 10; z++ {
			if err := s.nodes[2].Send(1, vote(z)); err != nil {
				t.Fatal(err)
			}
		}
		s.start(t, 1)
		pass(t.Context(), time.Second)
		synctest.Wait()
		if got := s.logs[1].count("vote 2 "); got != 1 || s.logs[1].vote(2) != 10 {
			t.Errorf("server 1 heard %q, want vote 0xa alone", s.logs[1].all())
		}

		s.nodes[1].Close()
		s.start(t, 1)
		if err := s.nodes[1].Send(2, vote(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := s.logs[1].vote(2); got != 10 {
			t.Errorf("restarted server 1 heard %q, want vote 0xa again", s.logs[1].all())
		}
	})
}

func TestPeerDownWhenAServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(1, 2, 3)
		defer s.close()
		for id := int64(1); id <= 3; id++ {
			s.start(t, id)
		}
		for id := int64(1); id <= 3; id++ {
			s.tellAll(t, id, 1)
			synctest.Wait() // or they call each other at once, and links are replaced
		}
		s.nodes[3].Close()
		synctest.Wait() // no time passes
		for _, id := range []int64{1, 2} {
			if !strings.HasPrefix(s.logs[id].await(t, "down 3"), "down 3") || s.logs[id].count("down") != 1 {
				t.Errorf("server %d saw %q, want only 3 down", id, s.logs[id].all())
			}
		}
	})
}

func TestSendErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(1, 2)
		e := s.start(t, 1)
		if err := e.Send(7, vote(1)); err == nil {
			t.Error("a vote for an unknown server was taken")
		}
		if err := e.Send(1, vote(1)); err != nil {
			t.Errorf("a vote for oneself: %v", err)
		}
		big := vote(1)
		big.Config = make([]byte, wire.MaxElectionFrame)
		if err := e.Send(2, big); err == nil {
			t.Error("a vote larger than a frame was taken")
		}
		empty := vote(1)
		empty.Config = nil
		if err := e.Send(2, empty); err == nil {
			t.Error("a vote without configuration was taken: it kills the receiver of a Java server")
		}
		e.Close()
		if err := e.Send(2, vote(1)); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}
