//go:build unix

package localcluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// SuperviseCommand is the hidden command that runs Detached: `zkctl supervise FOLDER`.
const SuperviseCommand = "supervise"

// A detached supervisor reports to the `up` that started it over a pipe, as its file descriptor 3: one
// line of JSON that says what became of it. After that nobody reads.
const reportDescriptor = 3

type report struct {
	Started bool   `json:"started,omitempty"`
	Running bool   `json:"running,omitempty"` // there is another supervisor already
	Error   *Error `json:"error,omitempty"`
}

// Detached is the life of a supervisor in a process of its own.
func Detached(ctx context.Context, folder Folder, name string) error {
	pipe := os.NewFile(reportDescriptor, "report")
	tell := func(r report) { _ = json.NewEncoder(pipe).Encode(r) }
	told := false
	err := Supervise(ctx, folder, name, func() {
		tell(report{Started: true})
		told = true
		pipe.Close()
	})
	if err != nil && !told {
		tell(report{Error: toError(err), Running: errors.Is(err, errRunning)})
		pipe.Close()
	}
	return err
}

// spawn starts a detached supervisor: this program again, in a session of its own, so that it outlives
// the terminal. It returns when the members' processes have been started. running tells that there
// was a supervisor already, which is then left alone.
func spawn(folder Folder, name string) (running bool, err error) {
	self, err := executable()
	if err != nil {
		return false, err
	}
	log, err := os.OpenFile(folder.SupervisorLog(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return false, err
	}
	defer log.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return false, err
	}
	defer read.Close()
	cmd := &exec.Cmd{
		Path: self, Args: []string{name, SuperviseCommand, string(folder)}, Dir: "/",
		Stdout: log, Stderr: log, ExtraFiles: []*os.File{write},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = cmd.Start()
	write.Close()
	if err != nil {
		return false, fmt.Errorf("supervisor: %w", err)
	}
	running, err = outcome(read)
	if err == nil && !running {
		go cmd.Wait() // it goes on without us; should it end before we do, it is buried
		return false, nil
	}
	_ = cmd.Wait() // it is on its way out
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fail(CodeFailed, "the whole log: "+folder.SupervisorLog(), "the supervisor died; the end of its log:\n%s", tailOf(folder.SupervisorLog(), 20))
	}
	return running, err
}

// outcome reads a supervisor's report.
func outcome(pipe io.Reader) (running bool, err error) {
	var r report
	if err := json.NewDecoder(pipe).Decode(&r); err != nil {
		return false, io.ErrUnexpectedEOF
	}
	if r.Error != nil && !r.Running {
		return false, r.Error
	}
	return r.Running, nil
}

// tailOf is the end of a text file, for an error message.
func tailOf(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
