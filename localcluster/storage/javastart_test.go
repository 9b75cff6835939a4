package storage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/probe/peers"
	"zkctl/probe/wire"
)

// starts says whether a server starts on a folder, standalone and as a member of an ensemble.
type starts struct{ alone, member bool }

var (
	always = starts{true, true}
	alone  = starts{alone: true}
	never  = starts{}
)

// startCase is a data folder, and which servers start on it.
type startCase struct {
	name string
	make func(*MemFS)
	java starts // ZooKeeper 3.8.0
	ours starts
	why  string // the reason if the two differ
}

// startCases returns the folder of a whole history (a snapshot of the empty tree, 0x100000001 to 0x100000006 in
// one log, 0x100000007 to 0x10000000c in another), and the cases that change it.
func startCases(t *testing.T) (base *MemFS, cases []startCase) {
	st := newTestHistory()
	st.grow(1, 6)
	base = onDisk(t, st)
	middle := snapshotFile(t, st)
	s, _ := mustOpen(t, options(base))
	write(t, s, st.grow(1, 6))
	mustClose(t, s)
	end := snapshotFile(t, st)
	first, second := logPath(0x100000001), logPath(0x100000007)
	file := func(name string) string { return dataDir + "/version-2/" + name }
	remove := func(m *MemFS, paths ...string) {
		for _, path := range paths {
			if err := m.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	return base, []startCase{
		{name: "whole", make: func(*MemFS) {}, java: always, ours: always},
		{name: "a snapshot alone", java: always, ours: always, make: func(m *MemFS) {
			remove(m, first, second, snapshotPath(0), file(acceptedEpochName), file(currentEpochName))
			m.WriteFile(snapshotPath(0x10000000c), end)
		}},
		{name: "a snapshot alone, epoch files of a standalone server", java: alone, ours: alone, make: func(m *MemFS) {
			remove(m, first, second, snapshotPath(0))
			m.WriteFile(snapshotPath(0x10000000c), end)
			m.WriteFile(file(acceptedEpochName), []byte("0"))
			m.WriteFile(file(currentEpochName), []byte("0"))
		}},
		{name: "a fuzzy snapshot alone", java: always, ours: always, make: func(m *MemFS) {
			remove(m, first, second, snapshotPath(0))
			m.WriteFile(snapshotPath(0x100000006), end)
		}},
		{name: "a log that ends before what a fuzzy snapshot shows", java: always, ours: never, why: "transactions that were there are gone", make: func(m *MemFS) {
			remove(m, second, snapshotPath(0))
			m.WriteFile(snapshotPath(0x100000004), end)
		}},
		{name: "a wrong digest", java: always, ours: always, make: func(m *MemFS) {
			m.WriteFile(second, slices.Concat(readFile(t, m, second), appendEntry(nil, divergedTxn(0x10000000d).Data)))
		}},
		{name: "a wrong digest in the snapshot", java: always, ours: always, make: func(m *MemFS) {
			m.WriteFile(snapshotPath(0x10000000c), withDigest(end, 0x10000000c, 42))
		}},
		{name: "a log is missing", java: always, ours: never, why: "transactions that were there are gone", make: func(m *MemFS) { remove(m, first) }},
		{name: "a transaction is missing in a log", java: always, ours: never, why: "transactions that were there are gone", make: func(m *MemFS) {
			log, ends := readFile(t, m, first), entryEnds(st.proposals)
			m.WriteFile(first, slices.Concat(log[:ends[2]], log[ends[3]:]))
		}},
		{name: "a transaction has another checksum", java: never, ours: never, make: func(m *MemFS) {
			log := slices.Clone(readFile(t, m, first))
			log[len(log)-5] ^= 1
			m.WriteFile(first, log)
		}},
		{name: "the newest snapshot is damaged", java: always, ours: always, make: func(m *MemFS) {
			m.WriteFile(snapshotPath(0x100000006), middle[:len(middle)-9])
		}},
		{name: "the newest snapshot is damaged, and the log does not reach it", java: always, ours: never, why: "transactions that were there are gone", make: func(m *MemFS) {
			remove(m, second)
			m.WriteFile(snapshotPath(0x10000000c), end[:len(end)-9])
		}},
		{name: "a log without a snapshot", java: never, ours: never, make: func(m *MemFS) { remove(m, snapshotPath(0)) }},
		{name: "a log of another name", java: always, ours: never, why: "it may have lost its beginning, which zxids do not show at the beginning of an epoch", make: func(m *MemFS) {
			log := readFile(t, m, second)
			remove(m, second)
			m.WriteFile(logPath(0x100000006), log)
		}},
		{name: "an epoch and no history", java: always, ours: alone, why: "a member that has lost its history would win elections, and replace the history of the others", make: func(m *MemFS) { remove(m, first, second, snapshotPath(0)) }},
		{name: "an unreadable epoch", java: alone, ours: alone, make: func(m *MemFS) { m.WriteFile(file(currentEpochName), []byte("one")) }},
		{name: "epochs out of order", java: alone, ours: alone, make: func(m *MemFS) { m.WriteFile(file(currentEpochName), []byte("5")) }},
		{name: "currentEpoch behind the history", java: alone, ours: always, why: "a crash leaves that", make: func(m *MemFS) { m.WriteFile(file(currentEpochName), []byte("0")) }},
		{name: "both epochs behind the history", java: alone, ours: alone, make: func(m *MemFS) {
			m.WriteFile(file(acceptedEpochName), []byte("0"))
			m.WriteFile(file(currentEpochName), []byte("0"))
		}},
	}
}

// A Store opens every folder that ZooKeeper starts on, unless transactions of it are missing.
func TestStartsWhereZooKeeperStarts(t *testing.T) {
	base, cases := startCases(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if (c.java != c.ours) != (c.why != "") {
				t.Error("why must be set exactly if java and ours differ")
			}
			m := clone(base, 1)
			c.make(m)
			for mode, want := range map[bool]bool{true: c.ours.alone, false: c.ours.member} {
				o := options(clone(m, 1))
				o.Standalone = mode
				s, r, err := Open(o)
				if (err == nil) != want || err != nil && !isDamage(err) {
					t.Errorf("standalone %v: %v", mode, err)
				}
				if err != nil {
					continue
				}
				// The Store can go on and be opened again.
				next := r.LastZxid + 1
				accept(t, s, max(next.Epoch(), r.AcceptedEpoch))
				st := &testHistory{tree: r.Tree, digests: map[wire.Zxid]int64{}, trees: map[wire.Zxid]*datatree.Snapshot{}}
				write(t, s, []wire.Proposal{st.create(next)})
				mustClose(t, s)
				_, again := mustOpen(t, o)
				if again.LastZxid != next || describe(again.Tree) != describe(r.Tree) ||
					again.Mismatches.Count != r.Mismatches.Count {
					t.Errorf("standalone %v: again at %s, notes %q, %d mismatches, or another tree than before", mode, again.LastZxid,
						again.Notes, again.Mismatches.Count)
				}
			}
		})
	}
}

// Apache ZooKeeper starts on exactly the folders that the cases say.
func TestStartCasesOfJava(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many servers in JVMs; left out by -short")
	}
	base, cases := startCases(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := clone(base, 1)
			c.make(m)
			for mode, want := range map[bool]bool{true: c.java.alone, false: c.java.member} {
				if got, output := javaStarts(t, m, mode); got != want {
					t.Errorf("standalone %v: it starts: %v\n%s", mode, got, output)
				}
			}
		})
	}
}

// javaStarts reports whether a server of ZooKeeper begins to serve on a copy of the folder, with its output.
func javaStarts(t *testing.T, m *MemFS, standalone bool) (bool, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, versionDir), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range m.Files() {
		text := readFile(t, m, path)
		if err := os.WriteFile(filepath.Join(dir, versionDir, filepath.Base(path)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, port, _ := net.SplitHostPort(freeAddress(t))
	cfg := config(t, dir, port)
	class := "org.apache.zookeeper.server.ZooKeeperServerMain"
	if !standalone {
		class = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
		_, quorum, _ := net.SplitHostPort(freeAddress(t))
		_, election, _ := net.SplitHostPort(freeAddress(t))
		text, err := os.ReadFile(cfg)
		if err != nil {
			t.Fatal(err)
		}
		more := fmt.Sprintf("initLimit=5\nsyncLimit=5\nstandaloneEnabled=false\nserver.1=127.0.0.1:%s:%s:participant;127.0.0.1:%s\n", quorum, election, port)
		static := strings.Split(string(text), "clientPort")[0]
		if err := os.WriteFile(cfg, []byte(static+more), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "myid"), []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := peers.Java(ctx, t, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dzookeeper.admin.enableServer=false", class, cfg)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, stderr)
		_ = cmd.Wait()
	}()
	var output strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		fmt.Fprintln(&output, lines.Text())
		if strings.Contains(lines.Text(), "PrepRequestProcessor") && strings.Contains(lines.Text(), "started") {
			return true, output.String()
		}
	}
	return false, output.String()
}
