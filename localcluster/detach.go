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
	"syscall"
	"time"
)

// SuperviseCommand is the hidden command that runs Detached: `zkctl supervise FOLDER`.
const SuperviseCommand = "supervise"

// WordSocketFlag is the hidden flag of `zkctl serve` that names the socket on which a member answers its supervisor.
const WordSocketFlag = "word-socket"

// A detached supervisor reports to the `up` that started it over a pipe, as its file descriptor 3: one
// line of JSON that says whether it started. After that line the pipe is not read any more.
const reportDescriptor = 3

type report struct {
	Started bool   `json:"started,omitempty"`
	Running bool   `json:"running,omitempty"` // there is another supervisor already
	Error   *Error `json:"error,omitempty"`
}

// Detached runs a supervisor in a process of its own.
func Detached(ctx context.Context, folder Folder, name string) error {
	pipe := os.NewFile(reportDescriptor, "report")
	send := func(r report) { _ = json.NewEncoder(pipe).Encode(r) }
	sent := false
	err := Supervise(ctx, folder, name, func() {
		send(report{Started: true})
		sent = true
		pipe.Close()
	})
	if err != nil && !sent {
		send(report{Error: toError(err), Running: errors.Is(err, errRunning)})
		pipe.Close()
	}
	return err
}

// spawn starts a detached supervisor: this program again, in a session of its own, so that it outlives
// the terminal. It returns when the members' processes have been started. running tells that there
// was a supervisor already, which is then left alone. One that has not reported by the deadline is killed.
func spawn(ctx context.Context, folder Folder, name string, deadline time.Time) (running bool, err error) {
	self, err := executable()
	if err != nil {
		return false, err
	}
	log, err := openRotating(folder.SupervisorLog(), logBound)
	if err != nil {
		return false, err
	}
	defer func() { log.Close() }()
	if log.full(0) {
		if err := log.rotate(); err != nil {
			return false, err
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return false, err
	}
	defer read.Close()
	cmd := &exec.Cmd{
		Path: self, Args: []string{name, SuperviseCommand, string(folder)}, Dir: "/",
		Stdout: log.file, Stderr: log.file, ExtraFiles: []*os.File{write},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = cmd.Start()
	write.Close()
	if err != nil {
		return false, fmt.Errorf("supervisor: %w", err)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = read.SetReadDeadline(time.Now()) })()
	running, err = readReport(read)
	if ctx.Err() != nil && err != nil {
		state := processState(cmd.Process.Pid)
		_ = cmd.Process.Kill() // which ends its members, too
		err = fail(CodeFailed, "the whole log: "+folder.SupervisorLog(),
			"the supervisor, process %d, did not start the members in time%s", cmd.Process.Pid, inState(state))
	}
	if err == nil && !running {
		go cmd.Wait() // it goes on without this process; should it end first, this call reaps it
		return false, nil
	}
	_ = cmd.Wait() // it is ending
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fail(CodeFailed, "the whole log: "+folder.SupervisorLog(), "the supervisor died; the end of its log:\n%s", tailOf(folder.SupervisorLog(), 20))
	}
	return running, err
}

// inState is a process's state in words, where it is known.
func inState(state byte) string {
	if state == 0 {
		return ""
	}
	return fmt.Sprintf(" (state %c)", state)
}

// readReport reads a supervisor's report.
func readReport(pipe io.Reader) (running bool, err error) {
	var r report
	if err := json.NewDecoder(pipe).Decode(&r); err != nil {
		return false, io.ErrUnexpectedEOF
	}
	if r.Error != nil && !r.Running {
		return false, r.Error
	}
	return r.Running, nil
}
