package localcluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Folder is one ensemble's directory. Everything about the ensemble is in it, so that deleting the
// folder of a stopped ensemble deletes the ensemble.
type Folder string

// SpecFile holds the Spec: what the ensemble is made of.
func (f Folder) SpecFile() string { return filepath.Join(string(f), "spec.json") }

// LockFile is flock'ed by the supervisor as long as it lives, so that there is never a second one.
func (f Folder) LockFile() string { return filepath.Join(string(f), "lock") }

// EventsFile is the timeline, one JSON object a line.
func (f Folder) EventsFile() string { return filepath.Join(string(f), "events.jsonl") }

// SupervisorLog is what the supervisor prints: nothing, when all is well.
func (f Folder) SupervisorLog() string { return filepath.Join(string(f), "supervisor.log") }

// Member is the directory of one member.
func (f Folder) Member(id int64) MemberFolder {
	return MemberFolder(filepath.Join(string(f), "members", strconv.FormatInt(id, 10)))
}

// MemberFolder is one member's directory inside its ensemble's.
type MemberFolder string

// ConfigFile is the member's configuration; it is written anew at every start.
func (m MemberFolder) ConfigFile() string { return filepath.Join(string(m), "zoo.cfg") }

// DataDir holds the member's transaction log, snapshots, epochs and myid.
func (m MemberFolder) DataDir() string { return filepath.Join(string(m), "data") }

// LogFile is what the member prints.
func (m MemberFolder) LogFile() string { return filepath.Join(string(m), "log") }

// writeAtomically replaces a file in one step: readers see the old content or the new, also after a
// crash, and a full disk leaves the old file as it was.
func writeAtomically(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), temporaryPrefix(path)+"*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, reason(err))
	}
	defer os.Remove(tmp.Name()) // gone already after a successful rename
	_, err = tmp.Write(content)
	if err == nil {
		err = tmp.Sync()
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, reason(err))
	}
	return nil
}

// reason is an error without the temporary file's name, which means nothing to the user.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func temporaryPrefix(path string) string { return "." + filepath.Base(path) + "." }

// isTemporary tells whether a file beside path is what writeAtomically leaves when it is killed.
func isTemporary(name, path string) bool { return strings.HasPrefix(name, temporaryPrefix(path)) }
