package localcluster

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestEphemeralRangeIsLeftAlone(t *testing.T) {
	whole := portRange{lowestPort, highestPort}
	for text, want := range map[string]portRange{
		"32768\t60999\n": whole,
		"20000 60999":    {lowestPort, 20000},
		"1024 65535":     whole, // leaves nothing: the whole range is used
		"10500 65535":    whole,
		"40000 65535":    whole,
		"what":           whole,
		"a b":            whole,
	} {
		if got := whole.below(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestChoose(t *testing.T) {
	r := portRange{100, 120}
	busy := func(ports ...int) func(int) bool {
		return func(p int) bool {
			if p < r.low || p >= r.high {
				t.Errorf("asked for %d, outside %v", p, r)
			}
			for _, b := range ports {
				if p == b {
					return false
				}
			}
			return true
		}
	}
	for _, c := range []struct {
		start, count int
		free         func(int) bool
		want         int // 0: none
	}{
		{100, 20, busy(), 100},
		{105, 5, busy(), 105},
		{105, 5, busy(107), 108},
		{105, 5, busy(109, 110), 111},
		{118, 5, busy(), 100},                   // runs into the end: from the beginning
		{110, 5, busy(112, 117), 100},           // nothing behind: from the beginning
		{110, 6, busy(105, 112, 117), 106},      // a gap that begins before start
		{100, 11, busy(109), 0},                 // no gap
		{100, 21, busy(), 0},                    // larger than the range
		{119, 2, busy(101, 103, 105), 106},      // pass over small gaps
		{100, 1, busy(100, 101, 102, 103), 104}, // the first free one
	} {
		got, err := r.choose(c.start, c.count, c.free)
		if (err != nil) != (c.want == 0) || got != c.want {
			t.Errorf("%d from %d: %d, %v, want %d", c.count, c.start, got, err, c.want)
		}
	}
}

// Ten ensembles created at once, each in a home of its own or all in one, get ports of their own.
func TestCreatedAtOnce(t *testing.T) {
	shared := Home(t.TempDir())
	specs := make([]*Spec, 10)
	errs := make([]error, len(specs))
	var all sync.WaitGroup
	for i := range specs {
		home := shared
		if i%2 == 1 {
			home = Home(t.TempDir())
		}
		all.Go(func() {
			specs[i], errs[i] = newSpec(fmt.Sprintf("e%d", i), Request{Nodes: 3}, testTime)
			if errs[i] == nil {
				errs[i] = create(home, specs[i], 0)
			}
		})
	}
	all.Wait()
	owner := map[int]string{}
	for i, s := range specs {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		for _, p := range s.ports() {
			if other := owner[p.number]; other != "" {
				t.Errorf("port %d belongs to %s and %s", p.number, other, s.Name)
			}
			owner[p.number] = s.Name
			if limit := allocatable(); p.number < limit.low || p.number >= limit.high {
				t.Errorf("%s has port %d, outside %v", s.Name, p.number, limit)
			}
		}
	}
}

func TestBasePort(t *testing.T) {
	home := Home(t.TempDir())
	// The ports that create chooses by itself are free.
	first := mustSpec(t, Request{Nodes: 1})
	if err := create(home, first, 0); err != nil {
		t.Fatal(err)
	}
	base := first.firstPort()

	try := func(name string, base int) error {
		s, err := newSpec(name, Request{Nodes: 1}, testTime)
		if err != nil {
			t.Fatal(err)
		}
		return create(home, s, base)
	}
	if err := try("second", base+3); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d (member 1, clients) belongs to the ensemble in %s", base+3, home.Folder("demo"))) {
		t.Errorf("a port of another ensemble: %v", err)
	}
	if err := os.RemoveAll(string(home.Folder("demo"))); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", loopback(base+1))
	if err != nil {
		t.Fatal(err)
	}
	if err := try("second", base); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d (member 1, quorum) cannot be used", base+1)) {
		t.Errorf("a port that a program listens on: %v", err)
	}
	if fileExists(string(home.Folder("second"))) {
		t.Error("a failed create left its folder")
	}
	listener.Close()
	if err := try("second", base); err != nil {
		t.Errorf("the ports of an ensemble that is no more: %v", err)
	}
	for _, bad := range []int{80, 65534} {
		if err := try("third", bad); CodeOf(err) != CodeUsage {
			t.Errorf("base %d: %v", bad, err)
		}
	}
}

// A register that was lost, as /tmp is on reboot, gets the ensembles of the home again; a damaged one counts as
// empty.
func TestRegisterIsRebuilt(t *testing.T) {
	home := Home(t.TempDir())
	s := mustSpec(t, Request{})
	if err := create(home, s, 0); err != nil {
		t.Fatal(err)
	}
	r := &register{}
	if err := r.addHome(home); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.ports() {
		if r.owner(p.number) != string(home.Folder("demo")) {
			t.Errorf("port %d has the owner %q", p.number, r.owner(p.number))
		}
	}
	if last := s.firstPort() + s.portCount(); r.owner(last) != "" || r.owner(s.firstPort()-1) != "" {
		t.Error("the register claims more than the ensemble has")
	}
	if err := os.RemoveAll(string(home.Folder("demo"))); err != nil {
		t.Fatal(err)
	}
	if r.prune(); len(r.entries) != 0 {
		t.Errorf("a removed ensemble is still registered: %+v", r.entries)
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	home := Home(t.TempDir())
	s := mustSpec(t, Request{})
	if err := create(home, s, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.checkPorts(); err != nil {
		t.Fatal(err)
	}
	link := s.Links[0]
	listener, err := net.Listen("tcp", loopback(link.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	err = s.checkPorts()
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d (link 1>2, quorum)", link.Port)) || !strings.Contains(HintOf(err), "--base-port") {
		t.Errorf("%v (%s)", err, HintOf(err))
	}
}

func TestLongHomesGetShortSockets(t *testing.T) {
	short := Folder(filepath.Join(t.TempDir(), "x"))
	path, err := short.Socket()
	if err != nil || filepath.Dir(path) != string(short) && len(string(short)) < 80 {
		t.Errorf("%s, %v", path, err)
	}
	long := Folder("/" + strings.Repeat("long/", 40))
	path, err = long.Socket()
	if err != nil {
		t.Fatal(err)
	}
	if len(path) > maxSocketPath {
		t.Errorf("%s has %d bytes", path, len(path))
	}
	other, err := Folder(string(long) + "er").Socket()
	if err != nil || other == path {
		t.Errorf("two ensembles share %s, %v", path, err)
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestErrorsCrossTheSocket(t *testing.T) {
	for _, code := range []Code{CodeFailed, CodeUsage, CodeMissing, CodeTimedOut} {
		text, err := json.Marshal(fail(code, "do this", "went %s", "wrong"))
		if err != nil {
			t.Fatal(err)
		}
		var back Error
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if back.Code != code || back.Text != "went wrong" || back.Hint != "do this" {
			t.Errorf("%s came back as %+v", text, back)
		}
	}
}
