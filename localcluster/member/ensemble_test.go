package member

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/probe/wire"
)

// sameTrees checks that all members hold the same tree, once each has all that
// was committed.
func (e *ensemble) sameTrees() {
	e.t.Helper()
	digests := map[string][]int64{}
	for id, m := range e.members {
		c := connectRaw(e.t, m.addr)
		c.mustCall(wire.OpSync, &wire.PathRequest{Path: "/"}, nil)
		d := m.stat("zk_tree_digest")
		digests[d] = append(digests[d], id)
		c.close()
	}
	if len(digests) != 1 {
		e.t.Errorf("the trees differ: %v", digests)
	}
}

// restart starts members that were stopped and waits until they serve.
func (e *ensemble) restart(ids ...int64) {
	e.t.Helper()
	for _, id := range ids {
		e.members[id] = e.members[id].again()
	}
	for _, id := range ids {
		e.members[id].awaitServing(1)
	}
}

func TestSizes(t *testing.T) {
	for _, size := range []struct{ voters, observers int }{{1, 0}, {1, 1}, {3, 2}, {5, 0}, {7, 0}} {
		t.Run(fmt.Sprintf("%d+%d", size.voters, size.observers), func(t *testing.T) {
			if testing.Short() && size.voters > 3 {
				t.Skip("many members")
			}
			e := startEnsemble(t, size.voters, size.observers)
			for id, m := range e.members {
				connectRaw(t, m.addr).create(fmt.Sprintf("/n%d", id), "")
			}
			e.sameTrees()
			for _, m := range e.members {
				checkNumbers(t, ask(t, m.addr, "mntr"))
			}
		})
	}
}

// checkNumbers checks that all of mntr but the version and the states is a decimal
// number: exporters read the values with a parser of floating point numbers.
func checkNumbers(t *testing.T, mntr string) {
	t.Helper()
	values, err := wire.ParseMntr([]byte(mntr))
	if err != nil || len(values) < 20 {
		t.Fatalf("%d values, %v in %q", len(values), err, mntr)
	}
	words := map[string]bool{"zk_version": true, "zk_server_state": true, "zk_peer_state": true}
	for key, value := range values {
		if _, err := strconv.ParseFloat(value, 64); !words[key] && (err != nil || strings.HasPrefix(value, "0x")) {
			t.Errorf("%s is %q, which is no decimal number", key, value)
		}
	}
}

// Clients write while the leader is stopped, again and again: in the end every member
// has everything that was acknowledged.
func TestNothingAcknowledgedIsLostWithTheLeader(t *testing.T) {
	e := startEnsemble(t, 3, 0, func(c *Config) { c.ForceSync = true })
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	acknowledged := map[string]bool{}
	for round := range rounds {
		leader := e.leader()
		var wg sync.WaitGroup
		var mu sync.Mutex
		enough := make(chan struct{})
		for id, m := range e.members {
			c := connectRaw(t, m.addr)
			wg.Go(func() {
				for i := 0; ; i++ {
					path := fmt.Sprintf("/r%d-%d-%d", round, id, i)
					c.xid++
					payload := wire.Marshal(&wire.RequestHeader{Xid: c.xid, Op: wire.OpCreate})
					payload = wire.AppendRecord(payload, &wire.CreateRequest{Path: path, ACL: wire.OpenACL()})
					if _, err := c.c.Write(wire.AppendFrame(nil, payload)); err != nil {
						return
					}
					f, err := c.tryNext()
					if err != nil || f.Err != wire.OK {
						return
					}
					mu.Lock()
					acknowledged[path] = true
					if len(acknowledged) == 100*(round+1) {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		terms := map[int64]int{}
		for id, m := range e.members {
			terms[id] = m.terms()
		}
		e.members[leader].stop()
		wg.Wait() // every connection ends with the role of its server
		for id, m := range e.members {
			if id != leader {
				m.awaitServing(terms[id] + 1)
			}
		}
		e.restart(leader)
	}
	c := connectRaw(t, e.members[e.leader()].addr)
	for path := range acknowledged {
		c.data(path)
	}
	e.sameTrees()
}

// A leader without its followers must stop serving: it cannot know what the
// others have decided. It serves again once they are back.
func TestLeaderWithoutQuorumStopsServing(t *testing.T) {
	e := startEnsemble(t, 3, 1)
	leader := e.members[e.leader()]
	c := connectRaw(t, leader.addr)
	c.create("/n", "before")
	followers := e.followers()[:2]
	for _, id := range followers {
		e.members[id].stop()
	}
	leader.log.await(1, "not serving clients any more")
	c.awaitEnd()
	for _, id := range []int64{leader.cfg.ID, 4} {
		m := e.members[id]
		m.log.await(1, "not serving clients any more")
		for word, want := range map[string]string{"srvr": wire.NotServingText, "mntr": wire.NotServingText, "isro": "null", "ruok": "imok"} {
			if got := ask(t, m.addr, word); got != want {
				t.Errorf("server %d: %s is %q, want %q", id, word, got, want)
			}
		}
		late := &rawClient{t: t, c: dial(t, m.addr)}
		late.send(wire.Marshal(&wire.ConnectRequest{Timeout: 10000}))
		if answer, err := late.read(); err == nil {
			t.Errorf("server %d answered a client: %x", id, answer)
		}
	}
	e.restart(followers...)
	leader.awaitServing(2)
	e.members[4].awaitServing(2)
	again := connectRaw(t, leader.addr)
	if got := again.data("/n"); got != "before" {
		t.Errorf("data %q", got)
	}
	e.sameTrees()
}

// A leader that returns to an ensemble which went on without it truncates what it
// has logged and no other server has seen.
func TestDeposedLeaderIsTruncated(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	for attempt := 1; ; attempt++ {
		old := e.leader()
		e.leaveOrphans(old, attempt)
		e.sameTrees()
		// It is a matter of milliseconds whether the leader logs anything
		// between losing its last follower and noticing.
		if strings.Contains(e.members[old].log.text(), "sync=TRUNC") {
			return
		}
		if attempt == 10 {
			t.Fatal("the leader never had anything to take back")
		}
	}
}

// leaveOrphans takes the followers away from a leader that a client writes to,
// and lets them go on without it before it comes back.
func (e *ensemble) leaveOrphans(old int64, attempt int) {
	leader, followers := e.members[old], e.followers()
	c := connectRaw(e.t, leader.addr)
	done := make(chan struct{})
	go func() {
		defer close(done)
		pause := time.NewTicker(time.Millisecond) // fewer than would fill the pipeline
		defer pause.Stop()
		for i := 0; ; i++ {
			payload := wire.Marshal(&wire.RequestHeader{Xid: int32(i), Op: wire.OpCreate})
			payload = wire.AppendRecord(payload, &wire.CreateRequest{Path: fmt.Sprintf("/orphan%d-%d", attempt, i), ACL: wire.OpenACL()})
			if _, err := c.c.Write(wire.AppendFrame(nil, payload)); err != nil {
				return
			}
			<-pause.C
		}
	}()
	for _, id := range followers {
		e.members[id].stop()
	}
	c.awaitEnd()
	c.close()
	<-done
	leader.stop()
	e.restart(followers...)
	connectRaw(e.t, e.members[followers[0]].addr).create(fmt.Sprintf("/without-the-old-leader-%d", attempt), "")
	e.restart(old)
}

func TestEmptyAndFarBehindMembersCatchUp(t *testing.T) {
	e := startEnsemble(t, 3, 1, func(c *Config) { c.CommitLogCount, c.SnapCount = 20, 50 })
	follower, observer := e.followers()[0], int64(4)
	c := connectRaw(t, e.members[e.leader()].addr)
	c.create("/n", "")
	for _, id := range []int64{follower, observer} {
		e.members[id].stop()
	}
	for i := range 200 {
		c.create(fmt.Sprintf("/n/%d", i), strings.Repeat("x", i))
	}
	// The follower has lost its disk; the observer is only behind.
	if err := os.RemoveAll(filepath.Join(e.members[follower].cfg.DataDir, "version-2")); err != nil {
		t.Fatal(err)
	}
	e.restart(follower, observer)
	for _, id := range []int64{follower, observer} {
		e.members[id].log.await(1, "sync-received", "sync=SNAP")
		r := connectRaw(t, e.members[id].addr)
		if got := len(r.data("/n/199")); got != 199 {
			t.Errorf("server %d: %d bytes", id, got)
		}
	}
	// What was installed is on their disks too.
	for _, id := range []int64{follower, observer} {
		e.members[id].stop()
	}
	e.restart(follower, observer)
	e.members[follower].log.await(1, "sync-received", "sync=DIFF")
	e.sameTrees()
}

func TestMemberWithABrokenDiskLeavesTheOthersServing(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	victim := e.followers()[0]
	e.members[victim].stop()
	disk := &brokenFS{FS: storage.OS()}
	e.members[victim] = startMember(t, e.members[victim].cfg, seams{fs: disk})
	e.members[victim].awaitServing(1)
	c := connectRaw(t, e.members[e.leader()].addr)
	c.create("/a", "")
	disk.broken.Store(true)
	c.create("/b", "")
	e.members[victim].wait()
	if e.members[victim].err == nil {
		t.Error("the member with the broken disk ended without an error")
	}
	c.create("/c", "")
	e.restart(victim)
	e.sameTrees()
}

func TestObserversDoNotVote(t *testing.T) {
	e := startEnsemble(t, 3, 2)
	c := connectRaw(t, e.members[e.leader()].addr)
	for _, id := range []int64{4, 5} {
		e.members[id].stop()
	}
	c.create("/without-observers", "")
	followers := e.followers()
	e.members[followers[0]].stop()
	c.create("/with-two-voters", "")
	e.restart(followers[0], 4, 5)
	e.sameTrees()
}
