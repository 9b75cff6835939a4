package member

import (
	"os"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// One release is named in all texts, and it is the one that docs/compatibility.md takes for its base.
func TestTheVersionIsTheSameEverywhere(t *testing.T) {
	m := standalone(t, func(c *Config) { c.Version = VersionText("0123456789ab", "2026-01-02 03:04") })
	const want = "3.8.0-zkctl-0123456789ab, built on 2026-01-02 03:04 UTC"
	for word, line := range map[string]string{
		"srvr": "Zookeeper version: ", "stat": "Zookeeper version: ", "mntr": "zk_version\t", "envi": "zookeeper.version=",
	} {
		if text := ask(t, m.addr, word); !strings.Contains(text, line+want+"\n") {
			t.Errorf("%s does not say %s%s:\n%s", word, line, want, text)
		}
	}
	srvr, err := wire.ParseSrvr([]byte(ask(t, m.addr, "srvr")))
	if err != nil || srvr.Release() != compatible {
		t.Errorf("clients read the release %q: %v", srvr.Release(), err)
	}
	if text := compatibility(t); !strings.Contains(text, "The base is Apache ZooKeeper "+compatible+":") {
		t.Errorf("docs/compatibility.md has another base than %s", compatible)
	}
}

func TestWhatIsOursInMntr(t *testing.T) {
	text := compatibility(t)
	m := standalone(t)
	ours := 0
	for line := range strings.Lines(ask(t, m.addr, "mntr")) {
		if javaKeys.MatchString(line) {
			continue
		}
		ours++
		if key, _, _ := strings.Cut(line, "\t"); !strings.Contains(text, "`"+key+"`") {
			t.Errorf("docs/compatibility.md does not know %s, which is not ZooKeeper's", key)
		}
	}
	if ours == 0 {
		t.Error("mntr has no key of our own")
	}
}

func TestWordsThatAreNotSupported(t *testing.T) {
	m := standalone(t)
	for _, word := range []string{"gtmk", "stmk", "hash"} {
		if got, want := ask(t, m.addr, word), word+" is not supported by this server.\n"; got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

func compatibility(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
