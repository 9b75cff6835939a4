package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"zkctl/inject/history"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
	"zkctl/quorum"
)

// World is an ensemble, its clients, and everything around them, in one
// goroutine. Everything in it happens in an event of its queue, and all that is
// random comes from its seed.
type World struct {
	setup  Setup
	seed   uint64
	system *quorum.System

	now         time.Duration
	queue       eventQueue
	steps       int
	connections int64  // of clients, so far
	stream      uint64 // of random numbers, see random

	servers []*server // by id, from 1
	clients []*client
	network network
	conns   []*quorumConn
	oracle  *oracle
	plan    *plan
	calm    bool // faults are over: clients send only the write that must succeed

	violation *Violation
	log       *eventLog // nil: not recorded

	recording *recording // nil: what clients see is not written down

	// For scripts: called with what cores report, and with what servers send.
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

// fail records the first violation, which ends the run.
func (w *World) fail(invariant history.Promise, format string, args ...any) {
	if w.violation != nil {
		return
	}
	w.violation = &Violation{Invariant: string(invariant), Text: fmt.Sprintf(format, args...), At: w.now}
	w.note("VIOLATION of %s: %s", invariant, w.violation.Text)
}

// random returns a new generator. Everything that needs one has its own, so that
// removing a fault from a schedule does not change the random numbers of the rest.
func (w *World) random() *rand.Rand {
	w.stream++
	return rand.New(rand.NewPCG(w.seed, w.stream))
}

// after schedules an event that happens whatever servers crash until then.
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

// step runs the next event; false when there is none, or when a violation has
// ended the run.
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

// run runs all events within d.
func (w *World) run(d time.Duration) {
	for end := w.now + d; w.violation == nil; {
		if len(w.queue.heap) == 0 || w.queue.heap[0].at > end {
			w.now = end
			return
		}
		w.step()
	}
}

// until runs events until a condition holds, and tells whether it did within d.
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
