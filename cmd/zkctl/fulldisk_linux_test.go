package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"zkctl/probe/peers"
)

// smallDisk mounts a disk of so many bytes, for as long as the test runs.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	if testing.Short() {
		t.Skip("mounts a disk and starts processes; left out by -short")
	}
	dir := t.TempDir()
	peers.Need(t, "the right to mount a small disk", syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size)))
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A home that cannot be written to is named, with what to do, and nothing is
// left of the attempt.
func TestUpWithoutWriteAccess(t *testing.T) {
	disk := smallDisk(t, 1<<20)
	e := at(t, disk)
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for home, reason := range map[string]string{
		disk:             "read-only file system",
		disk + "/deeper": "read-only file system",
		"/proc/zkctl":    "no such file or directory", // even root cannot make it
		"/dev/null":      "not a directory",
	} {
		e.env = append(e.env, "ZKCTL_HOME="+home)
		out, errs, code := e.run("up")
		if code != 1 || out != "" || !strings.Contains(errs, home) || !strings.Contains(errs, reason) || !strings.Contains(errs, "or set ZKCTL_HOME to another") {
			t.Errorf("up in %s: exit %d\n%s%s", home, code, out, errs)
		}
		if home == "/proc/zkctl" {
			continue // a dry run cannot find out
		}
		out, errs, code = e.run("up", "--dry-run")
		if code != 1 || out != "" || !strings.Contains(errs, home) || !strings.Contains(errs, reason) || !strings.Contains(errs, "or set ZKCTL_HOME to another") {
			t.Errorf("up --dry-run in %s: exit %d\n%s%s", home, code, out, errs)
		}
	}
	if left := e.glob("*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestFullDisk fills the disk under a running ensemble. The members end and log why.
// Once there is room they start again, and nothing acknowledged is lost.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t, 2<<20)
	e := at(t, disk)
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	e.up()
	logs := e.logs()
	members := e.status().Members
	s := e.scribe("s", e.hosts()...)
	for _, m := range members {
		startPage(t, filepath.Join(filepath.Dir(m.DataDir), "log"))
	}
	e.eventually("too few members are left", func() error {
		for s.write(strings.Repeat("x", 2000)) == nil {
			// The connection breaks in the end; other members may still serve.
		}
		status := e.status()
		if status.Health != "no-quorum" && status.Health != "down" {
			return errors.New(status.Health)
		}
		ended := 0 // the leader steps down as soon as connections end, before the processes have
		for _, m := range status.Members {
			if m.Role == "down" {
				ended++
			}
		}
		if ended < 2 {
			return fmt.Errorf("%d members have ended", ended)
		}
		return nil
	})
	s.conn.Close()
	t.Logf("%d writes acknowledged", len(s.written))

	text, _, code := e.run("status")
	if flat := strings.Join(strings.Fields(text), " "); code != 3 || !strings.Contains(flat, "no space left on device") {
		t.Errorf("status: exit %d\n%s", code, text)
	}
	ended := 0
	for _, m := range e.status().Members {
		if m.Role != "down" {
			continue
		}
		ended++
		if !strings.Contains(m.Reason, "no space left on device") {
			t.Errorf("status says of member %d: %q", m.ID, m.Reason)
		}
		logs.await(m.ID, "the server cannot go on", "no room left in "+m.DataDir, "make room there")
	}
	if ended < 2 {
		t.Errorf("only %d members ended", ended)
	}

	// The disk may still have room for a few bytes: they are filled, too.
	filler := fill(t, disk)
	_, errs, code := e.run("start", "all")
	if code != 1 || !strings.Contains(errs, "no space left on device") || !strings.Contains(errs, "hint: make room on the disk") {
		t.Errorf("start on a full disk: exit %d\n%s", code, errs)
	}
	_, errs, code = e.run("up", "--name", "second")
	if code != 1 || !strings.Contains(errs, "no space left on device") || !strings.Contains(errs, "hint: make room on the disk") {
		t.Errorf("up on a full disk: exit %d\n%s", code, errs)
	}
	if left := e.glob("second*"); len(left) > 0 {
		t.Errorf("a failed up left %v", left)
	}

	for _, path := range []string{ballast, filler} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	e.zkctl("start", "all")
	e.wait("healthy")
	for _, host := range e.hosts() {
		s.check(host)
	}
	e.scribe("again", e.hosts()...).conn.Close()
	e.wait("synced")
	e.sameTrees()
}

// startPage grows a log so that its last page has room for what a member says
// when the disk has no more pages.
func startPage(t *testing.T, log string) {
	info, err := os.Stat(log)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const page = 4096
	if _, err := file.Write(bytes.Repeat([]byte{'\n'}, page-int(info.Size()%page)+1)); err != nil {
		t.Fatal(err)
	}
}

// fill writes a file until there is no room left, not even for one byte.
func fill(t testing.TB, dir string) string {
	file, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for size := 64 << 10; size > 0; {
		if _, err := file.Write(bytes.Repeat([]byte{1}, size)); err != nil {
			size /= 2
		}
	}
	return file.Name()
}

// TestRestartThatCannotStart restarts members that cannot be started again, since the disk is full, or one's data is
// damaged: what is not found out before a member ends ends no more than that one.
func TestRestartThatCannotStart(t *testing.T) {
	e := at(t, smallDisk(t, 4<<20))
	e.up()
	before := e.processes()
	filler := fill(t, e.home)
	e.expect("restart all", answer{1, noRoom})
	if after := e.processes(); !slices.Equal(before, after) {
		t.Errorf("processes %v became %v", before, after)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	epoch := filepath.Join(e.home, "default/members/2/data/version-2/currentEpoch")
	if err := os.WriteFile(epoch, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.expect("restart all", answer{1, `member 2 ended at once (.|\n)*\(not restarted: \[3\]\)`})
	after := e.processes()
	if after[1] == before[1] || after[2] != 0 || after[3] != before[3] {
		t.Errorf("processes %v became %v", before, after)
	}
}
