package localcluster

import (
	"fmt"
	"strings"
	"testing"

	"zkctl/probe"
	"zkctl/quorum"
)

// The answers of members right after a cut, and the roles that follow from them. "L2" is a leader of epoch 2,
// "F" a follower, "O" an observer, "-" a member that is looking.
func TestCutOff(t *testing.T) {
	letters := map[byte]probe.Role{'L': probe.RoleLeader, 'F': probe.RoleFollower, 'O': probe.RoleObserver, '-': probe.RoleLooking}
	for _, c := range []struct{ roles, cuts, want, health string }{
		{"L1 F F", "", "L1 F F", "healthy"},
		{"L1 F F", "1>2 1>3", "- F F", "no-quorum"},  // no follower receives its messages
		{"L1 F F", "2>1 3>1", "- F F", "no-quorum"},  // it receives no message
		{"L1 F F", "1>2", "L1 - F", "degraded"},      // one follower less
		{"L1 F F", "2>3", "L1 F F", "healthy"},       // followers exchange nothing with each other
		{"L1 L2 F", "1>2 1>3", "- L2 F", "degraded"}, // the deposed one has not noticed
		{"L2 F F O", "4>1", "L2 F F -", "degraded"},  // observers are learners, too
		{"L1 F F F F", "1>2 1>3 1>4", "- F F F F", "no-quorum"},
		{"L1 F F F F", "1>2 1>3", "L1 - - F F", "degraded"},
	} {
		var members []probe.Member
		var voters []int64
		for i, word := range strings.Fields(c.roles) {
			m := probe.Member{ID: int64(i + 1), Role: letters[word[0]]}
			if len(word) > 1 {
				m.Epoch = int64(word[1] - '0')
			}
			if m.Role != probe.RoleObserver {
				voters = append(voters, m.ID)
			}
			m.Observer = m.Role == probe.RoleObserver
			members = append(members, m)
		}
		system, err := quorum.NewMajority(voters...)
		if err != nil {
			t.Fatal(err)
		}
		lanes := " " + c.cuts + " "
		cutOff(members, system, func(a, b int64) bool {
			return strings.Contains(lanes, fmt.Sprintf(" %d>%d ", a, b)) || strings.Contains(lanes, fmt.Sprintf(" %d>%d ", b, a))
		})
		var got []string
		for _, m := range members {
			word := "-"
			for letter, role := range letters {
				if role == m.Role {
					word = string(letter)
				}
			}
			if m.Role == probe.RoleLeader {
				word += fmt.Sprint(m.Epoch)
			}
			got = append(got, word)
		}
		report := probe.Judge(members, system)
		if s := strings.Join(got, " "); s != c.want || report.Health.String() != c.health {
			t.Errorf("%s cut %q: %s, %s; want %s, %s", c.roles, c.cuts, s, report.Health, c.want, c.health)
		}
	}
}
