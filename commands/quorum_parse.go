package commands

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zkctl/quorum"
)

// parseGroups reads 1:2:3,4:5:6.
func parseGroups(text string) ([]quorum.Group, error) {
	if text == "" {
		return nil, nil
	}
	var groups []quorum.Group
	for i, part := range strings.Split(text, ",") {
		g := quorum.Group{ID: int64(i) + 1}
		for _, member := range strings.Split(part, ":") {
			id, err := parseID(member)
			if err != nil {
				return nil, usagef("--groups %q: %w (want ids like 1:2:3,4:5:6)", text, err)
			}
			g.Members = append(g.Members, id)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// parseWeights reads 1=2,4=0.
func parseWeights(text string) (map[int64]int64, error) {
	if text == "" {
		return nil, nil
	}
	weights := map[int64]int64{}
	for _, part := range strings.Split(text, ",") {
		left, right, ok := strings.Cut(part, "=")
		id, err := parseID(left)
		if !ok || err != nil {
			return nil, usagef("--weights %q: %q is not ID=WEIGHT", text, part)
		}
		w, err := strconv.ParseInt(right, 10, 64)
		if err != nil {
			return nil, usagef("--weights %q: weight %q is not a whole number of 64 bits", text, right)
		}
		if _, twice := weights[id]; twice {
			return nil, usagef("--weights %q: server %d is given twice", text, id)
		}
		weights[id] = w
	}
	return weights, nil
}

// parseIDs reads 1,4.
func parseIDs(flag, text string) ([]int64, error) {
	var ids []int64
	for _, part := range strings.Split(text, ",") {
		id, err := parseID(part)
		if err != nil {
			return nil, usagef("--%s %q: %w (want ids like 1,4)", flag, text, err)
		}
		if slices.Contains(ids, id) {
			return nil, usagef("--%s %q: server %d is given twice", flag, text, id)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func parseID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return 0, fmt.Errorf("%q is not a server id", text)
	}
	return id, nil
}

func idText(ids []int64) string {
	text := make([]string, len(ids))
	for i, id := range ids {
		text[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(text, ",")
}

// count writes "1 voter", "5 voters".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// probabilities are per-server or per-zone availabilities as given by a flag
// that is repeated: a default, and exceptions by name.
type probabilities struct {
	common quorum.Probability
	given  bool // common is
	each   map[string]quorum.Probability
}

func parseProbabilities(flag string, values []string) (probabilities, error) {
	ps := probabilities{each: map[string]quorum.Probability{}}
	for _, value := range values {
		name, text, single := strings.Cut(value, "=")
		if !single {
			text = value
		}
		p, err := quorum.ParseProbability(text)
		if err != nil {
			return ps, usagef("--%s %s: %w", flag, value, err)
		}
		if !single {
			if ps.given {
				return ps, usagef("--%s %s: the one for all is given twice", flag, value)
			}
			ps.common, ps.given = p, true
			continue
		}
		if _, twice := ps.each[name]; twice {
			return ps, usagef("--%s %s: %s is given twice", flag, value, name)
		}
		ps.each[name] = p
	}
	return ps, nil
}

// of returns the probability of one.
func (ps probabilities) of(name string) (quorum.Probability, bool) {
	if p, ok := ps.each[name]; ok {
		return p, true
	}
	return ps.common, ps.given
}

// none reports whether nothing was given at all.
func (ps probabilities) none() bool { return !ps.given && len(ps.each) == 0 }

// servers checks that every voter has a probability, and every exception a
// server.
func (ps probabilities) servers(s *subject) (func(id int64) quorum.Probability, error) {
	for name := range ps.each {
		id, err := parseID(name)
		if err != nil || !slices.Contains(s.membership.Voters, id) && !slices.Contains(s.membership.Observers, id) {
			return nil, usagef("--availability %s=…: there is no server %s", name, name)
		}
	}
	byID := make(map[int64]quorum.Probability, len(s.membership.Voters))
	for _, id := range s.membership.Voters {
		p, ok := ps.of(strconv.FormatInt(id, 10))
		if !ok {
			return nil, usagef("--availability is missing for server %d: give one for all as well, such as 0.99", id)
		}
		byID[id] = p
	}
	return func(id int64) quorum.Probability { return byID[id] }, nil
}

// parseZones reads a=1,2;b=3,4.
func parseZones(text string) ([]quorum.Zone, error) {
	var zones []quorum.Zone
	for _, part := range strings.Split(text, ";") {
		name, members, ok := strings.Cut(part, "=")
		if !ok || name == "" {
			return nil, usagef("--zones %q: %q is not NAME=ID,ID (want a=1,2;b=3,4)", text, part)
		}
		if slices.ContainsFunc(zones, func(z quorum.Zone) bool { return z.Name == name }) {
			return nil, usagef("--zones %q: zone %s is given twice", text, name)
		}
		ids, err := parseIDs("zones", members)
		if err != nil {
			return nil, err
		}
		zones = append(zones, quorum.Zone{Name: name, Members: ids})
	}
	return zones, nil
}

// parseSizes reads 3,4,5.
func parseSizes(flag, text string) ([]int, error) {
	var sizes []int
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > maxNodes {
			return nil, usagef("--%s %q: %q is not a number of voters from 1 to %d", flag, text, part, maxNodes)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}
