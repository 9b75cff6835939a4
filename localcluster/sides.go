package localcluster

import (
	"slices"

	"zkctl/inject"
	"zkctl/inject/link"
	"zkctl/probe"
)

// Side is a group of members that a partition leaves together.
type Side struct {
	Members []int64 `json:"members"`
	// Quorum tells whether these members, with the bridge if there is one, are enough to elect a leader.
	Quorum bool `json:"quorum"`
	// Named is false when the partition did not name these members: they are a side of their own.
	Named bool `json:"named"`
}

// sides are the groups into which a partition divides the members. A bridge belongs to no group, and votes on
// every side.
func (s *Supervisor) sides(plan inject.Plan) []Side {
	together := slices.Concat(plan.Groups...)
	bridge := func(id int64) bool { return slices.Contains(plan.Members, id) && !slices.Contains(together, id) }
	var sides []Side
	for _, group := range plan.Groups {
		sides = append(sides, Side{
			Members: group,
			Quorum:  s.system.IsQuorum(func(id int64) bool { return slices.Contains(group, id) || bridge(id) }),
			Named:   len(plan.Members) == 0 || slices.ContainsFunc(group, func(id int64) bool { return slices.Contains(plan.Members, id) }),
		})
	}
	return sides
}

// CodeVotesOnly is the finding that only votes get through between members.
const CodeVotesOnly probe.Code = "votes-only"

// votesOnly explains an ensemble without a leader whose members go on electing one that they cannot
// follow: a fault cuts the quorum channel between voters and leaves the election channel open. Fast
// Leader Election counts votes, and does not know which server can be followed; ZooKeeper's servers do the same.
func votesOnly(faults []inject.Fault, voters []int64) []probe.Finding {
	cut := map[link.Lane]bool{}
	for _, f := range faults {
		for _, lane := range f.Links {
			cut[lane] = cut[lane] || f.Kind == inject.Cut
		}
	}
	var found []probe.Finding
	for _, f := range faults {
		var members []int64
		for _, lane := range f.Links {
			votes, back := lane, link.Lane{From: lane.To, To: lane.From, Channel: link.Election}
			votes.Channel = link.Election
			voting := slices.Contains(voters, lane.From) && slices.Contains(voters, lane.To)
			if f.Kind == inject.Cut && lane.Channel == link.Quorum && voting && !cut[votes] && !cut[back] {
				members = append(members, lane.From, lane.To)
			}
		}
		if len(members) == 0 {
			continue
		}
		slices.Sort(members)
		found = append(found, probe.Finding{
			Code: CodeVotesOnly, Members: slices.Compact(members),
			Text: "fault " + f.ID + " cuts only the quorum channel: votes get through, so that members elect a leader that they cannot follow, " +
				"again and again, until it is healed",
		})
	}
	return found
}
