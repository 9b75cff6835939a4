package localcluster_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"zkctl/localcluster"
	"zkctl/probe/peers"
)

// On a disk that is full, or that fills during the start, an ensemble either comes up or leaves nothing behind,
// and the error names the full disk.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	peers.Need(t, "the right to mount a small disk", syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4k"))
	t.Cleanup(func() {
		// Detached, because a supervisor that has released its lock may not have exited yet.
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	home := localcluster.Home(dir)
	failed := 0
	for _, size := range []int{4, 8, 16, 32, 64} {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%dk", size)); err != nil {
			t.Fatal(err)
		}
		_, err := localcluster.Up(t.Context(), localcluster.UpOptions{
			Home: home, Name: "test", Wait: patience, Program: "zkctl", Progress: func(string) {},
		})
		if err == nil {
			t.Logf("%d kB are enough", size)
			if _, err := localcluster.Down(t.Context(), home, "test", true, false); err != nil {
				t.Fatal(err)
			}
			continue
		}
		failed++
		if !strings.Contains(err.Error(), "no space left on device") {
			t.Errorf("%d kB: %v", size, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%d kB: left behind: %v, %v", size, entries, err)
		}
	}
	if failed == 0 {
		t.Error("no size was too small: the test shows nothing")
	}
}
