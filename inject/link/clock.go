package link

import "time"

// Clock is the time that delays and rates are measured with.
type Clock interface {
	Now() time.Time
	// After delivers once when d has passed. A channel that nobody waits for
	// any longer is garbage, as with time.After.
	After(d time.Duration) <-chan time.Time
}

type wallClock struct{}

func (wallClock) Now() time.Time                         { return time.Now() }
func (wallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
