package inject

import (
	"context"
	"time"
)

// Target is an ensemble that can be broken and mended.
//
// A fault carries all there is to know about it, so one method breaks
// everything; a target that has no power over a kind of thing refuses it with an *UnsupportedError and changes nothing.
type Target interface {
	// Members says who there is and what each of them is doing at this moment.
	Members(ctx context.Context) ([]Member, error)
	// Inject breaks something, and returns when it is broken. Of fault it reads
	// the kind and what belongs to that kind; it returns the record of it. The
	// target heals it when the lease is over, whatever has become of the
	// caller; a lease of 0 lasts until Heal.
	Inject(ctx context.Context, fault Fault, lease time.Duration) (Fault, error)
	// Heal mends, and returns what was mended. Having nothing to mend is fine.
	Heal(ctx context.Context, h Healing) ([]Fault, error)
}

// UnsupportedError is a fault that a target has no power to inject.
type UnsupportedError struct {
	Kind   Kind
	Reason string
}

func (e *UnsupportedError) Error() string {
	return "fault " + e.Kind.String() + " is not possible here: " + e.Reason
}
