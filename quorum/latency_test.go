package quorum

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestGoldenCommitLatency(t *testing.T) {
	for _, g := range loadGolden(t).Commit {
		var ids []int64
		acks := map[int64]time.Duration{}
		for text, ms := range g.Ack {
			id, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
			if ms != nil {
				acks[id] = time.Duration(*ms * float64(time.Millisecond))
			}
		}
		s, err := NewMajority(ids...)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) == 9 { // "local majority + nearest remote majority": three groups of three
			if s, err = NewHierarchical(ids, []Group{{1, []int64{1, 2, 3}}, {2, []int64{4, 5, 6}}, {3, []int64{7, 8, 9}}}, nil); err != nil {
				t.Fatal(err)
			}
		}
		c, ok := CommitLatency(s, func(id int64) (time.Duration, bool) { d, up := acks[id]; return d, up })
		if ok != (g.Commit != nil) || ok && float64(c.After) != *g.Commit*float64(time.Millisecond) {
			t.Errorf("%s: %v %v, want %v ms", g.Case, c, ok, g.Commit)
		}
	}
}

// TestLatencyIsAvailability checks the identity that makes random latencies a
// question of availability: P(committed by t) is the availability when each
// voter is "up" with the probability that its acknowledgement has arrived by t.
// The expectation, integrated from it, meets the known order statistics of
// exponential times.
func TestLatencyIsAvailability(t *testing.T) {
	if testing.Short() {
		t.Skip("integrates over a hundred thousand availabilities; left out by -short")
	}
	expected := func(s *System) float64 {
		const step = 1.0 / 1024
		integral := 0.0
		for x := step / 2; x < 40; x += step { // midpoint rule
			p := Probability{-math.Expm1(-x), math.Exp(-x)}
			a, err := Available(s, Uniform(p))
			if err != nil {
				t.Fatal(err)
			}
			integral += a.Down() * step
		}
		return integral
	}
	for _, g := range loadGolden(t).Order.Exponential[:3] {
		m, _ := MajorityOf(g.N)
		if got := expected(m); !near(got, g.Float, 1e-6) {
			t.Errorf("n=%d: %v, want %v", g.N, got, g.Float)
		}
	}
	weighted, err := NewHierarchical([]int64{1, 2, 3, 4}, []Group{{1, []int64{1, 2, 3, 4}}}, map[int64]int64{1: 2})
	if err != nil {
		t.Fatal(err)
	}
	if got := expected(weighted); !near(got, 5.0/6, 1e-6) {
		t.Errorf("weights 2-1-1-1: %v, want 5/6", got)
	}
}

func TestLatenciesUnderEachLeader(t *testing.T) {
	ms := func(x float64) time.Duration { return time.Duration(x * float64(time.Millisecond)) }
	m, _ := MajorityOf(3)
	n := Network{
		RoundTrip: map[[2]int64]time.Duration{{1, 2}: ms(1), {1, 3}: ms(80), {2, 3}: ms(81)},
		Fsync:     map[int64]time.Duration{1: ms(40), 2: ms(2), 3: ms(2)},
	}
	all, err := Latencies(m, n)
	if err != nil {
		t.Fatal(err)
	}
	// Leader 1's disk is slow: server 2 and itself; 40 ms. Leader 3 is far from both.
	for i, want := range []time.Duration{ms(40), ms(41), ms(83)} {
		if l := all[i]; l.Commit == nil || *l.Commit != want.Seconds() || l.Leader != int64(i+1) {
			t.Errorf("leader %d: %+v, want %v", i+1, l, want)
		}
	}
	if w := all[0].Writes; !slices.Equal(w, []ServerLatency{{1, 0.04}, {2, 0.041}, {3, 0.12}}) {
		t.Errorf("writes through each server: %v", w)
	}
	// A leader with a slow disk commits without its own acknowledgement.
	n.RoundTrip[[2]int64{1, 3}] = ms(2)
	all, err = Latencies(m, n)
	if err != nil || *all[0].Commit != 0.004 || !slices.Equal(all[0].Acks, []int64{2, 3}) {
		t.Errorf("slow leader: %+v (%v)", all[0], err)
	}
	all, err = Latencies(m, n, 2, 3)
	if err != nil || len(all) != 1 || all[0].Commit != nil || len(all[0].Writes) > 0 {
		t.Errorf("two down: %+v (%v)", all, err)
	}
	delete(n.RoundTrip, [2]int64{2, 3})
	if _, err = Latencies(m, n); !errors.Is(err, ErrInvalid) || err.Error() != "no round trip between servers 2 and 3" {
		t.Errorf("missing round trip: %v", err)
	}
	if _, err = Latencies(m, n, 3); err != nil {
		t.Errorf("what is down needs no measurement: %v", err)
	}
	delete(n.Fsync, 2)
	if _, err = Latencies(m, n, 3); !errors.Is(err, ErrInvalid) {
		t.Errorf("missing fsync: %v", err)
	}
	light, err := NewHierarchical([]int64{1, 2, 3}, []Group{{1, []int64{1, 2, 3}}}, map[int64]int64{1: 0})
	if err != nil {
		t.Fatal(err)
	}
	n.Fsync[2] = ms(1)
	if all, err = Latencies(light, n, 3); err != nil || len(all) != 1 || all[0].Leader != 2 {
		t.Errorf("a server without weight never leads: %+v (%v)", all, err)
	}
}
