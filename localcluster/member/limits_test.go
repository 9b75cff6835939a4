package member

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/limits.md has the values of this package's constants.
func TestLimitsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	mib := func(n int) string { return fmt.Sprintf("%d MiB", n>>20) }
	kib := func(n int) string { return fmt.Sprintf("%d KiB", n>>10) }
	for _, want := range []string{
		fmt.Sprintf("`maxUnanswered`: %d |", maxUnanswered),
		"`maxUnansweredBytes`: " + mib(maxUnansweredBytes),
		"`maxServerUnanswered`: " + mib(maxServerUnanswered),
		"`maxUnread`: " + mib(maxUnread),
		"`maxServerUnread`: " + mib(maxServerUnread),
		"`smallAnswer`, " + kib(smallAnswer),
		"`maxOverrun`: " + mib(maxOverrun),
		"for " + kib(writeChunk) + " (`writeChunk`)",
		fmt.Sprintf("`batchBytes`: %s, %d messages", mib(batchBytes), batchSize),
		fmt.Sprintf("`partingTime`: %.0f s", partingTime.Seconds()),
		"`maxQueued`: " + mib(maxQueued),
		fmt.Sprintf("`SessionlessTimeout`: %.0f s", defaultConfig().SessionlessTimeout.Seconds()),
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("docs/limits.md does not say %q", want)
		}
	}
}
