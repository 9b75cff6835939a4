package commands

import (
	"fmt"
	"slices"
	"strings"
)

// foreign has the words of other tools for what a command of zkctl does, and words that describe
// it.
var foreign = []struct{ words, means string }{
	{"stop halt shutdown quit exit end terminate teardown", "down (the ensemble), kill or pause (members)"},
	{"destroy delete rm remove purge clean wipe prune", "down --purge"},
	{"list ps ensembles dir", "ls (ensembles) or status (members)"},
	{"info describe show health members stat state verdict", "status"},
	{"run create launch new init boot bootstrap spawn begin deploy", "up"},
	{"connect shell cli sh ssh console attach client", "exec -- COMMAND, or env"},
	{"environment vars export", "env"},
	{"freeze suspend hang stall", "pause"},
	{"unpause continue unfreeze thaw cont", "resume"},
	{"cut net network split isolate disconnect block drop sever unplug", "partition"},
	{"delay latency throttle lag limit jitter rate bandwidth", "slow"},
	{"recover repair fix mend restore undo reconnect join unblock", "heal"},
	{"crash die term sigkill murder", "kill"},
	{"reboot bounce cycle reload", "restart"},
	{"tail output print journal", "logs"},
	{"timeline history audit", "events"},
	{"size sizing calc calculate plan majority availability tolerance explain", "quorum"},
	{"server standalone daemon foreground start-foreground", "serve"},
	{"fuzz chaos swarm", "simulate, or kill, pause, partition and slow"},
	{"await until sleep", "wait"},
	{"broken injections leases", "faults"},
	{"autocomplete completions", "completion"},
}

// suggestCommand is the command that a word may stand for, "" if none is similar.
func suggestCommand(word string, known []string) string {
	word = strings.ToLower(word)
	if s := closest(word, known); s != "" && (s == word || strings.HasPrefix(s, word)) {
		return fmt.Sprintf("%q", s)
	}
	for _, f := range foreign {
		first, _, _ := strings.Cut(f.means, " ")
		if slices.Contains(strings.Fields(f.words), word) && slices.Contains(known, strings.TrimSuffix(first, ",")) {
			return f.means
		}
	}
	if s := closest(word, known); s != "" {
		return fmt.Sprintf("%q", s)
	}
	return ""
}

// closest returns the known word that is few edits away from word, or "" when
// none is: a wrong suggestion is worse than none.
func closest(word string, known []string) string {
	best, limit := "", len(word)/6+2
	for _, k := range known {
		if strings.HasPrefix(k, word) && len(word) >= 2 {
			return k
		}
		if d := edits(word, k); d < limit && d < len(word) {
			best, limit = k, d
		}
	}
	return best
}

// edits is how many letters must be added, dropped, replaced or exchanged with their neighbour to get
// from one word to the other.
func edits(a, b string) int {
	before, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
