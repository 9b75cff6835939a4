package quorum

import (
	"fmt"
	"time"
)

// Timing is what a configuration says about time. ZooKeeper's defaults are a tick of 3 s and
// session timeouts from 2 to 20 ticks; initLimit and syncLimit have none.
type Timing struct {
	Tick       time.Duration // tickTime
	InitLimit  int           // ticks for a follower to connect and synchronise
	SyncLimit  int           // ticks of silence until a peer is given up
	MinSession time.Duration // minSessionTimeout; 0: 2 ticks
	MaxSession time.Duration // maxSessionTimeout; 0: 20 ticks
}

// Span is a time from the least to the most that it takes.
type Span struct{ Least, Most time.Duration }

func (s Span) plus(t Span) Span { return Span{s.Least + t.Least, s.Most + t.Most} }

// MarshalJSON writes both in seconds.
func (s Span) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"min":%v,"max":%v}`, s.Least.Seconds(), s.Most.Seconds()), nil
}

// Budget is how long writes are unavailable after the leader meets a fault.
type Budget struct {
	Detect Span `json:"detect_seconds"` // until the followers are looking for a leader
	Elect  Span `json:"elect_seconds"`  // until one of them is elected
	Sync   Span `json:"sync_seconds"`   // until a quorum has its history, and it serves
	Total  Span `json:"total_seconds"`
	// StepDown is when the old leader stops serving reads and believing in itself; zero when it
	// is dead.
	StepDown Span `json:"step_down_seconds,omitzero"`
}

// Budgets are the budgets of the three ways to lose a leader.
type Budgets struct {
	Crash         Budget        `json:"crash"`     // the process dies; its sockets are reset
	Hang          Budget        `json:"hang"`      // it stops without a word: a pause, a dead machine, a cable
	Partition     Budget        `json:"partition"` // it lives, cut off with a minority
	Session       time.Duration `json:"-"`         // the timeout that the server grants: as asked, clamped
	ClientNotices time.Duration `json:"-"`         // when a client gives up a silent server: two thirds of it
}

// finalizeWait is how long FastLeaderElection waits for a better vote after the last one that
// completed a quorum. It is a floor for every election.
const finalizeWait = 200 * time.Millisecond

// RecoveryBudget computes the worst cases that follow from the configured limits, for a session
// timeout that clients ask for (0: the largest).
//
//   - Detection. A crash resets connections: at once. A silent leader is given up syncLimit ticks
//     after its last message, and it pings every half tick; so half a tick less at best. An
//     isolated leader counts the silence of its followers the same way, and looks once a tick.
//   - Election. No less than 200 ms; the worst case here is one more such wait, because a better
//     vote that arrives late restarts it. Nothing bounds it when votes are lost.
//   - Synchronisation is bounded by initLimit ticks; what takes longer is given up, and a new
//     election begins. Its floor is not known from the configuration and taken as zero.
//
// Errors wrap ErrInvalid for a tick, limit or session that is not above zero, and for a smallest
// session timeout above the largest. Source: FastLeaderElection.finalizeWait; the socket
// timeouts of Learner and LearnerHandler; Leader.lead.
func RecoveryBudget(t Timing, session time.Duration) (Budgets, error) {
	low, high := t.MinSession, t.MaxSession
	if low == 0 {
		low = 2 * t.Tick
	}
	if high == 0 {
		high = 20 * t.Tick
	}
	if session == 0 {
		session = high
	}
	switch {
	case t.Tick <= 0:
		return Budgets{}, invalidf("tickTime %v is not above zero", t.Tick)
	case t.InitLimit <= 0 || t.SyncLimit <= 0:
		return Budgets{}, invalidf("initLimit %d and syncLimit %d must be above zero", t.InitLimit, t.SyncLimit)
	case session < 0:
		return Budgets{}, invalidf("session timeout %v is below zero", session)
	case low > high:
		return Budgets{}, invalidf("minSessionTimeout %v is above maxSessionTimeout %v", low, high)
	}
	silence := time.Duration(t.SyncLimit) * t.Tick
	noticed := Span{silence - t.Tick/2, silence}
	budget := func(detect, stepDown Span) Budget {
		b := Budget{Detect: detect, Elect: Span{finalizeWait, 2 * finalizeWait}, Sync: Span{0, time.Duration(t.InitLimit) * t.Tick}, StepDown: stepDown}
		b.Total = b.Detect.plus(b.Elect).plus(b.Sync)
		return b
	}
	granted := min(max(session, low), high)
	return Budgets{
		Crash: budget(Span{}, Span{}), Hang: budget(noticed, Span{}), Partition: budget(noticed, Span{silence - t.Tick/2, silence + t.Tick}),
		Session: granted, ClientNotices: granted * 2 / 3,
	}, nil
}
