package replica

import (
	"testing"
	"time"
)

func TestDriftClock(t *testing.T) {
	var c DriftClock
	shows := func(now, want time.Duration) {
		t.Helper()
		if got := c.At(now); got != want {
			t.Errorf("at %v it shows %v, want %v", now, got, want)
		}
	}
	shows(3*time.Second, 3*time.Second)
	c.SetRate(4*time.Second, 0.5)
	shows(4*time.Second, 4*time.Second)
	shows(6*time.Second, 5*time.Second)
	c.Restart(6 * time.Second)
	shows(8*time.Second, time.Second)
	c.SetRate(8*time.Second, 1)
	shows(9*time.Second, 2*time.Second)
	if c.Rate() != 1 {
		t.Errorf("rate %v", c.Rate())
	}
}
