package zoocfg

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zkctl/quorum"
)

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPropertiesSyntax(t *testing.T) {
	c := mustParse(t, "# comment\r\n! another\n\n  tickTime = 2000  \n"+
		"dataDir:/var/lib/zookeeper\rclientPort 2181\n"+
		"long = a,\\\n      b,\\\n  c\n"+
		`esc\ aped\:key = tab\tand \u0041\uD83D\uDE00 c:\\temp`+"\n"+
		"# not continued \\\nempty=\nbare\nlast=end\\")
	want := []Entry{
		{"tickTime", "2000  ", 4}, {"dataDir", "/var/lib/zookeeper", 5}, {"clientPort", "2181", 6},
		{"long", "a,b,c", 7}, {"esc aped:key", "tab\tand A😀 c:\\temp", 10},
		{"empty", "", 12}, {"bare", "", 13}, {"last", "end", 14},
	}
	if got := c.All(); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if v, ok := c.Get("tickTime"); v != "2000" || !ok {
		t.Errorf("Get trims as ZooKeeper does: %q %v", v, ok)
	}
	if _, ok := c.Get("absent"); ok {
		t.Error("absent key found")
	}
	if _, err := Parse([]byte("a=1\nb=\\u12G4\n")); err == nil || !strings.Contains(err.Error(), `line 2: malformed escape \u12G4`) {
		t.Errorf("malformed escape: %v", err)
	}
}

func TestContradictions(t *testing.T) {
	c := mustParse(t, "tickTime=1\na=1\na=1\ntickTime=2\n")
	found := c.Contradictions()
	if len(found) != 1 || found[0].Error() != "line 1: tickTime=1 contradicts line 4: tickTime=2 (zookeeper silently takes the last)" {
		t.Errorf("got %v", found)
	}
	if v, _ := c.Get("tickTime"); v != "2" {
		t.Errorf("last wins, got %s", v)
	}
}

func TestServerLines(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"h1:2888:3888", "h1:2888:3888:participant"},
		{"h1:2888:3888:OBSERVER;2181", "h1:2888:3888:observer;0.0.0.0:2181"},
		{"h1:2888:3888:participant;10.0.0.1:2181", "h1:2888:3888:participant;10.0.0.1:2181"},
		{"[::1]:2888:3888;[fe80::2]:2181", "[::1]:2888:3888:participant;[fe80::2]:2181"},
		{"a:1:2|b:3:4:observer;5", "a:1:2|b:3:4:observer;0.0.0.0:5"},
		{"h:1:2:observer ", "h:1:2:observer"}, // the role alone is trimmed
		{":1:2", ":1:2:participant"},          // no host is this machine
		{"h:1:2:", "h:1:2:participant"},       // Java's split drops the empty end
	} {
		s, err := parseServer(c.value)
		if err != nil {
			t.Errorf("%s: %v", c.value, err)
			continue
		}
		if s.String() != c.want {
			t.Errorf("%s: got %s, want %s", c.value, s, c.want)
		}
		again, err := parseServer(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%s does not read back: %v, %v", s, again, err)
		}
	}
	lines := &Ensemble{lines: map[string]int{}}
	for _, c := range []struct{ value, says string }{
		{"h1", "host:quorumPort:electionPort"},
		{"", "no address"}, {";", "no address"}, {";;2181", "no address"}, {":", "host:quorumPort:electionPort"},
		{"h1:2888", "host:quorumPort:electionPort"},
		{"h1:2888:3888:voter", `role "voter"`},
		{"h1:2888:2888", "both 2888"},
		{"h1:x:3888", `quorum port "x"`},
		{"h1:2888:70000", `election port "70000"`},
		{"h1:1:2;a:b:3", "neither port nor host:port"},
		{"h1:1:2;2181 ", "white space"},
		{"h1:1:2 ", "white space"},
		{"[::1:1:2", "bracket"},
		{"[::1]", "no port"},
		{"a:1:2:observer|b:1:2:participant", "different roles"},
		{"h:1:2;3;4", "more than one ';'"}, {"h:1:2;;4", "more than one"},
	} {
		if err := lines.add(Entry{"server.3", c.value, 1}); !errors.Is(err, quorum.ErrRefused) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.value, err, c.says)
		}
	}
	for _, value := range []string{"|", "||;2181", "h 3:1:2", "h\\3:1:2"} { // zookeeper finds out later
		if err := lines.add(Entry{"server.3", value, 1}); err == nil || errors.Is(err, quorum.ErrRefused) || !strings.Contains(err.Error(), "server.3="+value) {
			t.Errorf("%s: got %v", value, err)
		}
	}
}

const three = "server.1=h1:2888:3888;2181\nserver.2=h2:2888:3888;2181\nserver.3=h3:2888:3888;2181\n"

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, text string
		refused    bool
		says       string
	}{
		{"no servers", "dataDir=/x\n", false, "no server.N line"},
		{"only observers", "server.1=h:1:2:observer\n", true, "line 1: 1 observers and no participant"},
		{"observers beside one", "server.1=h:1:2:observer\nserver.2=g:1:2\n", true, "line 2: server 2 is the only participant"},
		{"id", "a=b\nserver.x=h:1:2\n", true, `line 2: server.x=h:1:2: "x" is not a number`},
		{"group without dot", three + "groups=1\n", true, `line 4: groups=1: "groups" is not a number`},
		{"group member", three + "group.1=1:2:three\n", true, `line 4: group.1=1:2:three: "three" is not a server id`},
		{"blank at the end", three + "group.1=1:2:3 \n", true, "remove the white space"},
		{"weight", three + "group.1=1:2:3\nweight.1=heavy\n", true, "line 5: weight.1=heavy"},
		{"weight beyond 64 bits", three + "group.1=1:2:3\nweight.1=9223372036854775808\n", true, "line 5: weight.1=9223372036854775808"},
		{"weight without group", three + "weight.1=2\n", true, "line 1: server 1 is not in a group"},
		{"two groups", three + "group.1=1:2\ngroup.2=2:3\n", true, "line 5: server 2 is in multiple groups (1 and 2)"},
		{"observer in group", three + "server.4=h4:1:2:observer\ngroup.1=1:2:3:4\n", true, "line 5: group 1 lists server 4"},
		{"overflow", three + "group.1=1:2:3\nweight.1=9223372036854775807\n", false, "beyond 64 bits"},
		{"negative weight", three + "group.1=1:2:3\nweight.1=-1\n", false, "line 5: weight -1"},
		{"contradiction", three + "server.2=h9:2888:3888;2181\n", false, "line 2: server.2=h2:2888:3888;2181 contradicts line 4"},
		{"same id twice", three + "server.02=h2:2888:3888;2181\n", false, "line 4: server 2 is declared twice, the other time in line 2"},
		{"addresses", "server.1=a:1:2|b:1:2\n", true, "line 1: server.1 has 2 addresses"},
		{"servers beside a dynamic file", three + "dynamicConfigFile=/x\n", true, "line 1: parameter server.1 must be in the separate"},
		{"version", three + "version=xyz\n", true, "line 4: version=xyz"},
		{"second client address", "server.1=h:1:2;3;4\n", true, "line 1: server.1=h:1:2;3;4: more than one ';'"},
		{"negative id", three + "server.-4=h4:1:2\n", false, "line 4: server.-4=h4:1:2: server ids are zero or more"},
		{"overflow at a weight that is not given", three + "group.1=1:2:3\nweight.1=9223372036854775807\n", false, "line 4: the weights of group 1"},
	} {
		e, err := mustParse(t, c.text).Ensemble()
		if err == nil {
			_, err = e.System()
		}
		if err == nil || errors.Is(err, quorum.ErrRefused) != c.refused || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v (refused %v), want %q", c.name, err, errors.Is(err, quorum.ErrRefused), c.says)
		}
	}
}

func TestDynamicFile(t *testing.T) {
	static := mustParse(t, "tickTime=2000\ndynamicConfigFile=/etc/zoo.cfg.dynamic.100000002\n")
	if _, err := static.Ensemble(); err == nil || !strings.Contains(err.Error(), "/etc/zoo.cfg.dynamic.100000002") {
		t.Errorf("the dynamic file must be asked for: %v", err)
	}
	path, _ := static.DynamicFile()
	merged, err := static.WithDynamic(mustParse(t, three), path)
	if err != nil {
		t.Fatal(err)
	}
	e, err := merged.Ensemble()
	if err != nil || e.Version != 0x100000002 || len(e.Servers) != 3 {
		t.Fatalf("merged: %+v, %v", e, err)
	}
	if v, _ := merged.Get("tickTime"); v != "2000" {
		t.Error("static keys must survive the merge")
	}
	for _, c := range []struct{ text, says string }{
		{three + "version=1\n", "line 4: version=1 does not belong"},
		{three + "tickTime=1\n", "line 4: unrecognised parameter tickTime"},
	} {
		if _, err := static.WithDynamic(mustParse(t, c.text), path); !errors.Is(err, quorum.ErrRefused) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want %q", err, c.says)
		}
	}
}

// TestOracleIgnoresGroups: QuorumOracleMaj does not read them, so nothing can be wrong with them.
func TestOracleIgnoresGroups(t *testing.T) {
	e, err := mustParse(t, three+"group.1=nonsense\nweight=none\noraclePath=/oracle\n").Ensemble()
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.System()
	if err != nil || s.Kind() != quorum.Majority || e.Oracle != "/oracle" || strings.Contains(e.Text(), "group") {
		t.Errorf("%+v (%v), %s", s, err, e.Text())
	}
}

// TestRunningServersMaySayMore: what is refused in a file is read from servers, which may have been
// started with other switches.
func TestRunningServersMaySayMore(t *testing.T) {
	e, err := ParseEnsemble([]byte("server.1=a:1:2|b:1:2:participant;0.0.0.0:3\nserver.2=c:1:2:observer\nversion=0"))
	if err != nil || len(e.Servers[0].Addresses) != 2 {
		t.Fatalf("%+v (%v)", e, err)
	}
	if _, err := e.System(); err != nil {
		t.Errorf("one voter and an observer, running: %v", err)
	}
}

func TestTextIsCanonical(t *testing.T) {
	e, err := ParseEnsemble([]byte("version=1a\nserver.10=h10:1:2;9\nserver.2=h2:1:2:observer\n" +
		"group.1=10\nweight.10=3\nserver.1=a:1:2|b:3:4\nweight.1=0\ngroup.2=1\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := "server.1=a:1:2|b:3:4:participant\nserver.2=h2:1:2:observer\nserver.10=h10:1:2:participant;0.0.0.0:9\n" +
		"group.1=10\ngroup.2=1\nweight.1=0\nweight.10=3\nversion=1a"
	if got := e.Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	again, err := ParseEnsemble([]byte(want))
	if err != nil || again.Text() != want {
		t.Errorf("canonical text does not read back: %v", err)
	}
	if !slices.Equal(e.Voters(), []int64{1, 10}) || !slices.Equal(e.Observers(), []int64{2}) {
		t.Errorf("voters %v observers %v", e.Voters(), e.Observers())
	}
	if s, ok := e.Server(10); !ok || s.Host() != "h10" {
		t.Errorf("Server(10) = %v, %v", s, ok)
	}
	if _, ok := e.Server(3); ok {
		t.Error("Server(3) does not exist")
	}
}

// TestGolden replays configurations whose verdicts were taken from ZooKeeper's
// own QuorumMaj and QuorumHierarchical.
func TestGolden(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "testdata", "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Hierarchical map[string]struct {
			Config string  `json:"zoo_cfg"`
			Voters []int64 `json:"voters"`
			Lead   []int64 `json:"leader_eligible"`
		} `json:"hierarchical"`
		Samples []struct {
			System string  `json:"system"`
			Acks   []int64 `json:"acks"`
			Quorum bool    `json:"quorum"`
		} `json:"contains_quorum_samples"`
		Errors []struct {
			Case   string `json:"case"`
			Config string `json:"zoo_cfg"`
		} `json:"config_errors"`
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	systems := map[string]*quorum.System{}
	for name, g := range golden.Hierarchical {
		e, err := ParseEnsemble([]byte(g.Config))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s, err := e.System()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		systems[name] = s
		if !slices.Equal(s.Voters(), g.Voters) {
			t.Errorf("%s: voters %v, want %v", name, s.Voters(), g.Voters)
		}
		for _, id := range g.Voters {
			if s.CanLead(id) != slices.Contains(g.Lead, id) {
				t.Errorf("%s: CanLead(%d) = %v", name, id, s.CanLead(id))
			}
		}
	}
	if len(golden.Samples) == 0 || len(golden.Errors) == 0 {
		t.Fatal("the golden file lost its samples")
	}
	for _, c := range golden.Samples {
		if got := systems[c.System].Has(c.Acks...); got != c.Quorum {
			t.Errorf("%s: acks %v: %v, want %v", c.System, c.Acks, got, c.Quorum)
		}
	}
	for _, c := range golden.Errors {
		e, err := mustParse(t, c.Config).Ensemble()
		if err == nil {
			_, err = e.System()
		}
		if !errors.Is(err, quorum.ErrRefused) {
			t.Errorf("%s: %v, want a refusal", c.Case, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(three + "group.1=1:2:3\nweight.1=0\nversion=10"))
	f.Add([]byte(three + "group.1=:\ngroup.2=1:2:3\n"))
	f.Add([]byte("server.1=;\nserver.2=|\nserver.3=:\ngroup.1=:\ngroup.2=\n"))
	f.Add([]byte("a\\\n b=\\u0041\\uD83D\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		e, err := c.Ensemble()
		if err != nil {
			return
		}
		canonical := e.Text()
		again, err := ParseEnsemble([]byte(canonical))
		if err != nil {
			t.Fatalf("canonical text of %q is unreadable: %v\n%s", text, err, canonical)
		}
		if again.Text() != canonical {
			t.Fatalf("canonical text changes:\n%s\n%s", canonical, again.Text())
		}
	})
}
