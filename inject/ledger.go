package inject

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ledger records the faults of one ensemble: what is broken, until when.
//
//	Add --> active --Expire, Heal, Recover or End--> ended (returned, and forgotten)
//	          ^  |
//	          +--+ Postpone: the lease is over, and the fault could not be ended
//
// A Ledger is a record only: its owner breaks and mends what it says, and calls
// Expire at Next. A copy of a Ledger is independent of it, so a dry run asks a
// copy. The zero Ledger is ready; it is not safe for use by several goroutines
// at a time.
type Ledger struct {
	issued int     // ids so far: f1 to f<issued>
	active []Fault // in the order they were added
}

// Healing says which faults should end: those with the IDs, else the partitions
// and slow links, which Members and Processes make fewer or more.
type Healing struct {
	IDs []string `json:"ids,omitempty"`
	// Members leaves only faults that were aimed at one of them.
	Members []int64 `json:"members,omitempty"`
	// Processes ends faults of processes as well.
	Processes bool `json:"processes,omitempty"`
}

// Add records a fault and returns the record. lease is how long it lasts; 0 is
// until it is healed.
func (l *Ledger) Add(f Fault, now time.Time, lease time.Duration) Fault {
	f = f.clone()
	slices.Sort(f.Members)
	f.Links = normalLanes(f.Links)
	l.issued++
	f.ID = fmt.Sprintf("f%d", l.issued)
	f.Since, f.Until = now, nil
	if lease > 0 {
		until := now.Add(lease)
		f.Until = &until
	}
	l.active = append(l.active, f)
	return f.clone()
}

// Resume makes the next fault f<issued+1>, for an ensemble whose earlier ledger
// has issued so many ids.
func (l *Ledger) Resume(issued int) { l.issued = max(l.issued, issued) }

// Expire ends the faults whose lease is over, and returns them. One that was
// postponed ends at the time given to Postpone.
func (l *Ledger) Expire(now time.Time) []Fault {
	return l.end(func(f Fault) bool { return f.Until != nil && !now.Before(f.due()) })
}

// Postpone lets a fault whose lease is over end later, for a reason. It returns
// the fault, and whether this is the first time.
func (l *Ledger) Postpone(id string, until time.Time, reason string) (late Fault, first bool) {
	l.active = slices.Clone(l.active)
	for i, f := range l.active {
		if f.ID == id {
			first = f.Overdue == ""
			l.active[i].retry, l.active[i].Overdue = until, reason
			return l.active[i].clone(), first
		}
	}
	return Fault{}, false
}

// End takes members out of one fault, because they run again. A fault that has
// no member left, or that is about links, has ended, and is returned.
func (l *Ledger) End(id string, members []int64) (ended Fault, ok bool) {
	l.active = slices.Clone(l.active)
	for i, f := range l.active {
		if f.ID != id {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(f.Members), func(m int64) bool { return slices.Contains(members, m) })
		if f.Kind.ofMembers() && len(rest) > 0 {
			l.active[i].Members = rest
			return Fault{}, false
		}
		l.active = slices.Delete(l.active, i, i+1)
		return f, true
	}
	return Fault{}, false
}

// Heal ends faults by request, and returns them. An id of a fault that has ended
// already is fine: its lease may have run out while the command was typed.
// unknown lists the ids that no fault ever had.
func (l *Ledger) Heal(h Healing) (ended []Fault, unknown []string) {
	if len(h.IDs) == 0 {
		return l.end(func(f Fault) bool {
			aimed := func(id int64) bool { return slices.Contains(f.Members, id) }
			return (h.Processes || !f.Kind.Process()) && (len(h.Members) == 0 || slices.ContainsFunc(h.Members, aimed))
		}), nil
	}
	for _, id := range h.IDs {
		if !l.known(id) {
			unknown = append(unknown, id)
		}
	}
	return l.end(func(f Fault) bool { return slices.Contains(h.IDs, f.ID) }), unknown
}

// known reports whether a fault was ever given this id.
func (l *Ledger) known(id string) bool {
	number, ok := strings.CutPrefix(id, "f")
	n, err := strconv.Atoi(number)
	return ok && err == nil && 1 <= n && n <= l.issued && number == strconv.Itoa(n)
}

// Recover takes a member out of all faults of a kind, for instance when a user
// starts a killed member. Faults that have no member left have ended, and are
// returned.
func (l *Ledger) Recover(kind Kind, member int64) []Fault {
	l.active = slices.Clone(l.active)
	for i, f := range l.active {
		if f.Kind == kind && len(f.Members) > 1 {
			l.active[i].Members = slices.DeleteFunc(slices.Clone(f.Members), func(id int64) bool { return id == member })
		}
	}
	return l.end(func(f Fault) bool { return f.Kind == kind && slices.Equal(f.Members, []int64{member}) })
}

// end removes and returns the faults that over accepts.
func (l *Ledger) end(over func(Fault) bool) []Fault {
	var ended, active []Fault
	for _, f := range l.active {
		if over(f) {
			ended = append(ended, f)
		} else {
			active = append(active, f)
		}
	}
	l.active = active
	return ended
}

// Active lists the faults that have not ended, oldest first.
func (l *Ledger) Active() []Fault {
	active := make([]Fault, len(l.active))
	for i, f := range l.active {
		active[i] = f.clone()
	}
	return active
}

// Next is when the next lease runs out; false when none will.
func (l *Ledger) Next() (time.Time, bool) {
	var next time.Time
	for _, f := range l.active {
		if f.Until != nil && (next.IsZero() || f.due().Before(next)) {
			next = f.due()
		}
	}
	return next, !next.IsZero()
}
