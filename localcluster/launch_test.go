//go:build unix

package localcluster

import (
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// sleeper starts a process that would run for a long time.
func sleeper(t *testing.T, l *launcher) *process {
	t.Helper()
	p, err := l.start(launch{path: "/bin/sleep", args: []string{"sleep", "600"}, log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end(syscall.SIGKILL, 0) })
	return p
}

// When its input ends, as it does when the supervisor dies, the guard kills what it still watches,
// also a process that is stopped, but not one that was forgotten.
func TestGuardKillsWhatIsLeft(t *testing.T) {
	l := newLauncher()
	t.Cleanup(l.close)
	running, stopped, forgotten := sleeper(t, l), sleeper(t, l), sleeper(t, l)
	if err := stopped.signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	read, write := io.Pipe()
	ended := make(chan error)
	go func() { ended <- Guard(read) }()
	g := &guard{pipe: write}
	for _, p := range []*process{running, stopped, forgotten} {
		g.watch(p.pid)
	}
	g.forget(forgotten.pid)
	write.Close()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for _, p := range []*process{running, stopped} {
		<-p.ended
		if p.how.signal != "KILL" {
			t.Errorf("ended with %s", p.how)
		}
	}
	if !forgotten.alive() {
		t.Error("the forgotten process was killed")
	}
	if err := Guard(strings.NewReader("+ 1\n")); err == nil {
		t.Error("the guard agreed to look after init")
	}
}

func TestProcessesEndAsAsked(t *testing.T) {
	l := newLauncher()
	t.Cleanup(l.close)
	p := sleeper(t, l)
	_ = p.signal(syscall.SIGSTOP)
	p.end(syscall.SIGTERM, 1<<40) // a stopped process gets TERM only when it is continued
	if p.how.signal != "TERM" || p.alive() {
		t.Errorf("ended with %s", p.how)
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		t.Errorf("a signal to one that has ended: %v", err)
	}
	p, err := l.start(launch{path: "/bin/sh", args: []string{"sh", "-c", "exit 7"}, log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if p.how != (exit{code: 7}) {
		t.Errorf("ended with %s", p.how)
	}
	if _, err := l.start(launch{path: "/does/not/exist", args: []string{"x"}, log: filepath.Join(t.TempDir(), "log")}); err == nil {
		t.Error("a program that is not there was started")
	}
}

func TestParseSignal(t *testing.T) {
	for text, want := range map[string]syscall.Signal{
		"KILL": syscall.SIGKILL, "SIGKILL": syscall.SIGKILL, "kill": syscall.SIGKILL, "9": syscall.SIGKILL,
		"term": syscall.SIGTERM, "15": syscall.SIGTERM, "QUIT": syscall.SIGQUIT,
	} {
		if got, err := ParseSignal(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if signalName(want) == "" || strings.HasPrefix(signalName(want), "SIG") {
			t.Errorf("%v is called %q", want, signalName(want))
		}
	}
	for _, text := range []string{"", "0", "-9", "999", "SIG", "KILLER", "9x"} {
		if s, err := ParseSignal(text); CodeOf(err) != CodeUsage {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
}

// alive tells whether the process has not ended yet.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}
