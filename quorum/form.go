package quorum

// form is the shape that all systems of this package share, and on which the
// polynomial algorithms work: groups that each need some weight, and a
// number of groups that must have it.
//
//	majority of 5      one group of five members of weight 1, needing 3; 1 group needed
//	weighted           one group, needing floor(W/2)+1
//	hierarchical       G groups; floor(G/2)+1 of them needed
//
// A conjunction (Joint) is a list of them; see forms.
type form struct {
	ids    []int64 // the voters, ascending
	groups []formGroup
	need   int // how many groups must have their weight; >= 1
}

type formGroup struct {
	members []formMember // of weight above zero
	need    int64        // the weight that makes the group count; >= 1
}

type formMember struct {
	index  int // into form.ids
	weight int64
}

// former is implemented by the systems that have forms: all must hold.
type former interface{ forms() []form }

// single returns the form of a system that has exactly one.
func single(s System) (form, bool) {
	f, ok := s.(former)
	if !ok {
		return form{}, false
	}
	all := f.forms()
	if len(all) != 1 {
		return form{}, false
	}
	return all[0], true
}

// weight is what the group's members weigh together. It cannot overflow:
// NewHierarchical refuses groups that would.
func (g formGroup) weight() int64 {
	var sum int64
	for _, m := range g.members {
		sum += m.weight
	}
	return sum
}

// bar is the weight whose failure takes the group's majority away; zero or less
// when the group never has one.
func (g formGroup) bar() int64 { return g.weight() - g.need + 1 }

func (g formGroup) reachable() bool { return g.weight() >= g.need }

// weights returns the members' weights.
func (g formGroup) weights() []int64 {
	ws := make([]int64, len(g.members))
	for i, m := range g.members {
		ws[i] = m.weight
	}
	return ws
}

// reachable counts the groups that can have their majority.
func (f form) reachable() int {
	n := 0
	for _, g := range f.groups {
		if g.reachable() {
			n++
		}
	}
	return n
}

// toBlock is how many reachable groups must fall to leave no quorum; zero or
// less when there is none to begin with.
func (f form) toBlock() int { return f.reachable() - f.need + 1 }

// toBlockAny is how many groups must be down to leave no quorum, those counted that
// can never be up.
func (f form) toBlockAny() int { return len(f.groups) - f.need + 1 }

func (m *Majority) forms() []form {
	return []form{thresholdForm(m.ids, int64(m.Size()))}
}

func thresholdForm(ids []int64, need int64) form {
	g := formGroup{need: need, members: make([]formMember, len(ids))}
	for i := range ids {
		g.members[i] = formMember{index: i, weight: 1}
	}
	return form{ids: ids, groups: []formGroup{g}, need: 1}
}

func (h *Hierarchical) forms() []form {
	f := form{ids: h.voters, need: h.needed}
	index := make(map[int64]int, len(h.voters))
	for i, id := range h.voters {
		index[id] = i
	}
	for _, g := range h.groups {
		fg := formGroup{need: g.total/2 + 1}
		for _, m := range g.members {
			fg.members = append(fg.members, formMember{index[m.id], m.weight})
		}
		f.groups = append(f.groups, fg)
	}
	return []form{f}
}

// Without returns what is left of a system when some of its voters have failed:
// the others are its voters, and the thresholds stay where they were, because a
// failed server is still a member. It answers "and then?": Tolerance(Without(s,
// 1)) is what s tolerates once server 1 is gone. Errors wrap ErrInvalid: ids that are no voters of s.
// O(n). Source: the thresholds of QuorumMaj and QuorumHierarchical do not look at who is up.
func Without(s System, failed ...int64) (System, error) {
	down := make(map[int64]bool, len(failed))
	for _, id := range failed {
		down[id] = true
	}
	d := &degraded{whole: s, down: down}
	known := 0
	for _, id := range s.Voters() {
		if down[id] {
			known++
		} else {
			d.ids = append(d.ids, id)
		}
	}
	if known < len(down) {
		return nil, unknownVoter(s, failed)
	}
	return d, nil
}

func unknownVoter(s System, ids []int64) error {
	voter := map[int64]bool{}
	for _, id := range s.Voters() {
		voter[id] = true
	}
	for _, id := range ids {
		if !voter[id] {
			return invalidf("server %d is not a voter", id)
		}
	}
	return nil
}

// degraded is a system some of whose voters have failed.
type degraded struct {
	whole System
	down  map[int64]bool
	ids   []int64
}

func (d *degraded) Voters() []int64 { return append([]int64(nil), d.ids...) }

func (d *degraded) IsQuorum(up func(id int64) bool) bool {
	return d.whole.IsQuorum(func(id int64) bool { return !d.down[id] && up(id) })
}

func (d *degraded) CanLead(id int64) bool { return !d.down[id] && CanLead(d.whole, id) }

// forms are those of the whole, without the members that are down.
func (d *degraded) forms() []form {
	f, ok := d.whole.(former)
	if !ok {
		return nil
	}
	position := make(map[int64]int, len(d.ids))
	for i, id := range d.ids {
		position[id] = i
	}
	var out []form
	for _, whole := range f.forms() {
		left := form{ids: d.ids, need: whole.need}
		for _, g := range whole.groups {
			fg := formGroup{need: g.need}
			for _, m := range g.members {
				if i, up := position[whole.ids[m.index]]; up {
					fg.members = append(fg.members, formMember{i, m.weight})
				}
			}
			left.groups = append(left.groups, fg)
		}
		out = append(out, left)
	}
	return out
}
