package link

import "time"

// Clock is the time that delays and rates are measured with.
type Clock interface {
	Now() time.Time
	// After returns a channel that delivers once when d has passed, as
	// time.After does.
	After(d time.Duration) <-chan time.Time
}

type wallClock struct{}

func (wallClock) Now() time.Time                         { return time.Now() }
func (wallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
