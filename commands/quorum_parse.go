package commands

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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
		if _, twice := weights[id]; twice {
			return nil, usagef("--weights %q: server %d is given twice", text, id)
		}
		if weights[id], err = strconv.ParseInt(right, 10, 64); err != nil {
			return nil, usagef("--weights %q: weight %q is not a whole number of 64 bits", text, right)
		}
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

// parseProbabilities reads 0.99, which is for all names, and 1=0.999, an exception for one of
// them, from a flag that is repeated. A name for which there is neither is absent.
func parseProbabilities(flag, what string, values []string, names []string) (map[string]quorum.Probability, error) {
	given, ps := map[string]quorum.Probability{}, map[string]quorum.Probability{}
	for _, value := range values {
		name, text, single := strings.Cut(value, "=")
		if !single {
			name, text = "", value
		}
		p, err := quorum.ParseProbability(text)
		if err != nil {
			return nil, usagef("--%s %s: %w", flag, value, err)
		}
		if _, twice := given[name]; twice {
			return nil, usagef("--%s %s: given twice", flag, value)
		}
		if single && !slices.Contains(names, name) {
			return nil, usagef("--%s %s: there is no %s %s", flag, value, what, name)
		}
		given[name] = p
	}
	for _, name := range names {
		if p, ok := given[name]; ok {
			ps[name] = p
		} else if p, ok := given[""]; ok {
			ps[name] = p
		}
	}
	return ps, nil
}

// parseZones reads a=1,2;b=3,4.
func parseZones(text string) ([]quorum.Zone, error) {
	var zones []quorum.Zone
	for _, part := range strings.Split(text, ";") {
		name, members, ok := strings.Cut(part, "=")
		if !ok || name == "" {
			return nil, usagef("--zones %q: %q is not NAME=ID,ID (want a=1,2;b=3,4)", text, part)
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
		if err != nil || n < 1 || n > quorum.MaxVoters {
			return nil, usagef("--%s %q: %q is not a number of voters from 1 to %d", flag, text, part, quorum.MaxVoters)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// parseNetwork reads a table of round trips and fsync times, one server a line:
//
//	server  fsync   1    2    3
//	1       2       0    0.5  1.1
//	2       2.5     -    0    70
//	3       3.1ms
//
// Cells are separated by blanks or commas; numbers without a unit are milliseconds; # starts a
// comment. A round trip is the same in both directions, so one half of the table is enough;
// where both are given they must agree. A cell that is not known is -.
func parseNetwork(text string) (quorum.Network, error) {
	n := quorum.Network{RoundTrip: map[[2]int64]time.Duration{}, Fsync: map[int64]time.Duration{}}
	var columns []int64
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		cells := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t,\n\r", r) })
		var err error
		switch {
		case len(cells) == 0:
		case columns != nil:
			err = networkRow(n, columns, cells)
		case len(cells) < 3 || cells[0] != "server" || cells[1] != "fsync":
			err = fmt.Errorf("want a line \"server fsync 1 2 3\" first, got %q", strings.Join(cells, " "))
		default:
			columns, err = parseIDs("rtt", strings.Join(cells[2:], ","))
		}
		if err != nil {
			return n, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if columns == nil {
		return n, fmt.Errorf("it is empty: want a line \"server fsync 1 2 3\" and then one line a server")
	}
	return n, nil
}

func networkRow(n quorum.Network, columns []int64, cells []string) error {
	id, err := parseID(cells[0])
	if err != nil {
		return err
	}
	if _, twice := n.Fsync[id]; twice {
		return fmt.Errorf("server %d has a line already", id)
	}
	if len(cells) < 2 || len(cells) > 2+len(columns) {
		return fmt.Errorf("server %d: %d cells, want the fsync time and up to %d round trips", id, len(cells)-1, len(columns))
	}
	for i, cell := range cells[1:] {
		unknown := i > 0 && (cell == "-" || columns[i-1] == id)
		if unknown {
			continue
		}
		d, err := time.ParseDuration(cell)
		if ms, numeric := strconv.ParseFloat(cell, 64); numeric == nil {
			d, err = time.Duration(ms*float64(time.Millisecond)), nil
		}
		if err != nil || d < 0 || d > 24*time.Hour {
			return fmt.Errorf("server %d: %q is not a time in milliseconds, or with a unit, up to a day", id, cell)
		}
		if i == 0 {
			n.Fsync[id] = d
			continue
		}
		key := [2]int64{min(id, columns[i-1]), max(id, columns[i-1])}
		if before, ok := n.RoundTrip[key]; ok && before != d {
			return fmt.Errorf("round trip of servers %d and %d: %v here, %v before", key[0], key[1], d, before)
		}
		n.RoundTrip[key] = d
	}
	return nil
}
