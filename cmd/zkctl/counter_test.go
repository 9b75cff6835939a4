package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-zookeeper/zk"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/storage"
	"zkctl/probe/wire"
)

// prepareHistory makes dataDir that of a member whose history ends with a transaction.
func prepareHistory(t testing.TB, dataDir string, last wire.Zxid) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dataDir, "version-2")); err != nil {
		t.Fatal(err)
	}
	store, _, err := storage.Open(storage.Options{DataDir: dataDir})
	if err != nil {
		t.Fatal(err)
	}
	tree := datatree.New()
	tree.SetLastZxid(last)
	err = store.SetAcceptedEpoch(last.Epoch())
	if err == nil {
		_, err = store.InstallSnapshot(tree.Snapshot())
	}
	if err = errors.Join(err, store.SetCurrentEpoch(last.Epoch()), store.Close()); err != nil {
		t.Fatal(err)
	}
}

// Members whose histories end with the last number that an epoch has begin a new epoch, and start again on what
// they have written in it.
func TestEnsembleBehindTheLastNumberOfAnEpoch(t *testing.T) {
	e := up(t)
	members := e.status().Members
	e.zkctl("down")
	for _, m := range members {
		prepareHistory(t, m.DataDir, 0x1ffffffff)
	}
	e.up()
	w := &writers{ensemble: e}
	w.everywhere("formed")
	e.zkctl("kill", "all")
	e.zkctl("start", "all")
	e.wait("healthy")
	w.everywhere("started again")
	e.wait("synced")
	w.close()
	e.sameTrees()
}

// A standalone server continues where the counter of an epoch would end. It is killed, and then
// serves what it has written.
func TestStandaloneBehindTheEndOfTheCounter(t *testing.T) {
	e := at(t, t.TempDir())
	dir := filepath.Join(e.home, "data")
	prepareHistory(t, dir, 0x1fffffffe)
	for _, name := range []string{"acceptedEpoch", "currentEpoch"} {
		if err := os.Remove(filepath.Join(dir, "version-2", name)); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)
	config := filepath.Join(e.home, "zoo.cfg")
	text := fmt.Sprintf("tickTime=200\ndataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\n", dir, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const rounds, writes = 3, 4
	for round := range rounds {
		server := exec.CommandContext(e.ctx, e.self(), "serve", config)
		server.Env = e.env
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		c, _ := dialGo(t, address)
		for i := range (round + 1) * writes {
			path := fmt.Sprintf("/n%d", i)
			e.eventually(path, func() error {
				_, err := c.Create(path, nil, 0, zk.WorldACL(zk.PermAll))
				there := i < round*writes
				switch {
				case err == nil && there:
					t.Fatalf("%s was lost when the server was killed", path)
				case errors.Is(err, zk.ErrNodeExists):
					return nil // or an earlier attempt has, and its answer was lost
				}
				return err
			})
		}
		_, stat, err := c.Get(fmt.Sprintf("/n%d", (round+1)*writes-1))
		if err != nil {
			t.Fatal(err)
		}
		if stat.Czxid <= 0x200000000 {
			t.Errorf("the last write is 0x%x", stat.Czxid)
		}
		c.Close()
		if err := server.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = server.Wait()
	}
	for _, name := range []string{"acceptedEpoch", "currentEpoch"} {
		if _, err := os.Stat(filepath.Join(dir, "version-2", name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a standalone server has made %s: %v", name, err)
		}
	}
}
