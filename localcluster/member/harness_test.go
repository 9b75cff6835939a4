package member

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zkctl/probe/wire"
	"zkctl/quorum/zoocfg"
)

// patience bounds every wait of these tests; nothing is expected to take a
// hundredth of it.
const patience = 2 * time.Minute

// logbook keeps what a server logs, and lets a test wait for a line.
type logbook struct {
	t    testing.TB
	name string

	mu      sync.Mutex
	changed sync.Cond
	lines   []string
	ended   bool // the test is over: testing.T must not be used any more
}

func newLogbook(t testing.TB, name string) *logbook {
	b := &logbook{t: t, name: name}
	b.changed.L = &b.mu
	t.Cleanup(func() {
		b.mu.Lock()
		b.ended = true
		b.mu.Unlock()
	})
	return b
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	line := strings.TrimSuffix(string(p), "\n")
	b.lines = append(b.lines, line)
	if !b.ended && testing.Verbose() {
		b.t.Logf("%s: %s", b.name, line)
	}
	b.changed.Broadcast()
	return len(p), nil
}

func (b *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// await waits until n lines contain all of the words, since the server began.
func (b *logbook) await(n int, words ...string) {
	b.t.Helper()
	timer := time.AfterFunc(patience, b.changed.Broadcast)
	defer timer.Stop()
	deadline := time.Now().Add(patience)
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.count(words) < n {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: %d lines with %q did not come within %v; logged:\n%s", b.name, n, words, patience,
				strings.Join(b.lines[max(0, len(b.lines)-40):], "\n"))
		}
		b.changed.Wait()
	}
}

func (b *logbook) count(words []string) (n int) {
	for _, line := range b.lines {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			n++
		}
	}
	return n
}

// text is all that was logged.
func (b *logbook) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, "\n")
}

// running is a member in this process.
type running struct {
	t      testing.TB
	cfg    Config
	addr   string // of the client port
	log    *logbook
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of Run, once done is closed
}

// testConfig is a configuration with quick ticks.
func testConfig(t testing.TB) Config {
	c := *defaultConfig()
	c.File = "test.cfg"
	c.DataDir = t.TempDir()
	c.DataLogDir = c.DataDir
	c.Tick = 200 * time.Millisecond
	c.InitLimit, c.SyncLimit = 20, 5
	c.MinSessionTimeout, c.MaxSessionTimeout = 400*time.Millisecond, time.Minute
	c.Commands = ParseWhitelist("*")
	c.ForceSync = false // most tests cut no power; those about the disk turn it on
	return c
}

func listen(t testing.TB, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func startMember(t testing.TB, cfg Config, given seams) *running {
	t.Helper()
	if given.client == nil {
		given.client = listen(t, cfg.ClientAddress)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &running{
		t: t, cfg: cfg, addr: given.client.Addr().String(), cancel: cancel, done: make(chan struct{}),
		log: newLogbook(t, fmt.Sprintf("server %d", cfg.ID)),
	}
	cfg.ClientAddress, m.cfg.ClientAddress = m.addr, m.addr
	go func() {
		defer close(m.done)
		m.err = run(ctx, cfg, m.log.logger(), given)
	}()
	t.Cleanup(m.stop)
	return m
}

// stop ends the member in an orderly way.
func (m *running) stop() {
	m.cancel()
	m.wait()
}

func (m *running) wait() {
	select {
	case <-m.done:
	case <-time.After(patience):
		m.t.Errorf("%s did not stop within %v", m.log.name, patience)
	}
}

func (m *running) awaitServing(terms int) { m.t.Helper(); m.log.await(terms, `msg="serving clients"`) }

// terms is how often it has begun to serve.
func (m *running) terms() int {
	m.log.mu.Lock()
	defer m.log.mu.Unlock()
	return m.log.count([]string{`msg="serving clients"`})
}

func (m *running) stopped() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// standalone starts a server alone and waits until it serves.
func standalone(t testing.TB, change ...func(*Config)) *running {
	t.Helper()
	cfg := testConfig(t)
	cfg.Standalone = true
	cfg.ClientAddress = "127.0.0.1:0"
	for _, f := range change {
		f(&cfg)
	}
	m := startMember(t, cfg, seams{})
	m.awaitServing(1)
	return m
}

// again starts the server of m, which must have stopped, with the same data
// and the same ports.
func (m *running) again() *running {
	m.t.Helper()
	return startMember(m.t, m.cfg, seams{})
}

// ensemble is a set of members in this process.
type ensemble struct {
	t       testing.TB
	members map[int64]*running
}

// startEnsemble starts voters 1..n and observers behind them, and waits until
// all of them serve.
func startEnsemble(t testing.TB, voters, observers int, change ...func(*Config)) *ensemble {
	t.Helper()
	e := &ensemble{t: t, members: map[int64]*running{}}
	configs, ports := ensembleConfigs(t, voters, observers, change...)
	for id, cfg := range configs {
		e.members[id] = startMember(t, cfg, ports[id])
	}
	for _, m := range e.members {
		m.awaitServing(1)
	}
	return e
}

// ensembleConfigs are the configurations of voters 1..n and observers behind them,
// and the ports in them, which are open.
func ensembleConfigs(t testing.TB, voters, observers int, change ...func(*Config)) (map[int64]Config, map[int64]seams) {
	t.Helper()
	var text strings.Builder
	configs, ports := map[int64]Config{}, map[int64]seams{}
	for id := int64(1); id <= int64(voters+observers); id++ {
		role := "participant"
		if id > int64(voters) {
			role = "observer"
		}
		l := seams{client: listen(t, "127.0.0.1:0"), quorumListeners: quorumListeners{
			quorum: listen(t, "127.0.0.1:0"), election: listen(t, "127.0.0.1:0"),
		}}
		ports[id] = l
		fmt.Fprintf(&text, "server.%d=%v:%s:%s\n", id, l.quorum.Addr(), portOf(l.election.Addr().String()), role)
	}
	text.WriteString("standaloneEnabled=false\n")
	members, err := zoocfg.ParseEnsemble([]byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	system, err := members.System()
	if err != nil {
		t.Fatal(err)
	}
	for id := range ports {
		cfg := testConfig(t)
		cfg.ID, cfg.Ensemble, cfg.Voters = id, members, system
		for _, f := range change {
			f(&cfg)
		}
		configs[id] = cfg
	}
	return configs, ports
}

// leader is the id of the member that says that it leads.
func (e *ensemble) leader() int64 {
	e.t.Helper()
	for id, m := range e.members {
		if !m.stopped() && strings.Contains(ask(e.t, m.addr, "srvr"), "Mode: leader\n") {
			return id
		}
	}
	e.t.Fatal("no member leads")
	return 0
}

// followers are the ids of the others, ascending.
func (e *ensemble) followers() (ids []int64) {
	leader := e.leader()
	for id := int64(1); id <= int64(len(e.members)); id++ {
		if id != leader {
			ids = append(ids, id)
		}
	}
	return ids
}

// eachRole runs a test against a member of each role, in an ensemble of its
// own; other is some other member.
func eachRole(t *testing.T, test func(t *testing.T, m, other *running)) {
	t.Run("standalone", func(t *testing.T) {
		m := standalone(t)
		test(t, m, m)
	})
	for _, role := range []string{"leader", "follower", "observer"} {
		t.Run(role, func(t *testing.T) {
			if testing.Short() && role != "follower" {
				t.Skip("the follower has the longest way")
			}
			e := startEnsemble(t, 3, 1)
			leader, follower := e.members[e.leader()], e.members[e.followers()[0]]
			switch role {
			case "leader":
				test(t, leader, follower)
			case "follower":
				test(t, follower, leader)
			case "observer":
				test(t, e.members[4], follower)
			}
		})
	}
}

// stat reads a value from mntr.
func (m *running) stat(key string) string {
	m.t.Helper()
	text := ask(m.t, m.addr, "mntr")
	values, err := wire.ParseMntr([]byte(text))
	if err != nil {
		m.t.Fatalf("%s: %v in %q", m.log.name, err, text)
	}
	return values[key]
}

// writeFile writes a file for a configuration test.
func writeFile(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
