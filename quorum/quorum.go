package quorum

import (
	"slices"
)

// System is a quorum system: which sets of servers are enough to elect a leader
// and to commit a proposal. Systems are immutable and safe for concurrent use.
//
// IsQuorum must be monotone (adding servers never loses a quorum); the
// calculations of this package rely on it.
type System interface {
	// Voters returns the ids whose votes and acknowledgements count, ascending.
	// The slice is the caller's own.
	Voters() []int64

	// IsQuorum reports whether the servers for which up returns true form a
	// quorum. Ids that are no voters are never asked for. It allocates nothing
	// and costs one call of up for each voter at most, because the
	// engine asks at every vote and every acknowledgement.
	IsQuorum(up func(id int64) bool) bool
}

// Eligible is implemented by systems in which some voters may not lead.
// ZooKeeper gives weight-0 servers a vote but never the leadership
// (FastLeaderElection.totalOrderPredicate compares nothing when the candidate
// weighs 0).
type Eligible interface {
	CanLead(id int64) bool
}

// CanLead reports whether id may become leader under s: a voter and, when the
// system knows weights, one that weighs more than zero.
func CanLead(s System, id int64) bool {
	if e, ok := s.(Eligible); ok {
		return e.CanLead(id)
	}
	return slices.Contains(s.Voters(), id)
}

// Has reports whether ids, as a set, form a quorum of s. It is a convenience
// for tools; the engine calls IsQuorum with a function over its own tables.
func Has(s System, ids ...int64) bool {
	return s.IsQuorum(func(id int64) bool { return slices.Contains(ids, id) })
}

// Majority is ZooKeeper's default: strictly more than half of the voters.
type Majority struct {
	ids []int64 // ascending, distinct, at least one
}

// NewMajority builds the majority system over the given voters, in any order.
// It refuses an empty list, a negative id (ZooKeeper uses those for observers
// that were configured without one) and an id given twice: errors wrap ErrInvalid. O(n log n).
func NewMajority(ids ...int64) (*Majority, error) {
	sorted, err := voterSet(ids)
	if err != nil {
		return nil, err
	}
	return &Majority{ids: sorted}, nil
}

// MajorityOf returns the majority system over the voters 1..n; errors wrap ErrInvalid for
// n below 1. O(n).
func MajorityOf(n int) (*Majority, error) {
	if n < 1 {
		return nil, invalidf("%d voters: an ensemble needs at least one", n)
	}
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(i) + 1
	}
	return &Majority{ids: ids}, nil
}

// Voters implements System.
func (m *Majority) Voters() []int64 { return slices.Clone(m.ids) }

// Size is the number of voters a quorum needs: floor(n/2)+1. Not ceil(n/2),
// which would let two halves of an even ensemble decide differently.
func (m *Majority) Size() int { return len(m.ids)/2 + 1 }

// CanLead implements Eligible: every voter may. O(log n), no allocation.
func (m *Majority) CanLead(id int64) bool {
	_, voter := slices.BinarySearch(m.ids, id)
	return voter
}

// IsQuorum implements System.
func (m *Majority) IsQuorum(up func(id int64) bool) bool {
	missing := m.Size()
	for _, id := range m.ids {
		if up(id) {
			if missing--; missing == 0 {
				return true
			}
		}
	}
	return false
}

// voterSet checks and sorts a list of voter ids.
func voterSet(ids []int64) ([]int64, error) {
	if len(ids) == 0 {
		return nil, invalidf("no voters: an ensemble needs at least one")
	}
	sorted := slices.Clone(ids)
	slices.Sort(sorted)
	if sorted[0] < 0 {
		return nil, invalidf("server id %d: ids are zero or more", sorted[0])
	}
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return nil, invalidf("server id %d is listed twice", sorted[i])
		}
	}
	return sorted, nil
}
