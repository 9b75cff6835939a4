package simulation

import (
	"testing"
	"time"

	"zkctl/localcluster/zab"
)

// A leader that was cut off and is slow to see it still serves. A client that has
// seen what the next leader did must not be taken in there: it would go back in
// time. Servers compare the last zxid that a client has seen with their own
// (ZooKeeperServer.processConnectRequest).
func TestClientFromTheFuture(t *testing.T) {
	setup := base(3, 0)
	setup.Clients, setup.Think = 1, time.Hour // it only says that it is there
	s := newScript(t, setup)
	s.boot()
	old := s.leads()
	s.serves(1, 2, 3)
	c := s.clients[0]
	c.cut[int(old.id)]++
	c.start()
	s.await("the client has a session", func() bool { return c.connected })
	s.commit(old, 1, 1, 2, 3)

	old.clock.SetRate(s.now, 0.1)
	heal := s.isolate(int(old.id), Both)
	var next *server
	s.await("there is another leader", func() bool {
		for _, x := range s.servers {
			if x != old && x.status.Serving && x.status.Role == zab.Leading {
				next = x
			}
		}
		return next != nil
	})
	s.await("the client is with the others again", func() bool { return c.connected })
	s.commit(next, 1)
	s.await("the client has seen it", func() bool { return c.lastZxid.Epoch() == next.status.Epoch })

	// Now to the leader that was left behind.
	greeted := s.connections
	for _, x := range s.servers {
		c.cut[int(x.id)]++
	}
	c.cut[int(old.id)] = 0
	c.leave()
	s.await("the client tries the old leader", func() bool { return s.connections > greeted })
	if !old.status.Serving || old.status.Role != zab.Leading {
		t.Fatalf("server %d is %v: it has seen that it was left behind", old.id, old.status.Role)
	}
	s.stay(1, "the old leader takes the client in", func() bool { return c.connected })
	if !old.status.Serving {
		t.Errorf("server %d has seen that it was left behind, too early to tell", old.id)
	}
	clear(c.cut)
	heal()
	s.end()
}
