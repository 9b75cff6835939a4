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

// Lint returns what is unwise about a system, the gravest first. Errors as
// GuaranteedTolerance. O(n log n). Source: what ZooKeeper warns of itself (even sizes, two
// voters), and what the other functions of this package find.
func Lint(s System) ([]Warning, error) {
	t, err := GuaranteedTolerance(s)
	if err != nil {
		return nil, err
	}
	var ws []Warning
	warn := func(c Code, format string, args ...any) { ws = append(ws, Warning{c, fmt.Sprintf(format, args...)}) }
	voters := s.Voters()
	if t < 0 {
		warn(UnreachableQuorum, "Not even all %d voters together are a quorum: the ensemble can never elect a leader.", len(voters))
	}
	if h, ok := s.(*Hierarchical); ok {
		h.lint(warn)
	}
	if t == 0 {
		switch len(voters) {
		case 1:
			warn(NoTolerance, "One server tolerates no failure; three tolerate one.")
		case 2:
			warn(NoTolerance, "Two servers tolerate no failure and fail twice as often as one; three tolerate one.")
		default:
			warn(NoTolerance, "The loss of one server, if it is the wrong one, is the loss of the quorum.")
		}
	}
	if points := SinglePoints(s); len(points) > 0 {
		warn(SinglePoint, "Without %s the others are no quorum.", oneOf(points))
	}
	if _, ok := s.(*Majority); ok && len(voters) == 2 {
		warn(EvenEnsemble, "2 voters tolerate 0, as 1 does, and both must be up: less available than one server. Use 3.")
	} else if n := len(voters); ok && n%2 == 0 {
		warn(EvenEnsemble, "%d voters tolerate %d, exactly what %d do, and are less available: there is one more server to fail. Use %d or %d.",
			n, max(0, t), n-1, n-1, n+1)
	}
	return ws, nil
}

// lint warns of what only groups and weights can do.
func (h *Hierarchical) lint(warn func(c Code, format string, args ...any)) {
	for _, g := range h.groups {
		if g.phantom > 0 {
			warn(ObserverInGroup, "Group %d gives weight %d of %d to servers that are no voters (%s): it counts for the group's majority, "+
				"and they never acknowledge. Take them out of the group.", g.id, g.phantom, g.total, idList(g.strangers))
		}
	}
	if len(h.zeroed) > 0 {
		effect := fmt.Sprintf("of the %d others %d must have their majority", len(h.groups), h.needed)
		if len(h.groups) == 0 {
			effect = "no group is left"
		}
		warn(ZeroWeight, "%s weighs nothing and does not count as a group: %s.", capital(groupNames(h.zeroed)), effect)
	}
	var weightless []int64
	for _, id := range h.voters {
		if h.weight[id] == 0 && !h.inZeroed[id] {
			weightless = append(weightless, id)
		}
	}
	if len(weightless) > 0 {
		warn(ZeroWeight, "Weight 0: %s can neither lead nor help a quorum; an observer costs less.", idNames(weightless))
	}
	if len(h.groups) > 1 && len(h.groups)%2 == 0 {
		warn(TwoGroups, "Of %d groups %d must have their majority, so they tolerate the loss of %s, as %d would. Use an odd number of groups.",
			len(h.groups), h.needed, plural(len(h.groups)-h.needed, "group"), len(h.groups)-1)
	}
	if len(h.unused) > 0 {
		warn(UnusedWeight, "Weights of %s have no effect: they are in no group.", idNames(h.unused))
	}
}

// LintZones warns of zones that a quorum does not survive, from the report that Zones made of them.
func LintZones(zones []Zone, r ZoneReport) []Warning {
	var ws []Warning
	for i, z := range zones {
		if !r.Survives[i] {
			ws = append(ws, Warning{ZoneFatal, fmt.Sprintf("The loss of zone %s is the loss of the quorum: spread the voters over three zones or more, "+
				"none of which holds half of them.", z.Name)})
		}
	}
	return ws
}

func oneOf(ids []int64) string {
	if len(ids) == 1 {
		return fmt.Sprintf("server %d", ids[0])
	}
	return "any one of servers " + idList(ids)
}

func idNames(ids []int64) string {
	if len(ids) == 1 {
		return fmt.Sprintf("server %d", ids[0])
	}
	return "servers " + idList(ids)
}

func groupNames(ids []int64) string {
	if len(ids) == 1 {
		return fmt.Sprintf("group %d", ids[0])
	}
	return "each of groups " + idList(ids)
}

// idList writes ids as 1-3, 7.
func idList(ids []int64) string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	var parts []string
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && ids[j+1] == ids[j]+1 {
			j++
		}
		if j-i >= 2 {
			parts = append(parts, fmt.Sprintf("%d-%d", ids[i], ids[j]))
		} else {
			for _, id := range ids[i : j+1] {
				parts = append(parts, fmt.Sprint(id))
			}
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

func plural(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
