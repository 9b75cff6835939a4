package quorum

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// MaxVoters is how many voters a system has at most: ZooKeeper writes a server's id into the
// first byte of its sessions' ids, so that more servers cannot be told apart.
const MaxVoters = 255

var (
	// ErrInvalid is wrapped by every error that says an argument cannot be what the caller says
	// it is. ErrRefused is wrapped, beside it, where Apache ZooKeeper would refuse to start.
	ErrInvalid = errors.New("invalid")
	ErrRefused = errors.New("refused by zookeeper")
	// ErrTooLarge is wrapped by the errors of questions that are beyond what is computed
	// exactly. Nothing is estimated instead.
	ErrTooLarge = errors.New("too large to compute exactly")
	// ErrUnreachable is wrapped by the errors of goals that no ensemble reaches.
	ErrUnreachable = errors.New("out of reach")
)

// ConfigError says what is wrong with a declaration or another argument, and which
// configuration key is to blame, so that a reader of files can name the line.
type ConfigError struct {
	Key     string // "server.3", "group.1", "weight.2"; "" for none
	Text    string
	Refused bool // ZooKeeper itself would refuse it
}

func (e *ConfigError) Error() string { return e.Text }

// Unwrap makes errors.Is find ErrInvalid, and ErrRefused when it applies.
func (e *ConfigError) Unwrap() []error {
	if e.Refused {
		return []error{ErrInvalid, ErrRefused}
	}
	return []error{ErrInvalid}
}

func invalid(key, format string, args ...any) error {
	return &ConfigError{Key: key, Text: fmt.Sprintf(format, args...)}
}

func invalidf(format string, args ...any) error { return invalid("", format, args...) }

func refused(key, format string, args ...any) error {
	return &ConfigError{Key: key, Text: fmt.Sprintf(format, args...), Refused: true}
}

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTooLarge, fmt.Sprintf(format, args...))
}

// Kind names the shape of a system.
type Kind string

// A system of one group is weighted voting, and a joint one a reconfiguration in flight.
const (
	Majority     Kind = "majority"
	Weighted     Kind = "weighted"
	Hierarchical Kind = "hierarchical"
	Joint        Kind = "reconfiguration"
)

// System is a quorum system: which sets of servers are enough to elect a leader and to commit
// a proposal. It is monotone (adding servers never loses a quorum), immutable, and safe for
// concurrent use.
type System struct {
	kind    Kind
	voters  []int64  // ascending, distinct
	configs []config // a quorum is needed in each: one, or the old and the new one in flight
}

// config is one configuration: groups that need some weight, and how many of them must have it.
//
//	majority of 5      one group of five members of weight 1 that needs 3; 1 group needed
//	weighted           one group that needs total/2+1
//	hierarchical       G groups; G/2+1 of them needed
type config struct {
	groups []group
	need   int // >= 1; with no group left, nothing reaches it

	declared []Group         // as given, for warnings; none: a majority
	weights  map[int64]int64 // as given
}

type group struct {
	members []member // voters of weight above zero
	need    int64    // the weight that is a majority of all that are listed; >= 1
}

type member struct{ id, weight int64 }

// Group is one group of a hierarchical system, as group.ID=a:b:c declares it.
type Group struct {
	ID      int64
	Members []int64 // voters, and ids that are none: these weigh in but never acknowledge
}

// NewMajority builds ZooKeeper's default over the given voters, in any order: more than half.
// Errors wrap ErrInvalid for no voters, a negative id (ZooKeeper uses those for observers that
// were given none) or an id given twice, and ErrTooLarge beyond MaxVoters.
// Source: QuorumMaj.
func NewMajority(ids ...int64) (*System, error) { return threshold(len(ids)/2+1, ids) }

// MajorityOf is NewMajority over the voters 1..n.
func MajorityOf(n int) (*System, error) {
	if n < 1 {
		return nil, invalidf("%d voters: an ensemble needs at least one", n)
	}
	return NewMajority(oneTo(n)...)
}

// oneTo returns 1..n, and one more when that is too many to look at.
func oneTo(n int) []int64 {
	ids := make([]int64, min(n, MaxVoters+1))
	for i := range ids {
		ids[i] = int64(i) + 1
	}
	return ids
}

// threshold is the system in which any size of the voters are a quorum.
func threshold(size int, ids []int64) (*System, error) {
	sorted, err := voterSet(ids)
	if err != nil {
		return nil, err
	}
	g := group{need: int64(size)}
	for _, id := range sorted {
		g.members = append(g.members, member{id, 1})
	}
	return &System{kind: Majority, voters: sorted, configs: []config{{groups: []group{g}, need: 1}}}, nil
}

// NewHierarchical builds the system that ZooKeeper builds from group.N and weight.N lines: a
// quorum holds more than half of the weight in each of more than half of the groups. Every voter
// must stand in exactly one group; a weight not given is 1. Groups whose members all weigh
// nothing do not exist for it; a group without any member does, and never has a majority.
//
//	group.1=1:2:3   group.2=4:5:6   group.3=7:8:9
//	     x x .           x . x           . . .       two of three groups: a quorum
//
// A group may list ids that are no voters when they have a weight: it raises the group's
// threshold though they never acknowledge (Lint warns of it).
//
// Errors wrap ErrRefused where ZooKeeper refuses to start (a voter in no group or in two, a
// non-voter in a group without a weight), and only ErrInvalid for what ZooKeeper would compute
// nonsense with: negative weights, a group that weighs more than 64 bits, a group declared
// twice, voters as for NewMajority. Source: QuorumHierarchical.parse and computeGroupWeight.
func NewHierarchical(voters []int64, groups []Group, weights map[int64]int64) (*System, error) {
	sorted, err := voterSet(voters)
	if err != nil {
		return nil, err
	}
	for _, id := range sortedKeys(weights) {
		if w := weights[id]; w < 0 {
			return nil, invalid(weightKey(id), "weight %d of server %d is negative: an acknowledgement would take votes away", w, id)
		}
	}
	c := config{declared: groups, weights: weights}
	groupOf := map[int64]int64{}
	for i, declared := range groups {
		if slices.ContainsFunc(groups[:i], func(g Group) bool { return g.ID == declared.ID }) {
			return nil, invalid(groupKey(declared.ID), "group %d is declared twice", declared.ID)
		}
		g, total, err := newGroup(declared, sorted, weights, groupOf)
		if err != nil {
			return nil, err
		}
		if total > 0 || len(declared.Members) == 0 {
			c.groups = append(c.groups, g)
		}
	}
	for _, id := range sorted {
		if _, ok := groupOf[id]; !ok {
			return nil, refused(fmt.Sprintf("server.%d", id),
				"server %d is not in a group (once there are groups or weights, every voter needs one)", id)
		}
	}
	c.need = len(c.groups)/2 + 1
	kind := Hierarchical
	if len(groups) == 1 {
		kind = Weighted
	}
	return &System{kind: kind, voters: sorted, configs: []config{c}}, nil
}

// newGroup resolves one group's members to weights, and says what all that are listed weigh.
func newGroup(declared Group, voters []int64, weights, groupOf map[int64]int64) (g group, total int64, err error) {
	for _, id := range declared.Members {
		if other, ok := groupOf[id]; ok {
			if other == declared.ID {
				return g, 0, refused(groupKey(other), "server %d is listed twice in group %d", id, other)
			}
			return g, 0, refused(groupKey(declared.ID), "server %d is in multiple groups (%d and %d)", id, other, declared.ID)
		}
		groupOf[id] = declared.ID
		_, given := weights[id]
		_, voter := slices.BinarySearch(voters, id)
		w := weightOf(weights, id)
		if !given && !voter {
			return g, 0, refused(groupKey(declared.ID), "group %d lists server %d, which is no voter and has no weight "+
				"(zookeeper fails with a NullPointerException at start): take it out of the group", declared.ID, id)
		}
		if total > math.MaxInt64-w {
			return g, 0, invalid(weightKey(id), "the weights of group %d add up beyond 64 bits at server %d (weight %d)", declared.ID, id, w)
		}
		total += w
		if voter && w > 0 {
			g.members = append(g.members, member{id, w})
		}
	}
	// With whole numbers, more than half is half rounded down and one, and cannot overflow.
	g.need = total/2 + 1
	return g, total, nil
}

// NewJoint is two systems at once: a set is a quorum only when it is one in both. That is the
// state of a reconfiguration in flight, from the proposal of the new configuration to its
// commit. Source: SyncedLearnerTracker.hasAllQuorums.
func NewJoint(old, next *System) *System {
	ids := slices.Concat(old.voters, next.voters)
	slices.Sort(ids)
	return &System{kind: Joint, voters: slices.Compact(ids), configs: slices.Concat(old.configs, next.configs)}
}

// Without returns what is left of a system when some of its voters have failed: the others are
// its voters, and the thresholds stay where they were, because a failed server is still a
// member. It answers "and then?": GuaranteedTolerance(Without(s, 1)) is what s tolerates once
// server 1 is gone. Ids that are no voters change nothing.
func Without(s *System, failed ...int64) *System {
	left := &System{kind: s.kind, configs: slices.Clone(s.configs)}
	down := func(id int64) bool { return slices.Contains(failed, id) }
	left.voters = slices.DeleteFunc(slices.Clone(s.voters), down)
	for i, c := range left.configs {
		left.configs[i].groups = slices.Clone(c.groups)
		for k, g := range c.groups {
			left.configs[i].groups[k].members = slices.DeleteFunc(slices.Clone(g.members), func(m member) bool { return down(m.id) })
		}
	}
	return left
}

// Kind returns the shape of the system.
func (s *System) Kind() Kind { return s.kind }

// Voters returns the ids whose votes and acknowledgements count, ascending; those of either
// configuration while one replaces the other. The slice is the caller's own.
func (s *System) Voters() []int64 { return slices.Clone(s.voters) }

// IsQuorum reports whether the servers for which up returns true form a quorum. Ids that are no
// voters are never asked for. It allocates nothing, because the engine asks at every vote and
// every acknowledgement.
func (s *System) IsQuorum(up func(id int64) bool) bool {
	for i := range s.configs {
		if !s.configs[i].isQuorum(up) {
			return false
		}
	}
	return true
}

func (c *config) isQuorum(up func(id int64) bool) bool {
	missing := c.need
	for i := range c.groups {
		weight := c.groups[i].need
		for _, m := range c.groups[i].members {
			if up(m.id) {
				if weight -= m.weight; weight <= 0 {
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

// Has reports whether ids, as a set, form a quorum.
func (s *System) Has(ids ...int64) bool {
	return s.IsQuorum(func(id int64) bool { return slices.Contains(ids, id) })
}

// CanLead reports whether id may become leader: a voter that weighs more than zero, in either
// configuration while one replaces the other. ZooKeeper gives servers of weight 0 a vote but
// never the leadership. Source: FastLeaderElection.totalOrderPredicate.
func (s *System) CanLead(id int64) bool {
	return slices.ContainsFunc(s.places(id), func(p place) bool { return p.group >= 0 })
}

// voterSet checks and sorts a list of voter ids.
func voterSet(ids []int64) ([]int64, error) {
	if len(ids) == 0 {
		return nil, invalidf("no voters: an ensemble needs at least one")
	}
	if len(ids) > MaxVoters {
		return nil, tooLarge("more than %d voters, and zookeeper tells no more servers apart: a server's id is one byte of its sessions' ids", MaxVoters)
	}
	sorted := slices.Sorted(slices.Values(ids))
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

// weightOf is the weight that is given, or 1.
func weightOf(weights map[int64]int64, id int64) int64 {
	if w, given := weights[id]; given {
		return w
	}
	return 1
}

func groupKey(id int64) string  { return fmt.Sprintf("group.%d", id) }
func weightKey(id int64) string { return fmt.Sprintf("weight.%d", id) }

func sortedKeys[V any](m map[int64]V) []int64 { return slices.Sorted(maps.Keys(m)) }
