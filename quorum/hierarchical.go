package quorum

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Group is one group of a hierarchical system, as group.ID=a:b:c declares it.
type Group struct {
	ID      int64
	Members []int64 // ids, of voters or of others; the latter weigh in but never ack
}

// Hierarchical is ZooKeeper's QuorumHierarchical: a quorum holds a strict
// majority of the weight in each of a strict majority of the groups. Groups
// whose weight is zero do not exist for it; a group without any member does, and
// never has a majority. One single group is plain weighted voting.
//
//	group.1=1:2:3   group.2=4:5:6   group.3=7:8:9
//	     x x .           x . x           . . .       two of three groups: a quorum
type Hierarchical struct {
	voters []int64 // ascending, distinct
	groups []weightedGroup
	weight map[int64]int64 // of voters only
	// needed is how many groups must have their majority: floor(G/2)+1 over the
	// G groups that weigh anything. With G = 0 it is 1, which nothing reaches.
	needed int

	// For warnings only.
	declared int            // groups, weightless ones included
	zeroed   []int64        // groups that weigh nothing, ascending
	inZeroed map[int64]bool // voters in them
	unused   []int64        // ids with a weight and no group, ascending
}

// weightedGroup is a Group of non-zero weight, seen by its voters.
type weightedGroup struct {
	id        int64
	members   []weighted // voters with a weight above zero, ascending by id
	total     int64      // of all that are listed, phantoms included
	phantom   int64      // the part of total that observers and unknown ids hold
	strangers []int64    // those ids
}

type weighted struct {
	id     int64
	weight int64 // > 0
}

// NewHierarchical builds the system that ZooKeeper builds from group.N and
// weight.N lines. Every voter must stand in exactly one group; a weight not
// given is 1. A group may list ids that are no voters when they have a weight:
// ZooKeeper accepts that, and their weight raises the group's threshold though
// they never acknowledge (Lint warns of it).
//
// Errors wrap ErrRefused where ZooKeeper refuses to start (a voter in no group or in two,
// a non-voter in a group without a weight, no voter at all), and only ErrInvalid for what
// ZooKeeper would compute nonsense with: negative weights, a group whose weights add up
// beyond 64 bits, an id or a group listed twice. They are *ConfigErrors where a key is to
// blame. O(n log n). Source: QuorumHierarchical.parse and computeGroupWeight.
func NewHierarchical(voters []int64, groups []Group, weights map[int64]int64) (*Hierarchical, error) {
	sorted, err := voterSet(voters)
	if err != nil {
		return nil, err
	}
	if err := checkWeights(weights); err != nil {
		return nil, err
	}
	h := &Hierarchical{voters: sorted, weight: make(map[int64]int64, len(sorted)), inZeroed: map[int64]bool{}}
	groupOf := map[int64]int64{}
	seen := map[int64]bool{}
	for _, g := range groups {
		if seen[g.ID] {
			return nil, invalid(groupKey(g.ID), "group %d is declared twice", g.ID)
		}
		seen[g.ID] = true
		wg, err := h.addGroup(g, weights, groupOf)
		if err != nil {
			return nil, err
		}
		h.declared++
		// QuorumHierarchical forgets the groups whose weight is zero, but only those
		// that have members: an empty group goes on counting and never has its majority.
		if wg.total > 0 || len(g.Members) == 0 {
			h.groups = append(h.groups, wg)
			continue
		}
		h.zeroed = append(h.zeroed, g.ID)
		for _, id := range g.Members {
			h.inZeroed[id] = true
		}
	}
	for _, id := range sorted {
		if _, ok := groupOf[id]; !ok {
			return nil, refused(fmt.Sprintf("server.%d", id),
				"server %d is not in a group (once there are groups or weights, every voter needs one)", id)
		}
	}
	slices.SortFunc(h.groups, func(a, b weightedGroup) int { return cmp.Compare(a.id, b.id) })
	h.needed = len(h.groups)/2 + 1
	slices.Sort(h.zeroed)
	for id := range weights {
		if _, grouped := groupOf[id]; !grouped {
			h.unused = append(h.unused, id)
		}
	}
	slices.Sort(h.unused)
	return h, nil
}

// addGroup resolves one group's members to weights.
func (h *Hierarchical) addGroup(g Group, weights map[int64]int64, groupOf map[int64]int64) (weightedGroup, error) {
	wg := weightedGroup{id: g.ID}
	for _, id := range g.Members {
		if other, ok := groupOf[id]; ok {
			if other == g.ID {
				return wg, refused(groupKey(g.ID), "server %d is listed twice in group %d", id, g.ID)
			}
			return wg, refused(groupKey(g.ID), "server %d is in multiple groups (%d and %d)", id, other, g.ID)
		}
		groupOf[id] = g.ID
		w, given := weights[id]
		_, voter := slices.BinarySearch(h.voters, id)
		switch {
		case voter && !given:
			w = 1
		case !given:
			return wg, refused(groupKey(g.ID), "group %d lists server %d, which is no voter and has no weight "+
				"(zookeeper fails with a NullPointerException at start): take it out of the group", g.ID, id)
		}
		if wg.total > math.MaxInt64-w {
			return wg, invalid(weightKey(id), "the weights of group %d add up beyond 64 bits at server %d (weight %d)", g.ID, id, w)
		}
		wg.total += w
		if !voter {
			wg.phantom += w
			wg.strangers = append(wg.strangers, id)
			continue
		}
		h.weight[id] = w
		if w > 0 {
			wg.members = append(wg.members, weighted{id, w})
		}
	}
	slices.SortFunc(wg.members, func(a, b weighted) int { return cmp.Compare(a.id, b.id) })
	return wg, nil
}

func checkWeights(weights map[int64]int64) error {
	ids := make([]int64, 0, len(weights))
	for id := range weights {
		ids = append(ids, id)
	}
	slices.Sort(ids) // so that the same input names the same server
	for _, id := range ids {
		if w := weights[id]; w < 0 {
			return invalid(weightKey(id), "weight %d of server %d is negative: an acknowledgement would take votes away", w, id)
		}
	}
	return nil
}

// Voters implements System.
func (h *Hierarchical) Voters() []int64 { return slices.Clone(h.voters) }

// IsQuorum implements System.
func (h *Hierarchical) IsQuorum(up func(id int64) bool) bool {
	missing := h.needed
	for i := range h.groups {
		g := &h.groups[i]
		// w > total/2 with integer division is the same as 2w > total, and
		// cannot overflow.
		left := g.total/2 + 1
		for _, m := range g.members {
			if up(m.id) {
				if left -= m.weight; left <= 0 {
					missing--
					break
				}
			}
		}
		if missing == 0 {
			return true
		}
	}
	return false
}

// CanLead implements Eligible: voters that weigh something.
func (h *Hierarchical) CanLead(id int64) bool { return h.weight[id] > 0 }

// Weight returns the weight of a voter; 0 for any other id.
func (h *Hierarchical) Weight(id int64) int64 { return h.weight[id] }

// Groups returns how many groups were declared, and how many of them weigh
// anything and so count.
func (h *Hierarchical) Groups() (declared, effective int) { return h.declared, len(h.groups) }
