package localcluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// memberState is where a member is in its life.
//
//	           start                 pause
//	stopped ----------> running <----------> paused
//	   ^                   |        resume      |
//	   +--- its process ---+--------------------+
//	            ended
type memberState int

// The zero state is a member that has never been started.
const (
	stateStopped memberState = iota
	stateRunning
	statePaused
)

func (s memberState) String() string {
	switch s {
	case stateRunning:
		return "running"
	case statePaused:
		return "paused"
	}
	return "stopped"
}

// member is the supervisor's state of one member.
type member struct {
	spec   MemberSpec
	folder MemberFolder
	// socket is where an embedded member answers the supervisor's questions; empty where there is no place for it.
	socket string

	// The rest is guarded by Supervisor.mu.
	state   memberState
	process *process    // the newest; nil before the first start
	link    *memberLink // to that process; nil for one that does not report
	// expected is set when a request ends this process. A member that ends without one is not started
	// again, so that its user can find out why.
	expected bool
	paused   time.Time // since when, if it is
	outside  bool      // paused by another process than this supervisor
	why      string    // the request behind the end
	role     string    // last seen, for the timeline
	dataGone bool      // the timeline says that its data folder is gone
	reason   string    // why it ended, when it ended by itself with an error
}

// prepare makes what a member's process needs in its directory: its data directory with a myid, its
// configuration, and its log. Data that is there is kept, and a member that had a data directory before is not started
// without it: it would serve an empty history, and so many of them lose what they have acknowledged.
func (m *member) prepare(s *Spec) error {
	if err := m.checkData(); err != nil {
		return err
	}
	if err := os.MkdirAll(m.folder.DataDir(), 0o700); err != nil {
		return fmt.Errorf("member %d: %w", m.spec.ID, err)
	}
	if err := m.writeID(); err != nil {
		return fmt.Errorf("member %d: %w", m.spec.ID, err)
	}
	if err := writeAtomically(m.folder.ConfigFile(), []byte(s.configText(m.spec, m.folder))); err != nil {
		return fmt.Errorf("member %d: %w", m.spec.ID, err)
	}
	log, err := openRotating(m.folder.LogFile(), logBound)
	if err != nil {
		return fmt.Errorf("member %d: %w", m.spec.ID, err)
	}
	return log.Close()
}

// lostData tells whether the member's data directory is gone: it is made before the configuration.
func (m *member) lostData() bool {
	_, err := os.Stat(m.folder.DataDir())
	return errors.Is(err, fs.ErrNotExist) && fileExists(m.folder.ConfigFile())
}

// checkData is why the member must not be started without its data directory.
func (m *member) checkData() error {
	if !m.lostData() {
		return nil
	}
	return fail(CodeFailed, "put it back; or make an empty one, and the member takes what the others have: `mkdir "+m.folder.DataDir()+"`",
		"member %d: its data folder %s is gone", m.spec.ID, m.folder.DataDir())
}

// wipe removes what the member has stored. Its data directory stays, so that it is started as one with a new disk.
func (m *member) wipe() error {
	if err := os.RemoveAll(filepath.Join(m.folder.DataDir(), "version-2")); err != nil {
		return fmt.Errorf("member %d: remove its data: %w", m.spec.ID, err)
	}
	return nil
}

// writeID makes the myid file where it is missing. A file with another id means that the directory is
// another member's, whose history this member must not take for its own.
func (m *member) writeID() error {
	path := filepath.Join(m.folder.DataDir(), "myid")
	want := strconv.FormatInt(m.spec.ID, 10)
	text, err := readRegular(path)
	if err == nil && strings.TrimSpace(string(text)) != want {
		return fail(CodeFailed, "if the data is this member's, put "+want+" into the file; if it is another's, remove the directory",
			"%s says %q, but this is member %s", path, strings.TrimSpace(string(text)), want)
	}
	if err == nil || isDirectory(path) {
		return err
	}
	return writeAtomically(path, []byte(want+"\n"))
}

// command is the program that runs the member.
func (m *member) command(self, name string, apache apacheEngine) launch {
	l := launch{path: self, args: []string{name, "serve"}, dir: string(m.folder), log: m.folder.LogFile()}
	if m.socket != "" {
		l.args = append(l.args, "--"+WordSocketFlag, m.socket)
	}
	l.args = append(l.args, m.folder.ConfigFile())
	if m.spec.Engine == Apache {
		l.args = apache.command(m.folder.ConfigFile())
		l.path = l.args[0]
	}
	return l
}

// endGrace is how long a member may take to finish when it is asked to.
const endGrace = 3 * time.Second

// askToEnd is the signal that asks either engine to finish in order.
const askToEnd = syscall.SIGTERM
