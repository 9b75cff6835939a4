package zab

import (
	"testing"
	"time"
)

// A leader may wait as long as initLimit for a quorum to synchronize. Learners that have
// synchronized send nothing meanwhile. The leader keeps them after syncLimit, or it would
// never have a quorum.
func TestReadyLearnersAreWaitedWith(t *testing.T) {
	w := newWorld(5, 0)
	established := false
	w.check = func(s *server, out Output) {
		for _, e := range out.Events {
			switch e.Kind {
			case HistoryChosen:
				for _, id := range []ServerID{2, 3, 4} {
					w.servers[id].stuck = true
				}
			case LearnerLost:
				t.Errorf("server %d lets go of %d: %s", s.id, e.Peer, e.Reason)
			case Established:
				established = true
			}
		}
	}
	for _, id := range w.ids {
		if err := w.start(id); err != nil {
			t.Fatal(err)
		}
	}
	run := func(d time.Duration) {
		if err := w.run(d); err != nil {
			t.Fatal(err)
		}
	}
	run(1700 * time.Millisecond) // of initLimit's two seconds; syncLimit is one
	if established || w.servers[5].node.Status().Phase != Synchronization {
		t.Fatalf("established %v, server 5 is %+v: the test does not test", established, w.servers[5].node.Status())
	}
	for _, s := range w.servers {
		s.stuck = false
	}
	run(200 * time.Millisecond)
	if !established {
		t.Error("no quorum has gathered")
	}
}
