package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"zkctl/inject/history"
)

// A user's program may be the workload instead of our clients. It finds the members in ZK_HOSTS, and is told by SIGTERM
// when the drill is over; how it ends is judged. If it writes a history to the file that ZKCTL_HISTORY names, its
// operations are judged as those of our clients are.
const (
	hostsVariable   = "ZK_HOSTS"
	historyVariable = "ZKCTL_HISTORY"
	// stopTime is how long a program may take to end after SIGTERM.
	stopTime = 10 * time.Second
)

// workload is a user's program under way.
type workload struct {
	dir   string // of its history and its output
	cmd   *exec.Cmd
	ended chan struct{}

	mu   sync.Mutex
	err  error // of Wait; valid when ended is closed
	told bool  // it was asked to end
}

// startWorkload starts a command line in a shell, in a process group of its own: Ctrl-C is for the drill, which then asks
// the program to end.
func startWorkload(command, hosts string) (*workload, error) {
	dir, err := os.MkdirTemp("", "zkctl-workload-")
	if err != nil {
		return nil, fmt.Errorf("workload: %w", err)
	}
	w := &workload{dir: dir, ended: make(chan struct{})}
	output, err := os.Create(w.outputFile())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("workload: %w", err), os.RemoveAll(dir))
	}
	defer output.Close()
	w.cmd = exec.Command("sh", "-c", command)
	w.cmd.Env = append(os.Environ(), hostsVariable+"="+hosts, historyVariable+"="+w.historyFile())
	w.cmd.Stdout, w.cmd.Stderr = output, output
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := w.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("workload: %w", err), os.RemoveAll(dir))
	}
	go func() {
		err := w.cmd.Wait()
		w.mu.Lock()
		w.err = err
		w.mu.Unlock()
		close(w.ended)
	}()
	return w, nil
}

func (w *workload) historyFile() string { return filepath.Join(w.dir, historyFile) }
func (w *workload) outputFile() string  { return filepath.Join(w.dir, "output") }

// over tells whether the program has ended by itself.
func (w *workload) over() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// stop has the program end, and says what is wrong with how it did: "" is nothing.
func (w *workload) stop(ctx context.Context) string {
	if !w.over() {
		w.mu.Lock()
		w.told = true
		w.mu.Unlock()
		w.signal(syscall.SIGTERM)
	}
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-w.ended:
		return w.complaint()
	case <-timer.C:
	case <-ctx.Done():
	}
	w.kill()
	return fmt.Sprintf("it did not end within %v after SIGTERM", stopTime) + w.lastWords()
}

// signal is for the whole group, as a shell does not pass it on. A group that has ended is no error.
func (w *workload) signal(s syscall.Signal) { _ = syscall.Kill(-w.cmd.Process.Pid, s) }

func (w *workload) kill() {
	w.signal(syscall.SIGKILL)
	<-w.ended
}

// complaint is about a program that has ended. To end by the SIGTERM that it was sent is in order.
func (w *workload) complaint() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		return ""
	}
	var exit *exec.ExitError
	if w.told && errors.As(w.err, &exit) {
		status, _ := exit.Sys().(syscall.WaitStatus)
		if status.Signaled() && status.Signal() == syscall.SIGTERM || status.ExitStatus() == 128+int(syscall.SIGTERM) {
			return ""
		}
	}
	return w.err.Error() + w.lastWords()
}

// lastWords are the end of its output.
func (w *workload) lastWords() string {
	text, err := os.ReadFile(w.outputFile())
	if err != nil {
		return ""
	}
	const most = 500
	text = bytes.TrimSpace(text[max(0, len(text)-most):])
	if len(text) == 0 {
		return ""
	}
	return "; it said: " + strings.Join(strings.Fields(string(text)), " ")
}

// records passes on the history that the program has written, on the clock of the run. A program that writes none is judged
// by its exit status alone.
func (w *workload) records(out Recorder) error {
	file, err := os.Open(w.historyFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the workload's history: %w", err)
	}
	defer file.Close()
	return passHistory(file, out)
}

func passHistory(from io.Reader, out Recorder) error {
	h, err := history.Read(from)
	var torn *history.Truncated
	if err != nil && !errors.As(err, &torn) {
		return fmt.Errorf("the workload's history: %w", err)
	}
	shift := out.At(h.Began)
	for _, one := range h.Records {
		switch {
		case one.Op != nil:
			one.Op.Intend, one.Op.Invoke = one.Op.Intend+shift, one.Op.Invoke+shift
			if one.Op.Return != history.Never {
				one.Op.Return += shift
			}
		case one.Event != nil:
			one.Event.At += shift
		case one.Link != nil:
			one.Link.At += shift
		}
		out.Record(one)
	}
	if torn != nil { // a program that is ended by a signal may be in the middle of a line
		return fmt.Errorf("the workload's history: %w", err)
	}
	return nil
}

// close forgets its files.
func (w *workload) close() error {
	if !w.over() {
		w.kill()
	}
	return os.RemoveAll(w.dir)
}
