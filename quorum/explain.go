package quorum

import (
	"fmt"
	"slices"
	"strings"
)

// Code names a kind of warning. The texts may change, the codes do not.
type Code string

// What ZooKeeper accepts although it hurts.
const (
	EvenEnsemble      Code = "even-ensemble"
	NoTolerance       Code = "no-tolerance"
	SinglePoint       Code = "single-point-of-failure"
	ZoneFatal         Code = "zone-fatal"
	ObserverInGroup   Code = "observer-in-group"
	ZeroWeight        Code = "zero-weight"
	UnreachableQuorum Code = "unreachable-quorum"
	TwoGroups         Code = "two-groups"
	UnusedWeight      Code = "unused-weight"
	SharedHost        Code = "shared-host"       // of a configuration: see zoocfg
	DuplicateAddress  Code = "duplicate-address" // likewise
)

// Warning is something that ZooKeeper accepts and that hurts, with advice.
type Warning struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

// Lint returns what is unwise about a system, the gravest first. Source: what ZooKeeper warns of
// itself (even sizes, two voters), and what the other functions of this package find.
func Lint(s *System) []Warning {
	t := GuaranteedTolerance(s)
	var ws []Warning
	warn := func(c Code, format string, args ...any) { ws = append(ws, Warning{c, fmt.Sprintf(format, args...)}) }
	n := len(s.voters)
	if t < 0 {
		warn(UnreachableQuorum, "Not even all %d voters together are a quorum: the ensemble can never elect a leader.", n)
	}
	if s.kind == Weighted || s.kind == Hierarchical {
		s.lintGroups(warn)
	}
	if t == 0 {
		switch n {
		case 1:
			warn(NoTolerance, "One server tolerates no failure; three tolerate one.")
		case 2:
			warn(NoTolerance, "Two servers tolerate no failure and fail twice as often as one; three tolerate one.")
		default:
			warn(NoTolerance, "The loss of one server, if it is the wrong one, is the loss of the quorum.")
		}
	}
	switch points := SinglePoints(s); len(points) {
	case 0:
	case 1:
		warn(SinglePoint, "Without %s the others are no quorum.", idNames(points))
	default:
		warn(SinglePoint, "Without any one of %s the others are no quorum.", idNames(points))
	}
	switch {
	case s.kind != Majority || n%2 == 1:
	case n == 2:
		warn(EvenEnsemble, "2 voters tolerate 0, as 1 does, and both must be up: less available than one server. Use 3.")
	default:
		warn(EvenEnsemble, "%d voters tolerate %d, exactly what %d do, and are less available: there is one more server to fail. Use %d or %d.",
			n, max(0, t), n-1, n-1, n+1)
	}
	return ws
}

// lintGroups warns of what only groups and weights can do.
func (s *System) lintGroups(warn func(c Code, format string, args ...any)) {
	c := s.configs[0]
	var zeroed, weightless []int64
	grouped := map[int64]bool{}
	for _, g := range c.declared {
		var total, nonVoterWeight int64
		var nonVoters, light []int64
		for _, id := range g.Members {
			grouped[id] = true
			w := weightOf(c.weights, id)
			total += w
			if !slices.Contains(s.voters, id) {
				nonVoterWeight, nonVoters = nonVoterWeight+w, append(nonVoters, id)
			} else if w == 0 {
				light = append(light, id)
			}
		}
		if nonVoterWeight > 0 {
			warn(ObserverInGroup, "Group %d gives weight %d of %d to servers that are no voters (%s): it counts for the group's majority, "+
				"and they never acknowledge. Take them out of the group.", g.ID, nonVoterWeight, total, IDList(nonVoters))
		}
		if total == 0 && len(g.Members) > 0 {
			zeroed = append(zeroed, g.ID)
		} else {
			weightless = append(weightless, light...)
		}
	}
	if len(zeroed) > 0 {
		effect := fmt.Sprintf("of the %d others %d must have their majority", len(c.groups), c.need)
		if len(c.groups) == 0 {
			effect = "no group is left"
		}
		name := fmt.Sprintf("Group %d", zeroed[0])
		if len(zeroed) > 1 {
			name = "Each of groups " + IDList(zeroed)
		}
		warn(ZeroWeight, "%s weighs nothing and does not count as a group: %s.", name, effect)
	}
	if len(weightless) > 0 {
		warn(ZeroWeight, "Weight 0: %s can neither lead nor help a quorum; an observer costs less.", idNames(weightless))
	}
	if n := len(c.groups); n > 1 && n%2 == 0 {
		warn(TwoGroups, "Of %d groups %d must have their majority, so they tolerate the loss of %s, as %d would. Use an odd number of groups.",
			n, c.need, Plural(n-c.need, "group"), n-1)
	}
	if unused := slices.DeleteFunc(sortedKeys(c.weights), func(id int64) bool { return grouped[id] }); len(unused) > 0 {
		warn(UnusedWeight, "Weights of %s have no effect: they are in no group.", idNames(unused))
	}
}

// LintZones warns of zones that a quorum does not survive, from the report that Zones made of them.
func LintZones(zones []Zone, r ZoneReport) []Warning {
	var ws []Warning
	for _, z := range zones {
		if !r.Survives[z.Name] {
			ws = append(ws, Warning{ZoneFatal, fmt.Sprintf("The loss of zone %s is the loss of the quorum: spread the voters over three zones or more, "+
				"none of which holds half of them.", z.Name)})
		}
	}
	return ws
}

func idNames(ids []int64) string {
	if len(ids) == 1 {
		return fmt.Sprintf("server %d", ids[0])
	}
	return "servers " + IDList(ids)
}

// IDList writes ids as 1-3, 7; in the given order, which may mean something.
func IDList(ids []int64) string {
	var parts []string
	for i, j := 0, 0; i < len(ids); i = j {
		for j = i + 1; j < len(ids) && ids[j] == ids[j-1]+1; {
			j++
		}
		if j-i > 2 {
			parts = append(parts, fmt.Sprintf("%d-%d", ids[i], ids[j-1]))
			continue
		}
		for _, id := range ids[i:j] {
			parts = append(parts, fmt.Sprint(id))
		}
	}
	return strings.Join(parts, ", ")
}

// Plural writes "no group", "1 group", "2 groups".
func Plural(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
