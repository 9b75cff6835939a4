package inject

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"zkctl/inject/link"
)

const (
	groupsGrammar = "SELECTOR|SELECTOR (members not named form one more group), " +
		"a single SELECTOR (cut off from all the rest) or SELECTOR>SELECTOR (one direction), " +
		"where SELECTOR is " + SelectorGrammar
	linksGrammar = "SELECTOR>SELECTOR (one direction) or a single SELECTOR (all links of these members), " +
		"where SELECTOR is " + SelectorGrammar
)

// Groups divide an ensemble for a partition.
//
//	groups = selector { "|" selector }
type Groups struct {
	selectors []Selector
}

// ParseGroups reads "1,2|3" or a bare selector. The error is a *SyntaxError.
func ParseGroups(s string) (Groups, error) {
	var g Groups
	for part := range strings.SplitSeq(s, "|") {
		selector, err := parsePart("partition", s, part, groupsGrammar)
		if err != nil {
			return Groups{}, err
		}
		g.selectors = append(g.selectors, selector)
	}
	if id, twice := g.namedTwice(); twice {
		problem := fmt.Sprintf("member %d is in two groups", id)
		return Groups{}, &SyntaxError{What: "partition", Input: s, Problem: problem, Grammar: groupsGrammar}
	}
	return g, nil
}

// namedTwice finds an id that stands in two groups, which is wrong in every
// ensemble.
func (g Groups) namedTwice() (int64, bool) {
	for i, a := range g.selectors {
		for _, b := range g.selectors[:i] {
			for _, t := range a.ids() {
				for _, u := range b.ids() {
					if first := max(t.first, u.first); first <= min(t.last, u.last) {
						return first, true
					}
				}
			}
		}
	}
	return 0, false
}

// ids are the terms that are ids or ranges; none behind a "!", which selects others.
func (s Selector) ids() []term {
	if s.except {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.terms), func(t term) bool { return t.byRole })
}

// parsePart reads a selector that is part of a larger text. An error quotes the
// larger text.
func parsePart(what, whole, part, grammar string) (Selector, error) {
	selector, err := ParseSelector(part)
	if err != nil {
		problem := err.Error()
		if syntax := new(SyntaxError); errors.As(err, &syntax) {
			problem = syntax.Problem
		}
		return Selector{}, &SyntaxError{What: what, Input: whole, Problem: problem, Grammar: grammar}
	}
	return selector, nil
}

// Random reports whether a seed matters.
func (g Groups) Random() bool { return slices.ContainsFunc(g.selectors, Selector.Random) }

func (g Groups) String() string {
	words := make([]string, len(g.selectors))
	for i, s := range g.selectors {
		words[i] = s.String()
	}
	return strings.Join(words, "|")
}

// resolve returns the groups in the order they were named. Where a selector
// leaves a choice, it falls on members that no other group has: one|one is two
// different members. Members that are taken belong to no group; those not named
// are not in the result (see Rest).
func (g Groups) resolve(members []Member, taken []int64, rng *rand.Rand) ([][]int64, error) {
	groups := make([][]int64, len(g.selectors))
	taken = slices.Clone(taken)
	// take gives members to a group, and refuses one that belongs elsewhere.
	take := func(ids []int64) error {
		for _, id := range ids {
			if slices.Contains(taken, id) {
				return &PlanError{Subject: g.String(), Reason: fmt.Sprintf("member %d would be in two places", id)}
			}
		}
		taken = append(taken, ids...)
		return nil
	}
	var err error
	for i, s := range g.selectors {
		if groups[i], err = s.fixed(members); err != nil {
			return nil, err
		}
		if err := take(groups[i]); err != nil {
			return nil, err
		}
	}
	for i, s := range g.selectors {
		fixed := groups[i]
		if groups[i], err = s.complete(members, slices.Clone(fixed), taken, rng); err != nil {
			return nil, err
		}
		chosen := slices.DeleteFunc(slices.Clone(groups[i]), func(id int64) bool { return slices.Contains(fixed, id) })
		if err := take(chosen); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// Rest lists the members that are in none of the groups, sorted.
func Rest(members []Member, groups ...[]int64) []int64 {
	named := slices.Concat(groups...)
	return idsOf(sortedByID(members), func(m Member) bool { return !slices.Contains(named, m.ID) })
}

// LinkSelector names connections between members.
//
//	links = selector ">" selector | selector
type LinkSelector struct {
	from Selector
	// to is nil for a bare selector: all links of from's members, both ways.
	to *Selector
}

// ParseLinkSelector reads "1>2" or a bare selector. The error is a *SyntaxError.
func ParseLinkSelector(s string) (LinkSelector, error) {
	return parseLinkSelector("links", s, linksGrammar)
}

// parseLinkSelector is ParseLinkSelector with the name and grammar for errors: a
// partition may be one direction of links, too.
func parseLinkSelector(what, s, grammar string) (LinkSelector, error) {
	left, right, arrow := strings.Cut(s, ">")
	from, err := parsePart(what, s, left, grammar)
	if err != nil || !arrow {
		return LinkSelector{from: from}, err
	}
	to, err := parsePart(what, s, right, grammar)
	return LinkSelector{from: from, to: &to}, err
}

// Random reports whether a seed matters.
func (l LinkSelector) Random() bool { return l.from.Random() || l.to != nil && l.to.Random() }

func (l LinkSelector) String() string {
	if l.to == nil {
		return l.from.String()
	}
	return l.from.String() + ">" + l.to.String()
}

// Plan returns the lanes and the members named, both sorted.
func (l LinkSelector) Plan(members []Member, channels []link.Channel, rng *rand.Rand) (Plan, error) {
	from, err := l.from.Resolve(members, rng)
	if err != nil {
		return Plan{}, err
	}
	if l.to == nil {
		everyone := Rest(members)
		lanes := append(PlanLinks(from, everyone, channels), PlanLinks(everyone, from, channels)...)
		return finish(l.String(), from, lanes)
	}
	// Both ends may name the same member (leader>all), but what the second end
	// chooses is not what the first end has: one>one is one link.
	var taken []int64
	if l.to.Random() {
		taken = from
	}
	fixed, err := l.to.fixed(members)
	if err != nil {
		return Plan{}, err
	}
	to, err := l.to.complete(members, fixed, taken, rng)
	if err != nil {
		return Plan{}, err
	}
	return finish(l.String(), slices.Concat(from, to), PlanLinks(from, to, channels))
}
