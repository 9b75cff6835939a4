package localcluster

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A line that a crash or a full disk has torn is lost, and nothing else with it.
func TestTornTimeline(t *testing.T) {
	for name, torn := range map[string]string{
		"whole": "{\"kind\":\"up\"}\n", "torn": "{\"kind\":\"up\"}\n{\"kind\":\"star", "one byte": "{",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events.jsonl")
			if err := os.WriteFile(path, []byte(torn), 0o600); err != nil {
				t.Fatal(err)
			}
			before := len(parseEvents([]byte(torn)))
			log, err := openEventLog(path, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			log.add(Event{Kind: EventDown})
			log.add(Event{Kind: EventUp})
			if err := log.close(); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			events := parseEvents(text)
			if len(events) != before+2 || events[before].Kind != EventDown || events[before+1].Kind != EventUp {
				t.Errorf("the timeline reads %+v\n%s", events, text)
			}
		})
	}
}
