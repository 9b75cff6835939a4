package commands

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"zkctl/quorum"
)

// parseNetwork reads a table of round trips and fsync times, one server a line:
//
//	server  fsync   1    2    3
//	1       2       0    0.5  1.1
//	2       2.5     -    0    70
//	3       3.1ms
//
// Cells are separated by blanks or commas; numbers without a unit are
// milliseconds; # starts a comment. A round trip is the same in both directions,
// so one half of the table is enough; where both are given they must agree.
// A cell that is not known is -.
func parseNetwork(text string) (quorum.Network, error) {
	n := quorum.Network{RoundTrip: map[[2]int64]time.Duration{}, Fsync: map[int64]time.Duration{}}
	var columns []int64
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		cells := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == '\n' || r == '\r' })
		if len(cells) == 0 {
			continue
		}
		var err error
		if columns == nil {
			columns, err = networkHeader(cells)
		} else {
			err = networkRow(n, columns, cells)
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

func networkHeader(cells []string) ([]int64, error) {
	if len(cells) < 3 || cells[0] != "server" || cells[1] != "fsync" {
		return nil, fmt.Errorf("want a line \"server fsync 1 2 3\" first, got %q", strings.Join(cells, " "))
	}
	var columns []int64
	for _, cell := range cells[2:] {
		id, err := parseID(cell)
		if err != nil {
			return nil, err
		}
		columns = append(columns, id)
	}
	return columns, nil
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
	if n.Fsync[id], err = parseMillis(cells[1]); err != nil {
		return fmt.Errorf("fsync of server %d: %w", id, err)
	}
	for i, cell := range cells[2:] {
		other := columns[i]
		if cell == "-" || other == id {
			continue
		}
		d, err := parseMillis(cell)
		if err != nil {
			return fmt.Errorf("round trip of servers %d and %d: %w", id, other, err)
		}
		key := [2]int64{min(id, other), max(id, other)}
		if before, ok := n.RoundTrip[key]; ok && before != d {
			return fmt.Errorf("round trip of servers %d and %d: %v here, %v before", key[0], key[1], d, before)
		}
		n.RoundTrip[key] = d
	}
	return nil
}

// parseMillis reads 2, 0.5 or 2ms.
func parseMillis(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if ms, numeric := strconv.ParseFloat(text, 64); numeric == nil {
		d, err = time.Duration(ms*float64(time.Millisecond)), nil
	}
	if err != nil || d < 0 || d > 24*time.Hour {
		return 0, fmt.Errorf("%q is not a time in milliseconds, or with a unit, up to a day", text)
	}
	return d, nil
}
