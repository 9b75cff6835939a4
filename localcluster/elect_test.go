//go:build unix

package localcluster_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"zkctl/localcluster"
	"zkctl/probe/peers"
)

// A leader that is told to step down does so, and an epoch begins; the members run on.
func TestElect(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	before := e.wait("healthy")
	report := e.inject("elect")
	if !slices.Equal(report.Fault.Members, []int64{*before.Leader}) || report.Fault.Until == nil || report.Fault.Line != "elect" {
		t.Errorf("%+v", report)
	}
	for e.wait("healthy").Epoch == before.Epoch {
	}
	for _, m := range e.wait("healthy").Members {
		if was := before.Members[m.ID-1]; m.PID != was.PID {
			t.Errorf("member %d was process %d and is %d", m.ID, was.PID, m.PID)
		}
	}
	e.act("pause", "2")
	if _, err := e.Inject(e.ctx, localcluster.InjectRequest{Line: "elect 2"}); err == nil || !strings.Contains(err.Error(), "member 2: it is paused") {
		t.Errorf("a paused member: %v", err)
	}
	if faults, err := e.Faults(e.ctx); err != nil || len(faults.Faults) != 1 {
		t.Errorf("faults %+v, %v", faults, err)
	}
}

// Apache's leader is cut off until another member leads, and then follows it.
func TestElectApache(t *testing.T) {
	long(t)
	mix, err := localcluster.ParseEngineMix("apache")
	if err != nil {
		t.Fatal(err)
	}
	peers.Need(t, "the apache engine", localcluster.CheckApache(os.Getenv))
	e := start(t, localcluster.Request{Engines: mix})
	before := e.wait("healthy")
	report := e.inject("elect leader")
	if len(report.Fault.Links) != 8 || report.Fault.Until == nil {
		t.Errorf("%+v", report.Fault)
	}
	for {
		faults, err := e.Faults(e.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(faults.Faults) == 0 {
			break
		}
	}
	if after := e.wait("healthy"); *after.Leader == *before.Leader || after.Epoch <= before.Epoch {
		t.Errorf("member %d leads epoch %d, and led %d", *after.Leader, after.Epoch, before.Epoch)
	}
}
