package probe

import (
	"context"
	"sync"
	"time"

	"zkctl/quorum"
)

// Surveyor asks the members of an ensemble how they are. Its zero value asks the least
// and is ready; it holds nothing between surveys and may be used concurrently.
type Surveyor struct {
	// System says which members make a quorum; nil is a majority of those servers that
	// are no observers.
	System *quorum.System
	// Timeout bounds what is asked of each member; 0 is DefaultTimeout.
	Timeout time.Duration
	// Metrics asks for mntr as well, where it is allowed.
	Metrics bool
	// Sessions opens a session at each member as well: a write, a read and a sync.
	Sessions bool
	// Dial opens the connections, nil meaning by TCP.
	Dial DialFunc
}

// Survey asks every server at once, each over its own client port, and judges the
// answers together. It returns when all have answered or failed, so after Timeout at
// the latest.
func Survey(ctx context.Context, servers []Server) *Report {
	s := Surveyor{Metrics: true}
	return s.Survey(ctx, servers)
}

// Survey is the function Survey with the surveyor's settings.
func (s *Surveyor) Survey(ctx context.Context, servers []Server) *Report {
	members := make([]Member, len(servers))
	var wg sync.WaitGroup
	for i, server := range servers {
		wg.Go(func() { members[i] = s.examine(ctx, server) })
	}
	wg.Wait()
	return Judge(members, s.System)
}

const (
	awaitFirst = 5 * time.Millisecond
	awaitLast  = 200 * time.Millisecond
)

// Await surveys again and again until the report satisfies what is waited for, and
// returns that report; or the last one with the context's error. The pauses grow, so
// that a quick start is seen at once, and a slow one is not asked too often.
func (s *Surveyor) Await(ctx context.Context, servers []Server, until func(*Report) bool) (*Report, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last *Report
	for pause := awaitFirst; ; pause = min(pause*3/2, awaitLast) {
		select {
		case <-ctx.Done():
			if last == nil {
				last = s.Survey(ctx, servers)
			}
			return last, ctx.Err()
		case <-timer.C:
		}
		report := s.Survey(ctx, servers)
		switch {
		case over(ctx):
			// A survey that ran out of time says nothing: all members would seem down.
			if last == nil {
				last = report
			}
			<-ctx.Done() // at once, if not already
			return last, ctx.Err()
		case until(report):
			return report, nil
		}
		last = report
		timer.Reset(pause)
	}
}

// over reports whether ctx has ended or its deadline has passed: connections obey the
// deadline itself, and may be earlier than the context's own timer.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

func (s *Surveyor) timeout() time.Duration {
	if s.Timeout <= 0 {
		return DefaultTimeout
	}
	return s.Timeout
}

func (s *Surveyor) dial() DialFunc {
	if s.Dial == nil {
		return dialTCP
	}
	return s.Dial
}
