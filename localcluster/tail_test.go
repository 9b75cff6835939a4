package localcluster

import (
	"os"
	"testing"
)

// TestWhoFollowsSeesTheLastLine ends an ensemble as a supervisor does: the socket is closed first, the
// last line is written after that, and the lock is let go last. Who follows the timeline, and looks in
// between, must not leave yet.
func TestWhoFollowsSeesTheLastLine(t *testing.T) {
	folder := Folder(t.TempDir())
	lock, _, err := lockFile(folder.LockFile())
	if err != nil {
		t.Fatal(err)
	}
	write := func(line string) {
		file, err := os.OpenFile(folder.EventsFile(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(line + "\n"); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	write("first")
	looks := 0
	more := func() bool {
		if looks++; looks == 2 {
			write("last")
			lock.unlock()
		}
		return folder.Running()
	}
	var lines []string
	err = Tail(t.Context(), folder.EventsFile(), more, func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	})
	if err != nil || len(lines) != 2 || lines[1] != "last" {
		t.Errorf("%q, %v", lines, err)
	}
}
