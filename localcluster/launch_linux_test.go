package localcluster

import (
	"syscall"
	"testing"
)

// Closing the launcher ends its thread, and the kernel kills what the thread started: the same that
// happens to the members when the supervisor is killed.
func TestDeathSignal(t *testing.T) {
	l := newLauncher()
	p, stopped := sleeper(t, l), sleeper(t, l)
	_ = stopped.signal(syscall.SIGSTOP)
	l.close()
	for _, p := range []*process{p, stopped} {
		<-p.ended
		if p.how.signal != "KILL" {
			t.Errorf("ended with %s", p.how)
		}
	}
}
