package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zkctl/localcluster"
	"zkctl/probe/peers"
)

var (
	allDrills = flag.Bool("drills", false, "run all scenarios that come with zkctl, on all engines, not only that of the day on the embedded one")
	kills     = flag.Int("kills", 0, "how many leaders TestLeaderKills kills")
)

// drillVerdict is what the tests want of `zkctl drill -o json`.
type drillVerdict struct {
	Verdict string
	Seed    uint64
	Reasons []string
	Checks  []struct {
		Name, Verdict string
		Count         int
		Evidence      []struct{ Text string }
	}
	Acked    int `json:"acknowledged_writes"`
	LostAcks int `json:"lost_acks"`
	Faults   []struct {
		Line     string
		NoWrites float64 `json:"write_unavailable_seconds"`
	}
}

// drill runs a scenario, which must end in a verdict of ok and leave nothing behind.
func (e *ensemble) drill(args ...string) drillVerdict {
	e.Helper()
	out, errs, code := e.run(append([]string{"drill", "-q", "-o", "json"}, args...)...)
	var v drillVerdict
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		e.Fatalf("zkctl drill %s: exit %d, %v\n%s", strings.Join(args, " "), code, err, errs)
	}
	if code != 0 || v.Verdict != "ok" {
		e.Errorf("zkctl drill %s --seed %d: exit %d, %s, %q", strings.Join(args, " "), v.Seed, code, v.Verdict, v.Reasons)
		for _, c := range v.Checks {
			for _, x := range c.Evidence {
				e.Errorf("%s: %s", c.Name, x.Text)
			}
		}
	}
	if v.Acked == 0 || len(v.Faults) == 0 {
		e.Errorf("%d acknowledged writes and %d faults are no drill", v.Acked, len(v.Faults))
	}
	if out, _, _ := e.run("ls"); !strings.Contains(out, "There is no ensemble") {
		e.Errorf("the drill left behind:\n%s", out)
	}
	return v
}

// TestBuiltinDrills: an engine that keeps its promises ends every scenario with ok. This is also the test of the judge's
// soundness: what it calls violated on Apache ZooKeeper is more likely its own mistake.
func TestBuiltinDrills(t *testing.T) {
	e := at(t, t.TempDir())
	var list struct{ Scenarios []struct{ Name string } }
	if err := json.Unmarshal([]byte(e.zkctl("drill", "--list", "-o", "json")), &list); err != nil || len(list.Scenarios) < 20 {
		t.Fatalf("%d scenarios, %v", len(list.Scenarios), err)
	}
	if !*allDrills {
		today := list.Scenarios[int(time.Now().Unix()/86400)%len(list.Scenarios)].Name
		at(t, t.TempDir()).drill(today)
		return
	}
	for _, s := range list.Scenarios {
		t.Run(s.Name+"/embedded", func(t *testing.T) { at(t, t.TempDir()).drill(s.Name) })
	}
	peers.Need(t, "the apache engine", localcluster.CheckApache(os.Getenv))
	for _, name := range []string{
		"leader-crash", "follower-crash", "rolling-restart", "crash-all", "paused-leader", "minority-partition", "majority-partition",
		"leader-isolated", "slow-follower", "session-expiry-under-partition",
	} {
		for _, engine := range []string{"apache", "embedded=2,apache=1"} {
			if name == "majority-partition" && engine != "apache" {
				engine = "embedded=3,apache=2" // it has five members
			}
			t.Run(name+"/"+engine, func(t *testing.T) { at(t, t.TempDir()).drill(name, "--engine", engine) })
		}
	}
}

// TestLeaderKills kills one leader after another under load, and prints how long each stopped writes, for both engines.
func TestLeaderKills(t *testing.T) {
	if *kills == 0 {
		t.Skip("it runs for seconds a kill: ask for it with -kills N")
	}
	t.Run("embedded", func(t *testing.T) { killLeaders(t, "embedded", 1500*time.Millisecond) })
	t.Run("apache", func(t *testing.T) {
		peers.Need(t, "the apache engine", localcluster.CheckApache(os.Getenv))
		killLeaders(t, "apache", 4*time.Second) // a JVM takes longer to come back, and two of three must be there
	})
}

func killLeaders(t *testing.T, engine string, each time.Duration) {
	var outages []float64
	for left := *kills; left > 0; {
		n := min(left, 50) // a command of a test has five minutes
		left -= n
		file := filepath.Join(t.TempDir(), "kills.yaml")
		text := fmt.Sprintf("name: leader-kills\nensemble: {engine: %s}\nduration: %v\nfaults:\n  - every %v from=1s times=%d kill leader --for 700ms\n",
			engine, time.Duration(n+2)*each, each, n)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, f := range at(t, t.TempDir()).drill(file).Faults {
			outages = append(outages, f.NoWrites)
		}
	}
	slices.Sort(outages)
	quantile := func(p float64) float64 { return outages[int(p*float64(len(outages)-1))] }
	t.Logf("%s, %d kills: writes stopped for %.3f s in the median, %.3f s at the 99th percentile, %.3f s at most",
		engine, len(outages), quantile(0.5), quantile(0.99), quantile(1))
}
