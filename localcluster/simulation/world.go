package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
	"zkctl/quorum"
)

// World is an ensemble, its clients, and everything around them, in one
// goroutine. Nothing in it happens but by an event of its queue, and nothing is
// random but by its seed.
type World struct {
	setup  Setup
	seed   uint64
	system *quorum.System

	now      time.Duration
	queue    eventQueue
	steps    int
	watchers int64  // connections of clients so far
	stream   uint64 // of random numbers, see random

	servers []*server // by id, from 1
	clients []*client
	network network
	conns   []*quorumConn
	oracle  *oracle
	plan    *plan
	calm    bool // faults are over: the clients do what ends a run

	violation *Violation
	log       *eventLog // nil: nobody reads it

	// For scripts: what cores report, and what servers send.
	watch func(*server, zab.Event)
	tap   func(from *server, p wire.QuorumPacket)
}

// Violation is an invariant that did not hold.
type Violation struct {
	Invariant string        // its name, as in the package documentation
	Text      string        // what was seen
	At        time.Duration // virtual time
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%s violated after %v: %s", v.Invariant, v.At, v.Text)
}

// fail records the first violation; everything after it is its consequence.
func (w *World) fail(invariant, format string, args ...any) {
	if w.violation != nil {
		return
	}
	w.violation = &Violation{Invariant: invariant, Text: fmt.Sprintf(format, args...), At: w.now}
	w.note("VIOLATION of %s: %s", invariant, w.violation.Text)
}

// random is a generator of its own for everything that needs one, so that
// taking a fault away from a schedule leaves the luck of the others as it was.
func (w *World) random() *rand.Rand {
	w.stream++
	return rand.New(rand.NewPCG(w.seed, w.stream))
}

// after schedules something that no crash prevents.
func (w *World) after(d time.Duration, do func()) { w.queue.push(w.now+d, do) }

// newWorld builds the ensemble; nothing runs yet.
func newWorld(seed uint64, setup Setup, log *eventLog) (*World, error) {
	system, err := setup.system()
	if err != nil {
		return nil, err
	}
	w := &World{setup: setup, seed: seed, system: system, log: log}
	w.oracle = newOracle(w)
	for _, id := range setup.servers() {
		w.servers = append(w.servers, newServer(w, id))
	}
	w.network.init(w)
	for i := range setup.Clients {
		w.clients = append(w.clients, newClient(w, i+1))
	}
	return w, nil
}

func (w *World) server(id zab.ServerID) *server {
	if id < 1 || int(id) > len(w.servers) {
		return nil
	}
	return w.servers[id-1]
}

// step lets the next event happen; false when there is none, or when the run
// is over because of a violation.
func (w *World) step() bool {
	if w.violation != nil {
		return false
	}
	next, ok := w.queue.pop()
	if !ok {
		return false
	}
	w.now = next.at
	next.do()
	w.steps++
	return w.violation == nil
}

// run lets everything happen that happens within d.
func (w *World) run(d time.Duration) {
	for end := w.now + d; w.violation == nil; {
		if len(w.queue.heap) == 0 || w.queue.heap[0].at > end {
			w.now = end
			return
		}
		w.step()
	}
}

// until lets things happen until a condition holds, and tells whether it did
// within d.
func (w *World) until(d time.Duration, holds func() bool) bool {
	end := w.now + d
	for w.violation == nil {
		if holds() {
			return true
		}
		if len(w.queue.heap) == 0 || w.queue.heap[0].at > end {
			w.now = end
			return false
		}
		w.step()
	}
	return false
}
