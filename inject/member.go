package inject

import (
	"cmp"
	"fmt"
	"slices"
)

// Role is what a member is doing now, as selectors name it.
type Role uint8

const (
	// RoleNone is a member that serves no client: looking, down or paused. It
	// can be selected by id and by size.
	RoleNone Role = iota
	RoleLeader
	RoleFollower
	RoleObserver
)

func (r Role) String() string {
	switch r {
	case RoleNone:
		return "none"
	case RoleLeader:
		return "leader"
	case RoleFollower:
		return "follower"
	case RoleObserver:
		return "observer"
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// Member is one member as a selector sees it.
type Member struct {
	ID int64
	// Observer is how the member is configured, whether or not it is up; an
	// observer has no vote, so sizes do not count it.
	Observer bool
	Role     Role
	// Spared says that the action would change nothing for this member, such as
	// a kill of one that is down. A choice falls on it only when there are not
	// enough others.
	Spared bool
}

// sortedByID returns a sorted copy, so that no result depends on the order in
// which members were listed.
func sortedByID(members []Member) []Member {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return sorted
}

// idsOf lists the ids of those members that keep accepts.
func idsOf(members []Member, keep func(Member) bool) []int64 {
	var ids []int64
	for _, m := range members {
		if keep(m) {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

func isVoter(m Member) bool { return !m.Observer }
