//go:build unix

package localcluster

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	embedded "zkctl/localcluster/member"
)

// launcher starts the members' processes, all from one operating-system thread that lives until
// close. On Linux a child's death signal fires when the thread that forked it ends, and the Go
// runtime ends threads as it sees fit: without the launcher members would be killed at random.
type launcher struct {
	jobs chan func()
	done chan struct{}
}

func newLauncher() *launcher {
	l := &launcher{jobs: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		for job := range l.jobs {
			job()
		}
	}()
	return l
}

// close ends the launcher. The members must have ended: otherwise they may be killed now, if
// the thread ends.
func (l *launcher) close() {
	close(l.jobs)
	<-l.done
}

// launch describes a process to start.
type launch struct {
	path string   // the program
	args []string // with the name it is called by
	dir  string   // where it runs
	log  string   // the file that gets what it prints, behind what is there
	// control is the member's end of its control connection; nil for a process that has none.
	control *os.File
	// bound is where the log is rotated; see rotate.go.
	bound int64
}

// firstExtraFile is the descriptor of a process that package exec gives to its first extra file.
const firstExtraFile = 3

// process is a member's process from its start to its end.
type process struct {
	pid     int
	started time.Time
	output  *memberOutput // valid after ended is closed
	ended   chan struct{} // closed when the process is gone and how is set
	reaped  chan struct{} // closed by the supervisor when the end is on record

	os  *os.Process
	how exit // valid after ended is closed
}

// exit is how a process ended: by a signal, or by itself with a code.
type exit struct {
	signal string // "KILL"; empty when it ended by itself
	code   int
}

func (e exit) String() string {
	if e.signal != "" {
		return "signal " + e.signal
	}
	return fmt.Sprintf("exit code %d", e.code)
}

// start begins the process. It does not wait for anything the process does.
func (l *launcher) start(what launch) (*process, error) {
	log, err := openRotating(what.log, cmp.Or(what.bound, logBound))
	if err != nil {
		return nil, err
	}
	output := &memberOutput{log: log}
	cmd := &exec.Cmd{
		Path: what.path, Args: what.args, Dir: what.dir, Stdout: output, Stderr: output, SysProcAttr: childAttributes(),
		// How long a process that it has left behind may keep the pipe open.
		WaitDelay: time.Second,
	}
	if what.control != nil {
		cmd.ExtraFiles = []*os.File{what.control}
		cmd.Env = append(os.Environ(), embedded.ControlVariable(firstExtraFile))
	}
	failed := make(chan error)
	l.jobs <- func() { failed <- cmd.Start() }
	if err := <-failed; err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p := &process{pid: cmd.Process.Pid, started: time.Now(), output: output, ended: make(chan struct{}), reaped: make(chan struct{}), os: cmd.Process}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait()  // ProcessState has what it would return
		_ = log.Close() // the errors of all writes have been handled
		p.how = exitOf(cmd.ProcessState)
	}()
	return p, nil
}

func exitOf(state *os.ProcessState) exit {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exit{signal: signalName(status.Signal())}
	}
	return exit{code: state.ExitCode()}
}

// signal sends a signal. Sending to a process that has ended is no error; the os package holds the process by a
// handle, so the signal never reaches another process with the same number.
func (p *process) signal(s syscall.Signal) error {
	if err := p.os.Signal(s); err != nil && err != os.ErrProcessDone {
		return err
	}
	return nil
}

// end asks the process to finish and kills it when the grace is up. It returns when it is gone.
func (p *process) end(ask syscall.Signal, grace time.Duration) {
	_ = p.signal(ask)
	_ = p.signal(syscall.SIGCONT) // a stopped process gets a signal when it goes on
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.signal(syscall.SIGKILL)
		<-p.ended
	}
}

// signalName is a signal as `kill -l` names it: KILL, TERM.
func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return fmt.Sprintf("%d", int(s))
}

// ParseSignal reads a signal in any usual form: KILL, SIGKILL, kill or 9.
func ParseSignal(text string) (syscall.Signal, error) {
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "SIG")
	if s := unix.SignalNum("SIG" + name); s != 0 {
		return s, nil
	}
	if n, err := strconv.Atoi(name); err == nil && n > 0 && unix.SignalName(syscall.Signal(n)) != "" {
		return syscall.Signal(n), nil
	}
	return 0, fail(CodeUsage, "name one as `kill -l` does: KILL, TERM, QUIT, 9", "%q is no signal", text)
}
