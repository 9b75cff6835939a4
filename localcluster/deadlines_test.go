package localcluster

import (
	"testing"
	"time"
)

// No command takes more than five seconds beyond the time that it was given: the most that its calls may take
// adds up to less, in the worst state of a supervisor.
func TestDeadlines(t *testing.T) {
	const contract = 5 * time.Second
	for what, most := range map[string]time.Duration{
		"a request: find the supervisor, and wait for an answer": dialTime + answerTime,
		"down: ask it to stop, and kill it when it does not":     stopTime + killTime,
		"up: the register of ports, then the start":              registerTime + 2*dialTime,
	} {
		if most >= contract {
			t.Errorf("%s: %s", what, most)
		}
	}
}
