package quorum

import (
	"slices"
)

// Joint is two systems at once: a set is a quorum only when it is one in both.
// That is the state of a reconfiguration in flight: from the proposal of
// the new configuration until its commit, ZooKeeper counts acknowledgements
// against the old and the new members (SyncedLearnerTracker.hasAllQuorums).
type Joint struct {
	old, new System
	ids      []int64
}

// NewJoint combines the old and the new configuration. O(n log n).
func NewJoint(old, new System) *Joint {
	ids := append(old.Voters(), new.Voters()...)
	slices.Sort(ids)
	return &Joint{old: old, new: new, ids: slices.Compact(ids)}
}

// Voters implements System: the voters of either configuration.
func (j *Joint) Voters() []int64 { return slices.Clone(j.ids) }

// IsQuorum implements System.
func (j *Joint) IsQuorum(up func(id int64) bool) bool {
	return j.old.IsQuorum(up) && j.new.IsQuorum(up)
}

// CanLead implements Eligible: whoever may lead in either configuration may be
// leading while the change is in flight.
func (j *Joint) CanLead(id int64) bool { return CanLead(j.old, id) || CanLead(j.new, id) }

func (j *Joint) forms() []form {
	position := make(map[int64]int, len(j.ids))
	for i, id := range j.ids {
		position[id] = i
	}
	var out []form
	for _, s := range []System{j.old, j.new} {
		f, ok := s.(former)
		if !ok {
			return nil
		}
		parts := f.forms()
		if len(parts) == 0 {
			return nil
		}
		for _, part := range parts {
			out = append(out, part.reindexed(j.ids, position))
		}
	}
	return out
}

// reindexed is the form over a larger set of voters.
func (f form) reindexed(ids []int64, position map[int64]int) form {
	wide := form{ids: ids, need: f.need}
	for _, g := range f.groups {
		wg := formGroup{need: g.need}
		for _, m := range g.members {
			wg.members = append(wg.members, formMember{position[f.ids[m.index]], m.weight})
		}
		wide.groups = append(wide.groups, wg)
	}
	return wide
}

// Oracle is ZooKeeper's QuorumOracleMaj at the moment when its oracle says yes:
// with exactly two voters, one of them alone may go on. With any other number of
// voters the oracle is never asked and this is a majority.
//
// Two quorums of this system need not meet: safety then rests on the oracle
// never saying yes to both sides.
type Oracle struct{ Majority }

// NewOracle builds the system over the given voters; see NewMajority for errors.
func NewOracle(ids ...int64) (*Oracle, error) {
	m, err := NewMajority(ids...)
	if err != nil {
		return nil, err
	}
	return &Oracle{*m}, nil
}

// Asked reports whether the oracle is ever asked: with exactly two voters.
func (o *Oracle) Asked() bool { return len(o.ids) == 2 }

// Size is the number of voters a quorum needs.
func (o *Oracle) Size() int {
	if o.Asked() {
		return 1
	}
	return o.Majority.Size()
}

// IsQuorum implements System.
func (o *Oracle) IsQuorum(up func(id int64) bool) bool {
	return o.Majority.IsQuorum(up) || o.Asked() && (up(o.ids[0]) || up(o.ids[1]))
}

func (o *Oracle) forms() []form { return []form{thresholdForm(o.ids, int64(o.Size()))} }

// Threshold is "any k of these". ZooKeeper cannot be configured like that; it is
// here for what-ifs such as Flexible.
type Threshold struct {
	ids  []int64
	size int
}

// NewThreshold builds the system in which any size of the voters are a quorum. Errors wrap
// ErrInvalid: a size below 1 or above the number of voters, and voters as for NewMajority.
// O(n log n).
func NewThreshold(size int, ids ...int64) (*Threshold, error) {
	sorted, err := voterSet(ids)
	if err != nil {
		return nil, err
	}
	if size < 1 || size > len(sorted) {
		return nil, invalidf("a quorum of %d out of %d voters", size, len(sorted))
	}
	return &Threshold{sorted, size}, nil
}

// Voters implements System.
func (t *Threshold) Voters() []int64 { return slices.Clone(t.ids) }

// IsQuorum implements System.
func (t *Threshold) IsQuorum(up func(id int64) bool) bool {
	missing := t.size
	for _, id := range t.ids {
		if up(id) {
			if missing--; missing == 0 {
				return true
			}
		}
	}
	return false
}

func (t *Threshold) forms() []form { return []form{thresholdForm(t.ids, int64(t.size))} }

// Flexible returns the two systems of Flexible Paxos (Howard et al., 2016) over
// the voters 1..n: commits need any commit voters, and elections as many as it takes
// to meet every commit quorum, n+1-commit. ZooKeeper cannot be configured like
// that; the pair shows what a choice would cost. Errors as NewThreshold. O(n).
func Flexible(n, commit int) (commits, elections *Threshold, err error) {
	m, err := MajorityOf(n)
	if err != nil {
		return nil, nil, err
	}
	if commits, err = NewThreshold(commit, m.ids...); err != nil {
		return nil, nil, err
	}
	elections, err = NewThreshold(n+1-commit, m.ids...)
	return commits, elections, err
}
