package inject

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"zkctl/inject/link"
)

// Partition is a partition as a user asks for it, before members are chosen. It
// is text, because the supervisor that receives it knows the members' roles.
type Partition struct {
	// Groups is GROUPS of the command line: "1,2|3", "leader" or "1>2". It is
	// empty for a ring, and may be empty for a bridge.
	Groups string `json:"groups,omitempty"`
	// OneWay cuts only the direction from earlier groups to later ones.
	OneWay bool `json:"one_way,omitempty"`
	// Bridge selects the one member that both sides still see.
	Bridge string `json:"bridge,omitempty"`
	// Ring lets each voter see a bare majority, and no two voters the same one.
	Ring bool `json:"ring,omitempty"`
	// Channel is "all", "quorum", "election" or "client"; empty is all, which is what members have between them. On
	// the channel client Groups is a selector, "clients>1" or "1>clients".
	Channel string `json:"channel,omitempty"`
}

// Plan is what a partition or a selection of links does to this ensemble.
type Plan struct {
	// Members are the members that were named, sorted.
	Members []int64
	// Groups are the sides of a partition by groups or of a bridge, the
	// members that were not named last. nil for other shapes.
	Groups [][]int64
	// Lanes are sorted and never empty.
	Lanes []link.Lane
}

// partition is a Partition that has been read.
type partition struct {
	groups   *Groups
	links    plannedLinks
	bridge   *Selector
	channels []link.Channel
}

// Validate finds what is wrong with the request for any ensemble. Such an error
// is a wrong usage.
func (p Partition) Validate() error {
	_, err := p.parse()
	return err
}

// Random reports whether a seed matters. It is false for a partition that is
// not valid.
func (p Partition) Random() bool {
	read, err := p.parse()
	if err != nil {
		return false
	}
	return p.Ring ||
		read.bridge != nil && (read.groups == nil || read.bridge.Random()) ||
		read.groups != nil && read.groups.Random() ||
		read.links != nil && read.links.Random()
}

func (p Partition) parse() (read partition, err error) {
	switch {
	case p.Ring && (p.Groups != "" || p.OneWay || p.Bridge != ""):
		return read, errors.New("a ring takes in every voter: use it without groups, one-way and bridge")
	case !p.Ring && p.Groups == "" && p.Bridge == "":
		return read, errors.New("partition of what? give " + groupsGrammar + ", or ask for a ring or a bridge")
	}
	if read.channels, err = parseChannels(p.Channel); err != nil {
		return read, err
	}
	if isClient(read.channels) {
		if p.Ring || p.Bridge != "" || p.OneWay {
			return read, errors.New("clients are on no side of a partition: on the channel client there is no ring, no bridge and no one-way; " +
				"clients>SELECTOR and SELECTOR>clients are one direction")
		}
		read.links, err = parseClientLinks("partition", p.Groups)
		return read, err
	}
	if p.Bridge != "" {
		bridge, err := ParseSelector(p.Bridge)
		if err != nil {
			return read, fmt.Errorf("bridge: %w", err)
		}
		read.bridge = &bridge
	}
	switch {
	case p.Groups == "":
	case strings.Contains(p.Groups, ">"):
		links, err := parseLinkSelector("partition", p.Groups, groupsGrammar)
		if err != nil {
			return read, err
		}
		if read.bridge != nil {
			return read, fmt.Errorf("partition %q: one direction of links cannot have a bridge", p.Groups)
		}
		read.links = memberLinks{links, read.channels}
	default:
		groups, err := ParseGroups(p.Groups)
		if err != nil {
			return read, err
		}
		if read.bridge != nil {
			if id, twice := (Groups{append(groups.selectors, *read.bridge)}).namedTwice(); twice {
				return read, fmt.Errorf("partition %q: member %d is the bridge and in a group, too", p.Groups, id)
			}
		}
		read.groups = &groups
	}
	return read, nil
}

// Plan chooses the members and computes what to cut. rng makes the choices
// left open; it may be nil when Random is false. Besides what Validate
// returns, the error is a *NoMatchError or a *PlanError.
func (p Partition) Plan(members []Member, rng *rand.Rand) (Plan, error) {
	read, err := p.parse()
	if err != nil {
		return Plan{}, err
	}
	switch {
	case p.Ring:
		return planRing(members, read.channels, rng)
	case read.links != nil:
		return read.links.Plan(members, rng)
	}
	var bridge []int64
	if read.bridge != nil {
		if bridge, err = resolveBridge(*read.bridge, members, rng); err != nil {
			return Plan{}, err
		}
	}
	groups, named, err := read.sides(members, bridge, rng)
	if err != nil {
		return Plan{}, err
	}
	lanes := PlanGroups(groups, read.channels)
	if p.OneWay {
		lanes = PlanOneWay(groups, read.channels)
	}
	plan, err := finish(p.subject(), append(named, bridge...), lanes)
	plan.Groups = groups
	return plan, err
}

// sides returns the groups named and, last, the members that no group names.
// Without groups it returns two halves. The bridge belongs to no side.
func (r partition) sides(members []Member, bridge []int64, rng *rand.Rand) (groups [][]int64, named []int64, err error) {
	if r.groups == nil {
		return halves(without(members, bridge), rng), nil, nil
	}
	groups, err = r.groups.resolve(members, bridge, rng)
	if err != nil {
		return nil, nil, err
	}
	named = slices.Concat(groups...)
	if rest := Rest(members, named, bridge); len(rest) > 0 {
		groups = append(groups, rest)
	}
	return groups, named, nil
}

// halves deals the members out to two sides, voters first, so that both have the
// same number of voters, or one more.
func halves(members []Member, rng *rand.Rand) [][]int64 {
	sorted := sortedByID(members)
	voters := idsOf(sorted, isVoter)
	observers := idsOf(sorted, func(m Member) bool { return m.Observer })
	shuffle(voters, rng)
	shuffle(observers, rng)
	sides := make([][]int64, 2)
	for i, id := range append(voters, observers...) {
		sides[i%2] = append(sides[i%2], id)
	}
	for _, side := range sides {
		slices.Sort(side)
	}
	return sides
}

func resolveBridge(s Selector, members []Member, rng *rand.Rand) ([]int64, error) {
	ids, err := s.Resolve(members, rng)
	if err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	if len(ids) != 1 {
		return nil, &PlanError{Subject: s.String(), Reason: "a bridge is one member, not " + joinIDs(ids)}
	}
	return ids, nil
}

func planRing(members []Member, channels []link.Channel, rng *rand.Rand) (Plan, error) {
	voters := idsOf(sortedByID(members), isVoter)
	shuffle(voters, rng)
	if len(voters) < 3 {
		return Plan{}, &PlanError{Subject: "ring", Reason: "it takes at least 3 voters, and this ensemble has " + plural(len(voters), "voter")}
	}
	return finish("ring", voters, PlanRing(voters, channels))
}

// finish sorts what was planned and refuses a plan without links.
func finish(subject string, named []int64, lanes []link.Lane) (Plan, error) {
	if len(lanes) == 0 {
		return Plan{}, &PlanError{Subject: subject, Reason: "there is no link between those members"}
	}
	slices.Sort(named)
	return Plan{Members: slices.Compact(named), Lanes: normalLanes(lanes)}, nil
}

// subject is what an error calls the partition.
func (p Partition) subject() string {
	if p.Groups != "" {
		return p.Groups
	}
	return "bridge " + p.Bridge
}

func without(members []Member, ids []int64) []Member {
	return slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return slices.Contains(ids, m.ID) })
}
