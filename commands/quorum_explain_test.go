package commands

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// runForTest runs a command line in this process.
func runForTest(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Run(context.Background(), args, Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, func(string) string { return "" })
	return code, stdout.String(), stderr.String()
}

// TestEveryBeliefIsRefuted runs the command of each belief and looks where the
// reader is told to look.
func TestEveryBeliefIsRefuted(t *testing.T) {
	evidence := map[string]struct {
		code int
		says []string
	}{
		"odd-required":          {0, []string{"2.61 h", "5.19 h"}},
		"half-suffices":         {0, []string{"1, 2 down: no quorum"}},
		"size-is-chosen":        {0, []string{"     6       4          2"}},
		"observers-count":       {0, []string{"2 of 3", "1 failure,"}},
		"observers-free":        {0, []string{"16 messages", "8 ×"}},
		"two-data-centres":      {0, []string{"east  1-3      no quorum", "down 9.11 h a year"}},
		"weights-alone":         {3, []string{"server 1 is not in a group", "--groups 1:2:3"}},
		"two-groups":            {0, []string{"1 failure,", "two-groups:"}},
		"more-is-faster":        {0, []string{"     3       2          1     6", "    13       7          6    36"}},
		"more-is-safer":         {0, []string{"40.00", "35.20", "31.74", "28.98"}},
		"tolerance-after-zone":  {0, []string{"4 failures,", "quorum kept               1"}},
		"sync-is-linearizable":  {0, []string{"believes in itself, for 9 .. 12 s"}},
		"outage-is-200ms":       {0, []string{"9 .. 10 s"}},
		"removed-costs-nothing": {0, []string{"take server 4 out, then stop it"}},
		"replacement-first":     {0, []string{"3, 4 down: no quorum"}},
	}
	if len(beliefs) != 16 {
		t.Errorf("%d beliefs, want the 16 of the list", len(beliefs))
	}
	for _, b := range beliefs {
		if b.Claim == "" || b.Correct == "" || b.Command == "" || b.LookAt == "" || b.Source == "" {
			t.Errorf("%+v lacks a field", b)
		}
		if b.ID == "smallest-id-wins" {
			if !strings.HasPrefix(b.Command, "zkctl up ") {
				t.Errorf("%s: is shown by a living ensemble", b.ID)
			}
			continue
		}
		want, ok := evidence[b.ID]
		if !ok {
			t.Errorf("%s: no evidence is expected", b.ID)
			continue
		}
		args := strings.Fields(strings.ReplaceAll(b.Command, "'", ""))
		code, out, errs := runForTest(t, args[1:]...)
		if code != want.code {
			t.Errorf("%s: %s exits %d, want %d\n%s", b.ID, b.Command, code, want.code, errs)
		}
		for _, text := range want.says {
			if !strings.Contains(out+errs, text) {
				t.Errorf("%s: %s does not show %q:\n%s%s", b.ID, b.Command, text, out, errs)
			}
		}
	}
}

func TestBeliefsAreFoundByWords(t *testing.T) {
	for words, want := range map[string]string{
		"half-suffices": "half-suffices", "data centre": "two-data-centres", "Odd": "odd-required", "smallest id": "smallest-id-wins",
		"observers": "observers-count observers-free", "weather": "",
	} {
		var ids []string
		for _, b := range matchBeliefs(strings.Fields(words)) {
			ids = append(ids, b.ID)
		}
		if got := strings.Join(ids, " "); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q: %s, want %s", words, got, want)
		}
	}
	if code, _, errs := runForTest(t, "quorum", "explain", "the", "weather"); code != exitUsage || !strings.Contains(errs, "half-suffices") {
		t.Errorf("exit %d, %s", code, errs)
	}
}
