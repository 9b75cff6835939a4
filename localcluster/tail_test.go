package localcluster

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFollowerSeesTheLastLine ends an ensemble as a supervisor does: the socket is closed first, then the last
// line is written, and the lock is released last. A reader that follows the timeline, and checks in between, must
// not end yet.
func TestFollowerSeesTheLastLine(t *testing.T) {
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

// TestTailAcrossRotation writes to a bounded file while it is followed, so much between two reads that it is
// moved aside each time: every line comes once, in order. From the end no more is read than is wanted.
func TestTailAcrossRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	const bound = 1000
	file, err := openRotating(path, bound)
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	write := func(lines int) {
		for range lines {
			written++
			line := fmt.Sprintf("line %d\n", written)
			for _, part := range []string{line[:3], line[3:]} {
				if _, err := file.Write([]byte(part)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	write(30)
	looks := 0
	more := func() bool {
		looks++
		write(80 + looks) // 8 or 9 bytes each: most of a file, and from time to time more
		return looks < 30
	}
	var got []string
	if err := Tail(t.Context(), path, more, func(line []byte) error {
		got = append(got, string(line))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i, line := range got {
		if line != fmt.Sprintf("line %d", i+1) {
			t.Fatalf("line %d reads %q", i+1, line)
		}
	}
	if len(got) != written {
		t.Errorf("%d lines of %d", len(got), written)
	}
	for _, path := range []string{path, older(path)} {
		if info, err := os.Stat(path); err != nil || info.Size() > bound+10 {
			t.Errorf("%v, %v", info, err)
		}
	}
	for _, n := range []int{0, 1, 3, 90, 100, 150} {
		left, asked := n, 0
		var last []string
		err := TailFrom(t.Context(), path, func([]byte) bool { asked++; left--; return left >= 0 }, nil, func(line []byte) error {
			last = append(last, string(line))
			return nil
		})
		if err != nil || !slices.Equal(last, got[len(got)-n:]) || asked > n+1 {
			t.Errorf("the last %d lines, with %d looked at: %q, %v", n, asked, last, err)
		}
	}
	if end := tailOf(path, 2); end != strings.Join(got[len(got)-2:], "\n") {
		t.Errorf("the end of the file is %q", end)
	}
}

// TestMemberLogIsBounded has a process print more than its log holds: the newest lines are there, each whole.
// A process whose log cannot be written goes on printing, and its last line is kept.
func TestMemberLogIsBounded(t *testing.T) {
	l := newLauncher()
	t.Cleanup(l.close)
	path := filepath.Join(t.TempDir(), "log")
	const bound = 100_000 // more than a pipe gives at once
	const script = "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); echo line $i; done; echo zkctl: the end >&2; exit 3"
	p, err := l.start(launch{path: "/bin/sh", args: []string{"sh", "-c", script}, log: path, bound: bound})
	if err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if last := p.output.lastError(); last != "the end" || p.how.code != 3 {
		t.Errorf("%s: %q", p.how, last)
	}
	for _, path := range []string{path, older(path)} {
		text, err := os.ReadFile(path)
		if err != nil || len(text) > bound+20 || !strings.HasPrefix(string(text), "line ") || !strings.HasSuffix(string(text), "\n") {
			t.Errorf("%d bytes, %v: %.20q…", len(text), err, text)
		}
	}
	if end := tailOf(path, 2); end != "line 40000\nzkctl: the end" {
		t.Errorf("the log ends with %q", end)
	}
	null, err := os.Open(os.DevNull) // for reading: no write succeeds
	if err != nil {
		t.Fatal(err)
	}
	output := &memberOutput{log: &rotatingFile{path: os.DevNull, bound: 5000, file: null}}
	for range 3 {
		if n, err := output.Write([]byte("unseen\n")); n != 7 || err != nil {
			t.Fatal(n, err)
		}
	}
	log, err := openRotating(path, 5000)
	if err != nil {
		t.Fatal(err)
	}
	output.log = log
	if _, err := output.Write([]byte("seen\n")); err != nil || output.lastError() != "seen" {
		t.Error(output.lastError(), err)
	}
	if end := tailOf(path, 2); end != "21 bytes of this log are lost: they could not be written\nseen" {
		t.Errorf("the log ends with %q", end)
	}
}
