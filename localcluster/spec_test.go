package localcluster

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zkctl/quorum/zoocfg"
)

var testTime = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

// mustSpec designs an ensemble and lays its ports out from 20000.
func mustSpec(t *testing.T, r Request) *Spec {
	t.Helper()
	s, err := newSpec("demo", r, testTime)
	if err != nil {
		t.Fatal(err)
	}
	s.assignPorts(20000)
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	return s
}

func mustMix(t *testing.T, text string) EngineMix {
	t.Helper()
	mix, err := ParseEngineMix(text)
	if err != nil {
		t.Fatal(err)
	}
	return mix
}

// describe lists the members of a spec with their engines: 1e 2a 3e* (an observer).
func describe(s *Spec) string {
	var words []string
	for _, m := range s.Members {
		word := string(rune('0'+m.ID)) + m.Engine.String()[:1]
		if m.Observer {
			word += "*"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestRequestBecomesMembers(t *testing.T) {
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{}, "1e 2e 3e"},
		{Request{Nodes: 1}, "1e"},
		{Request{Nodes: 3, Observers: 2}, "1e 2e 3e 4e* 5e*"},
		{Request{Engines: mustMix(t, "apache")}, "1a 2a 3a"},
		{Request{Engines: mustMix(t, "embedded=2,apache=1")}, "1e 2e 3a"},
		{Request{Engines: mustMix(t, "embedded=4,apache=1")}, "1e 2e 3e 4e 5a"},
		{Request{Observers: 1, Engines: mustMix(t, "apache=1,embedded=2")}, "1a 2e 3e*"},
		{Request{Nodes: 3, Observers: 1, Engines: mustMix(t, "apache=3")}, "1a 2a 3a 4e*"},
		{Request{Config: []byte("server.2=h:1:2\nserver.5=h:3:4\nserver.7=h:5:6:observer\n")}, "2e 5e 7e*"},
		{Request{Nodes: 5, Config: []byte("snapCount=7\n")}, "1e 2e 3e 4e 5e"},
	} {
		if got := describe(mustSpec(t, c.r)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.r, got, c.want)
		}
	}
}

func TestRequestsRefused(t *testing.T) {
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{Nodes: -1}, "-1 voters"},
		{Request{Nodes: 51}, "51 members are too many"},
		{Request{Nodes: 3, Engines: mustMix(t, "embedded=4,apache=1")}, "for 5 members, but there are 3 voters"},
		{Request{Settings: []string{"snapCount"}}, `"snapCount" is no key=value`},
		{Request{Settings: []string{"clientPort=2181"}}, `"clientPort" cannot be made`},
		{Request{Settings: []string{"server.4=a:1:2"}}, "cannot be made"},
		{Request{Settings: []string{"a=b\nserver.4=a:1:2"}}, "is no key=value"},
		{Request{Settings: []string{"tickTime=soon"}}, "tickTime=soon"},
		{Request{Settings: []string{"syncLimit=0"}}, "syncLimit=0"},
		{Request{Tick: time.Microsecond}, "at least 1ms"},
		{Request{Nodes: 3, Config: []byte("server.1=h:1:2\n"), ConfigAs: "zoo.cfg"}, "zoo.cfg says itself"},
		{Request{Config: []byte("server.1=h:1:2:observer\n"), ConfigAs: "zoo.cfg"}, "zoo.cfg: "},
		{Request{Config: []byte("server.1=nonsense\n"), ConfigAs: "zoo.cfg"}, "zoo.cfg: line 1"},
	} {
		_, err := newSpec("demo", c.r, testTime)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.r, err, c.want)
		} else if CodeOf(err) != CodeUsage {
			t.Errorf("%+v: %v is %s, want usage", c.r, err, CodeOf(err))
		}
	}
}

func TestEngineMixGrammar(t *testing.T) {
	for _, text := range []string{"", "java", "apache=", "apache=0", "apache=x", "embedded,apache", "embedded=1,apache", "=1"} {
		if _, err := ParseEngineMix(text); CodeOf(err) != CodeUsage {
			t.Errorf("%q: %v, want a usage error", text, err)
		} else if !strings.Contains(HintOf(err), "embedded=2,apache=1") {
			t.Errorf("%q: the hint %q does not show the grammar", text, HintOf(err))
		}
	}
}

// Each member's zoo.cfg must agree with the links that the mesh opens: a member binds its own ports and
// dials only its own links.
func TestMembersOnlyKnowTheirLinks(t *testing.T) {
	s := mustSpec(t, Request{Nodes: 3, Observers: 1})
	real := map[int]int64{} // quorum and election ports -> their member
	links := map[int]LinkSpec{}
	for _, m := range s.Members {
		real[m.QuorumPort], real[m.ElectionPort] = m.ID, m.ID
	}
	for _, l := range s.Links {
		links[l.Port] = l
	}
	for _, m := range s.Members {
		ensemble := parseMember(t, s, m)
		if !slices.Equal(ensemble.Voters(), []int64{1, 2, 3}) || !slices.Equal(ensemble.Observers(), []int64{4}) {
			t.Errorf("member %d: voters %v, observers %v", m.ID, ensemble.Voters(), ensemble.Observers())
		}
		for _, server := range ensemble.Servers {
			quorum, election := server.Addresses[0].QuorumPort, server.Addresses[0].ElectionPort
			if server.ID == m.ID {
				if real[quorum] != m.ID || real[election] != m.ID {
					t.Errorf("member %d binds %d and %d, which are not its own", m.ID, quorum, election)
				}
				continue
			}
			want := LinkSpec{From: m.ID, To: server.ID, Channel: channelQuorum, Port: quorum}
			if links[quorum] != want {
				t.Errorf("member %d dials %d for the quorum of %d, which is %+v", m.ID, quorum, server.ID, links[quorum])
			}
			want = LinkSpec{From: m.ID, To: server.ID, Channel: channelElection, Port: election}
			if links[election] != want {
				t.Errorf("member %d dials %d for the election of %d, which is %+v", m.ID, election, server.ID, links[election])
			}
		}
	}
}

func parseMember(t *testing.T, s *Spec, m MemberSpec) *zoocfg.Ensemble {
	t.Helper()
	config, err := zoocfg.Parse([]byte(s.configText(m, "/state/members/x")))
	if err != nil {
		t.Fatal(err)
	}
	ensemble, err := config.Ensemble()
	if err != nil {
		t.Fatal(err)
	}
	return ensemble
}

func TestConfigText(t *testing.T) {
	s := mustSpec(t, Request{Nodes: 1, Settings: []string{"snapCount=1000", "tickTime=100"}})
	got := s.configText(s.Members[0], `/home/zoë/state\x`)
	want := `# Member 1 of the ensemble "demo". zkctl writes this file at every start: use ` + "`zkctl up --set`" + `.
dataDir=/home/zo\u00eb/state\\x/data
clientPort=20000
clientPortAddress=127.0.0.1
4lw.commands.whitelist=*
admin.enableServer=false
autopurge.purgeInterval=1
initLimit=10
maxSessionTimeout=60000
minSessionTimeout=400
snapCount=1000
syncLimit=5
tickTime=100
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	config, err := zoocfg.Parse([]byte(got))
	if err != nil {
		t.Fatal(err)
	}
	if dir, _ := config.Get("dataDir"); dir != `/home/zoë/state\x/data` {
		t.Errorf("dataDir is read back as %q", dir)
	}
}

// ZooKeeper refuses one voter with observers unless standaloneEnabled is false.
func TestOneVoterWithObservers(t *testing.T) {
	s := mustSpec(t, Request{Nodes: 1, Observers: 1})
	for _, m := range s.Members {
		if _, err := parseMember(t, s, m).System(); err != nil {
			t.Errorf("member %d: %v", m.ID, err)
		}
	}
}

func TestConfigFileBecomesSettings(t *testing.T) {
	s := mustSpec(t, Request{
		Config: []byte("tickTime=2000\ninitLimit=5\nsyncLimit=2\ndataDir=/var/lib/zookeeper\nclientPort=2181\n" +
			"server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\ngroup.1=1:2:3\nweight.1=2\n"),
		Tick: 300 * time.Millisecond,
	})
	for key, want := range map[string]string{"tickTime": "300", "initLimit": "5", "syncLimit": "2", "weight.1": "2",
		"dataDir": "", "clientPort": "", "server.1": ""} {
		if got := s.Settings[key]; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if s.Tick() != 300*time.Millisecond {
		t.Errorf("tick %v", s.Tick())
	}
}

func TestReviseKeepsTheEnsemble(t *testing.T) {
	for _, c := range []struct {
		r       Request
		changed bool
		wrong   string
	}{
		{Request{}, false, ""},
		{Request{Nodes: 3, BasePort: 20000}, false, ""},
		{Request{Settings: []string{"tickTime=200"}}, false, ""},
		{Request{Settings: []string{"tickTime=500"}}, true, ""},
		{Request{Engines: mustMix(t, "apache")}, true, ""},
		{Request{Nodes: 5}, false, "--nodes 5: the ensemble demo exists, with 3"},
		{Request{Observers: 1}, false, "--observers 1"},
		{Request{BasePort: 21000}, false, "--base-port 21000"},
		{Request{Config: []byte("a=b")}, false, "--config"},
	} {
		changed, err := mustSpec(t, Request{}).revise(c.r)
		if c.wrong == "" {
			if err != nil || changed != c.changed {
				t.Errorf("%+v: changed %v, %v", c.r, changed, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.wrong) || CodeOf(err) != CodeUsage {
			t.Errorf("%+v: %v, want %q", c.r, err, c.wrong)
		}
	}
}

func TestSpecSurvivesTheDisk(t *testing.T) {
	folder := Folder(t.TempDir())
	s := mustSpec(t, Request{Nodes: 3, Observers: 1, Engines: mustMix(t, "embedded=2,apache=1")})
	if err := s.save(folder); err != nil {
		t.Fatal(err)
	}
	back, err := LoadSpec(folder)
	if err != nil {
		t.Fatal(err)
	}
	want, err1 := json.Marshal(s)
	got, err2 := json.Marshal(back)
	if err := errors.Join(err1, err2); err != nil || string(got) != string(want) {
		t.Errorf("read back\n%s\nwant\n%s (%v)", got, want, err)
	}
	entries, _ := os.ReadDir(string(folder))
	if len(entries) != 1 {
		t.Errorf("saving left %v", entries)
	}
}

func TestSpecsRefused(t *testing.T) {
	good := mustSpec(t, Request{})
	for _, c := range []struct {
		want  string
		spoil func(*Spec)
	}{
		{"version 2", func(s *Spec) { s.Version = 2 }},
		{"no members", func(s *Spec) { s.Members = nil }},
		{"no voters", func(s *Spec) {
			for i := range s.Members {
				s.Members[i].Observer = true
			}
		}},
		{"must ascend", func(s *Spec) { s.Members[1].ID = 1 }},
		{"used twice", func(s *Spec) { s.Links[0].Port = s.Members[0].ClientPort }},
		{"out of range", func(s *Spec) { s.Links[0].Port = 70000 }},
		{"need 24", func(s *Spec) { s.Links = s.Links[1:] }},
	} {
		text, _ := json.Marshal(good)
		var s Spec
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		c.spoil(&s)
		folder := Folder(t.TempDir())
		if err := s.save(folder); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSpec(folder); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	folder := Folder(t.TempDir())
	if err := os.WriteFile(folder.SpecFile(), []byte(`{"version":1,"members":[{"engine":"zebra"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSpec(folder); err == nil || !strings.Contains(err.Error(), "zebra") {
		t.Errorf("%v, want it to name the engine", err)
	}
	if _, err := LoadSpec(Folder(t.TempDir())); CodeOf(err) != CodeMissing {
		t.Errorf("an absent ensemble: %v", err)
	}
}

func TestHome(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(key string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == key {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for _, c := range []struct {
		env  func(string) string
		want string
	}{
		{env("ZKCTL_HOME", "/z", "XDG_STATE_HOME", "/x", "HOME", "/h"), "/z"},
		{env("XDG_STATE_HOME", "/x", "HOME", "/h"), "/x/zkctl"},
		{env("HOME", "/h"), "/h/.local/state/zkctl"},
	} {
		if got, err := FindHome(c.env); err != nil || string(got) != c.want {
			t.Errorf("%s, %v, want %s", got, err, c.want)
		}
	}
	if _, err := FindHome(env()); err == nil {
		t.Error("no home and no error")
	}
}

func TestPick(t *testing.T) {
	home := Home(t.TempDir())
	pick := func(name, want string, code Code) {
		t.Helper()
		got, err := home.Pick(name)
		if got != want || (err != nil) != (want == "") || err != nil && CodeOf(err) != code {
			t.Errorf("pick %q: %q, %v, want %q", name, got, err, want)
		}
	}
	add := func(name string) {
		t.Helper()
		if err := os.Mkdir(string(home.Folder(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := mustSpec(t, Request{}).save(home.Folder(name)); err != nil {
			t.Fatal(err)
		}
	}
	pick("", DefaultName, 0)
	add("one")
	pick("", "one", 0)
	add("two")
	pick("", "", CodeUsage)
	pick("two", "two", 0)
	add(DefaultName)
	pick("", DefaultName, 0)
	for _, bad := range []string{"a/b", "..", ".hidden", "-x", "a b", strings.Repeat("x", 65)} {
		if err := CheckName(bad); CodeOf(err) != CodeUsage {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A directory with other files that has the name of an ensemble is refused; what a killed zkctl left half-made
// is taken over.
func TestCreateTouchesNothingElse(t *testing.T) {
	home := Home(t.TempDir())
	folder := home.Folder("demo")
	if err := os.Mkdir(string(folder), 0o700); err != nil {
		t.Fatal(err)
	}
	letter := filepath.Join(string(folder), "letter.txt")
	if err := os.WriteFile(letter, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := create(home, mustSpec(t, Request{}), 0); err == nil || !strings.Contains(err.Error(), "is no ensemble: it holds letter.txt") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(letter); err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(string(folder), ".spec.json.123")
	if err := os.Rename(letter, torn); err != nil {
		t.Fatal(err)
	}
	if err := create(home, mustSpec(t, Request{}), 0); err != nil {
		t.Fatal(err)
	}
	if fileExists(torn) {
		t.Error("the torn file is still there")
	}
	if err := create(home, mustSpec(t, Request{}), 0); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second create: %v", err)
	}
}
