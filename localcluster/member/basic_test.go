package member

import (
	"testing"

	"zkctl/probe/wire"
)

func TestStandaloneAnswersAClient(t *testing.T) {
	m := standalone(t)
	c := connectRaw(t, m.addr)
	c.create("/a", "x")
	if got := c.data("/a"); got != "x" {
		t.Fatalf("data %q", got)
	}
	c.mustCall(wire.OpCloseSession, nil, nil)
	c.awaitEnd()
}

func TestEveryMemberOfAnEnsembleAnswersClients(t *testing.T) {
	e := startEnsemble(t, 3, 1)
	for id := int64(1); id <= 4; id++ {
		c := connectRaw(t, e.members[id].addr)
		path := "/" + string(rune('0'+id))
		c.create(path, "x")
		if got := c.data(path); got != "x" {
			t.Fatalf("server %d: data %q", id, got)
		}
	}
}
