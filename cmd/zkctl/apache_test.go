package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/go-zookeeper/zk"

	"zkctl/localcluster"
	"zkctl/localcluster/storage"
	"zkctl/probe/peers"
)

// TestWithApacheZooKeeper runs a Java server and two embedded ones in one ensemble,
// behind the links. The Java server follows, leads, is killed, is cut off and comes
// back; what is written through any member is read through the others; and in the end
// the three data directories, Java's own among them, hold the same tree.
func TestWithApacheZooKeeper(t *testing.T) {
	peers.Need(t, "the apache engine", localcluster.CheckApache(os.Getenv))
	e := up(t, "--engine", "embedded=2,apache=1")
	const apache = 3
	if got := e.status().Members[apache-1].Engine; got != "apache" {
		t.Fatalf("member %d is %s", apache, got)
	}
	w := &writers{ensemble: e}

	w.everywhere("formed")
	if *e.status().Leader == apache {
		e.moveLeaderAway(apache)
	}
	w.everywhere("it follows")

	// With equal histories the largest id wins: Apache's. The wait makes
	// them equal.
	e.wait("synced")
	embedded := *e.status().Leader
	e.zkctl("kill", fmt.Sprint(embedded))
	e.wait("leader")
	if leader := *e.status().Leader; leader != apache {
		t.Fatalf("the leader is %d, not Apache ZooKeeper", leader)
	}
	w.everywhere("it leads one")
	e.zkctl("start", fmt.Sprint(embedded))
	e.wait("healthy")
	w.everywhere("it leads both")

	e.zkctl("kill", fmt.Sprint(apache))
	e.wait("leader")
	w.everywhere("it is dead")
	e.zkctl("start", fmt.Sprint(apache))
	e.wait("healthy")
	w.everywhere("it is back")

	e.zkctl("partition", fmt.Sprint(apache))
	e.eventually("the one that is cut off stops serving", func() error {
		if role := e.status().Members[apache-1].Role; role != "looking" {
			return fmt.Errorf("it is %s", role)
		}
		return nil
	})
	e.wait("leader")
	w.everywhere("it is cut off", apache)
	e.zkctl("heal")
	e.wait("healthy")
	w.everywhere("it is whole again")

	e.wait("synced")
	w.close()
	e.sameTrees()
}

// moveLeaderAway makes another member lead, and waits until all serve again.
func (e *ensemble) moveLeaderAway(from int64) {
	e.zkctl("kill", fmt.Sprint(from))
	e.wait("leader")
	e.zkctl("start", fmt.Sprint(from))
	e.wait("healthy")
}

// writers has sessions, each of which knows the address of one member only.
type writers struct {
	*ensemble
	conns   map[string]*zk.Conn
	written []string
}

// everywhere writes a node through each member that serves, except those that are known
// not to serve, and reads everything ever written through each.
func (w *writers) everywhere(when string, except ...int64) {
	w.Helper()
	var serving []string
	for _, m := range w.status().Members {
		if (m.Role == "leader" || m.Role == "follower" || m.Role == "observer") && !slices.Contains(except, m.ID) {
			serving = append(serving, m.Client)
		}
	}
	if len(serving) < 2 {
		w.Fatalf("%s: only %v serve", when, serving)
	}
	for _, host := range serving {
		path := fmt.Sprintf("/n%d", len(w.written))
		w.retry(when+": write through "+host, func() error {
			_, err := w.at(host).Create(path, []byte(when), 0, zk.WorldACL(zk.PermAll))
			if errors.Is(err, zk.ErrNodeExists) {
				return nil // an earlier attempt has made it, and its answer was lost
			}
			return err
		})
		w.written = append(w.written, path)
	}
	for _, host := range serving {
		for _, path := range w.written {
			w.retry(fmt.Sprintf("%s: read %s through %s", when, path, host), func() error {
				if _, err := w.at(host).Sync("/"); err != nil {
					return err
				}
				_, _, err := w.at(host).Get(path)
				if errors.Is(err, zk.ErrNoNode) {
					w.Fatalf("%s: %s is not there through %s", when, path, host)
				}
				return err
			})
		}
	}
}

// retry is what an application does when its connection breaks. Each attempt
// waits for the session by itself.
func (w *writers) retry(what string, attempt func() error) {
	w.Helper()
	w.eventually(what, func() error {
		err := attempt()
		if errors.Is(err, zk.ErrSessionExpired) || errors.Is(err, zk.ErrClosing) {
			w.close()
		}
		return err
	})
}

func (w *writers) at(host string) *zk.Conn {
	if w.conns[host] == nil {
		if w.conns == nil {
			w.conns = map[string]*zk.Conn{}
		}
		w.conns[host], _ = dialGo(w.TB, host)
	}
	return w.conns[host]
}

func (w *writers) close() {
	for host, c := range w.conns {
		c.Close()
		delete(w.conns, host)
	}
}

// sameTrees stops the ensemble, reads every member's data directory and
// compares what recovery makes of them.
func (e *ensemble) sameTrees() {
	e.Helper()
	members := e.status().Members
	e.zkctl("down")
	type end struct {
		zxid   string
		digest int64
		nodes  int
	}
	var first end
	for i, m := range members {
		store, found, err := storage.Open(storage.Options{DataDir: m.DataDir})
		if err != nil {
			e.Fatalf("member %d, %s: %v", m.ID, m.Engine, err)
		}
		got := end{found.LastZxid.String(), found.Tree.Digest().Digest, found.Tree.Counts().Nodes}
		if err := store.Close(); err != nil {
			e.Error(err)
		}
		if i == 0 {
			first = got
		} else if got != first {
			e.Errorf("member %d (%s) ends with %+v, member %d (%s) with %+v", m.ID, m.Engine, got, members[0].ID, members[0].Engine, first)
		}
	}
}

// A Java server cannot take a transaction that is longer than twice its jute.maxbuffer: it
// connects, begins to synchronize and disconnects, again and again. A leader that has a quorum only
// with this server loses the quorum before broadcast. It must step down at once each time and not
// wait for initLimit, which is ten minutes here, so that it is ready when the other server comes
// back.
func TestLeaderThatLosesItsQuorumBeforeBroadcast(t *testing.T) {
	peers.Need(t, "the apache engine", localcluster.CheckApache(os.Getenv))
	const apache = 3
	e := up(t, "--engine", "embedded=2,apache=1", "--set", "initLimit=3000", "--set", "jute.maxbuffer=4194304")
	if *e.status().Leader == apache {
		e.moveLeaderAway(apache)
	}
	logs := e.logs()
	leader := *e.status().Leader
	other := 3 - leader // of 1 and 2
	large, _, err := zk.Connect([]string{e.status().Members[leader-1].Client}, patience, zk.WithMaxConnBufferSize(4<<20), zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	defer large.Close()
	e.eventually("a write that the Java server cannot read", func() error {
		_, err := large.Create("/large", make([]byte, 2_400_000), 0, zk.WorldACL(zk.PermAll))
		if errors.Is(err, zk.ErrNodeExists) {
			return nil
		}
		return err
	})
	logs.await(leader, "learner-lost", "peer=3", "jute.maxbuffer")
	e.wait("quorum")

	e.zkctl("kill", fmt.Sprint(other)) // the leader loses its quorum in broadcast first, and before broadcast from then on
	e.eventually("the leader loses its quorum three times, and steps down each time", func() error {
		if n := len(logs.of(leader, "resigned", "no quorum of followers left")); n < 3 {
			return fmt.Errorf("it has stepped down %d times, and is %s", n, e.status().Members[leader-1].Role)
		}
		return nil
	})
	e.zkctl("start", fmt.Sprint(other))
	e.wait("quorum")
	w := &writers{ensemble: e}
	defer w.close()
	w.everywhere("it is back", apache)
}
