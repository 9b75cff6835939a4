package localcluster

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// This file has the errors for a supervisor that does not answer: each names its process and what to do next.

// supervisorPID is the process that holds the lock, or held it when it was killed; 0 when that is not known.
func (f Folder) supervisorPID() int {
	if pid, _ := processesOf(f); pid != 0 {
		return pid
	}
	text, err := readRegular(f.LockFile())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0
	}
	return pid
}

// silent is the error for a supervisor that took a request and has not answered it.
func silent(folder Folder, name string, within time.Duration) error {
	pid := folder.supervisorPID()
	text := fmt.Sprintf("the supervisor of %s, process %d, has not answered for %s", name, pid, within)
	hint := fmt.Sprintf("see what process %d is doing, or end it and its members: `zkctl down --name %s`", pid, name)
	if stopped(pid) {
		text = fmt.Sprintf("the supervisor of %s, process %d, is stopped (state T)", name, pid)
		hint = fmt.Sprintf("`kill -CONT %d` lets it go on; `zkctl down --name %s` ends it and its members; until then the links "+
			"between the members, which run through it, carry nothing, and the members may lose their quorum", pid, name)
	}
	return &Error{Code: CodeFailed, Text: text, Hint: hint, cause: errSilent}
}

// notListening is the error for a supervisor that holds the lock and takes no requests.
func notListening(folder Folder, name string) error {
	pid := folder.supervisorPID()
	if stopped(pid) {
		return silent(folder, name, 0)
	}
	return fail(CodeMissing, fmt.Sprintf("try again in a moment; if it stays so, `zkctl down --name %s` ends it", name),
		"the ensemble %s is starting or ending: its supervisor, process %d, takes no requests", name, pid)
}

func stopped(pid int) bool { return pid > 0 && processState(pid) == 'T' }

// Killed is what is known of a supervisor that was killed, or whose machine failed.
type Killed struct {
	PID      int       `json:"pid"`
	LastSeen time.Time `json:"last_seen"`
}

func (k *Killed) String() string {
	return fmt.Sprintf("its supervisor, process %d, was killed; it was last seen at %s", k.PID, k.LastSeen.Local().Format(time.DateTime))
}

// killed is nil when the last supervisor of an ensemble that does not run ended in order: it has emptied its lock
// file then. A supervisor that runs touches the file every second.
func (f Folder) killed() *Killed {
	info, err := os.Stat(f.LockFile())
	if pid := f.supervisorPID(); err == nil && pid != 0 {
		return &Killed{pid, info.ModTime()}
	}
	return nil
}

// notRunning is the error for an ensemble without a supervisor.
func notRunning(folder Folder, spec *Spec) error {
	text := "the ensemble " + spec.Name + " is not running"
	if k := folder.killed(); k != nil {
		text += ": " + k.String()
	}
	return fail(CodeMissing, "`zkctl up --name "+spec.Name+"` starts it", "%s", text)
}

// noAccess is the error for an ensemble that may not be looked at.
func noAccess(name string, err error) error {
	return fail(CodeFailed, "it is another user's, or its permissions were changed; ZKCTL_HOME names a state directory of your own",
		"the ensemble %s may not be looked at: %w", name, err)
}
