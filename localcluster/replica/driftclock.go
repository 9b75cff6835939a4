package replica

import "time"

// DriftClock is a clock that can be wrong. Monotonic time runs at a rate; the wall clock is off by Skew on top of that,
// and no server may depend on it. The zero DriftClock is right.
type DriftClock struct {
	Skew time.Duration

	since time.Duration // true time at which the rate changed last
	read  time.Duration // what the clock showed then
	rate  float64       // 0 is 1
}

// At is what the clock shows at a true time.
func (c *DriftClock) At(now time.Duration) time.Duration {
	return c.read + time.Duration(float64(now-c.since)*c.Rate())
}

// Rate is how fast the clock runs; 1 is right.
func (c *DriftClock) Rate() float64 {
	if c.rate == 0 {
		return 1
	}
	return c.rate
}

// SetRate changes how fast the clock runs from now on. It does not jump.
func (c *DriftClock) SetRate(now time.Duration, rate float64) {
	c.since, c.read, c.rate = now, c.At(now), rate
}

// Restart has the clock show 0 now, and leaves what is wrong with it.
func (c *DriftClock) Restart(now time.Duration) { c.since, c.read = now, 0 }
