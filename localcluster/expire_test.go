//go:build unix

package localcluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"zkctl/localcluster"
	"zkctl/probe"
	"zkctl/probe/peers"
	"zkctl/probe/wire"
)

// A session that is expired is gone with its ephemeral nodes, and its client learns it when it comes back; other
// sessions go on.
func expireIn(t *testing.T, e *ensemble) {
	e.wait("healthy")
	followers := e.wait("healthy")
	at := followers.Members[0]
	if at.ID == *followers.Leader {
		at = followers.Members[1]
	}
	victim, other := e.session(at), e.session(at)
	const ephemeral = 1
	if _, _, err := victim.Create(e.ctx, "/mine", nil, ephemeral); err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("0x%x", uint64(victim.ID()))
	report := e.inject("expire " + id)
	if report.Fault.Detail != id || report.Fault.Until == nil || len(report.Fault.Members) != 1 {
		t.Errorf("%+v", report.Fault)
	}
	if _, err := other.Sync(e.ctx, "/"); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := other.Get(e.ctx, "/mine"); !errors.Is(err, wire.ErrNoNode) {
		t.Errorf("the ephemeral node of the session: %v", err)
	}
	<-victim.Done()
	credentials := victim.Credentials()
	_, err := probe.Dial(e.ctx, at.Client, probe.Options{Resume: &credentials})
	if !errors.Is(err, wire.ErrSessionExpired) {
		t.Errorf("its client comes back: %v", err)
	}
	_, err = e.Inject(context.Background(), localcluster.InjectRequest{Line: "expire " + id})
	if localcluster.CodeOf(err) != localcluster.CodeMissing {
		t.Errorf("once more: %v", err)
	}
}

func TestExpire(t *testing.T) {
	t.Parallel()
	expireIn(t, start(t, localcluster.Request{}))
}

func TestExpireApache(t *testing.T) {
	long(t)
	mix, err := localcluster.ParseEngineMix("apache")
	if err != nil {
		t.Fatal(err)
	}
	peers.Need(t, "the apache engine", localcluster.CheckApache(os.Getenv))
	expireIn(t, start(t, localcluster.Request{Engines: mix}))
}
