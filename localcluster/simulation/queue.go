package simulation

import "time"

// event is something that will happen. Two at the same instant happen in the
// order in which they were scheduled, so that a run has one order only.
type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

// eventQueue is a binary heap of future events. It does not use container/heap, because
// every packet and tick of every run passes through it.
type eventQueue struct {
	heap []event
	seq  uint64
}

func (q *eventQueue) push(at time.Duration, do func()) {
	q.seq++
	q.heap = append(q.heap, event{at, q.seq, do})
	i := len(q.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !q.before(i, parent) {
			break
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

// pop takes out the next event; ok is false when there is none.
func (q *eventQueue) pop() (next event, ok bool) {
	n := len(q.heap)
	if n == 0 {
		return event{}, false
	}
	next = q.heap[0]
	q.heap[0] = q.heap[n-1]
	q.heap[n-1] = event{} // let go of the closure
	q.heap = q.heap[:n-1]
	q.sink()
	return next, true
}

func (q *eventQueue) sink() {
	i := 0
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q.heap); child++ {
			if q.before(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}

func (q *eventQueue) before(i, j int) bool {
	a, b := &q.heap[i], &q.heap[j]
	if a.at != b.at {
		return a.at < b.at
	}
	return a.seq < b.seq
}
