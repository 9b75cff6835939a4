package member

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-zookeeper/zk"
)

// patiently asks again when a connection has ended under a request, as applications do.
func patiently(t *testing.T, what string, ask func() error) {
	t.Helper()
	for range 1000 {
		err := ask()
		if err == nil {
			return
		}
		if !errors.Is(err, zk.ErrConnectionClosed) && !errors.Is(err, zk.ErrNoServer) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	t.Fatalf("%s: the connection ends every time", what)
}

// When an epoch has no number left, a new one begins. Clients wait for it: their sessions live on, with what
// depends on them, and what was acknowledged is there on every member.
func TestEpochsEnd(t *testing.T) {
	const writes, epochEnd = 60, 25
	e := startEnsemble(t, 3, 0, func(c *Config) { c.LastCounter = epochEnd })
	c, events := zkConnect(t, e.addrs()...)
	session := c.SessionID()
	acl := zk.WorldACL(zk.PermAll)
	create := func(path string, flags int32) {
		t.Helper()
		tries := 0
		patiently(t, "create "+path, func() error {
			tries++
			_, err := c.Create(path, []byte(path), flags, acl)
			if errors.Is(err, zk.ErrNodeExists) && tries > 1 {
				return nil // an attempt before it, whose answer was lost
			}
			return err
		})
	}
	create("/e", zk.FlagEphemeral)
	for i := range writes {
		create(fmt.Sprintf("/n%d", i), 0)
	}
	if got := c.SessionID(); got != session {
		t.Errorf("session 0x%x has become 0x%x", session, got)
	}
	for {
		select {
		case event := <-events:
			if event.State == zk.StateExpired {
				t.Error("the session has expired")
			}
			continue
		default:
		}
		break
	}
	resigned := 0
	for id, m := range e.members {
		m.log.mu.Lock()
		resigned += m.log.count([]string{"resigned", "a new epoch is needed"})
		m.log.mu.Unlock()
		at, _ := zkConnect(t, m.addr)
		for i := -1; i < writes; i++ {
			path := fmt.Sprintf("/n%d", i)
			if i < 0 {
				path = "/e"
			}
			patiently(t, "sync", func() error { _, err := at.Sync("/"); return err })
			patiently(t, fmt.Sprintf("get %s from member %d", path, id), func() error {
				data, _, err := at.Get(path)
				if err == nil && string(data) != path {
					return fmt.Errorf("it holds %q", data)
				}
				return err
			})
		}
	}
	if want := writes / epochEnd; resigned < want {
		t.Errorf("%d leaders have ended their epoch, expected %d", resigned, want)
	}
}

// Three members whose histories end where the counter does go on in a new epoch, and start again on what they
// have written.
func TestEnsembleAtTheEndOfTheCounter(t *testing.T) {
	e := startEnsemble(t, 3, 0, func(c *Config) {
		dir := prepared(t, 0x1ffffffff)
		c.DataDir, c.DataLogDir, c.ForceSync = dir, dir, true
	})
	for id, m := range e.members {
		connectRaw(t, m.addr).create(fmt.Sprintf("/n%d", id), "")
	}
	e.sameTrees()
	for _, m := range e.members {
		m.stop()
	}
	e.restart(1, 2, 3)
	for id, m := range e.members {
		connectRaw(t, m.addr).data(fmt.Sprintf("/n%d", id))
		connectRaw(t, m.addr).create(fmt.Sprintf("/again%d", id), "")
	}
	e.sameTrees()
}
