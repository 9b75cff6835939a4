package storage

import (
	"strings"
	"testing"
)

// The error names every damaged file, and says once what to do.
func TestDamageComesWithAdvice(t *testing.T) {
	disk, a, b := rolled(t, newTestHistory())
	damage := func(m *MemFS, path string) {
		text := readFile(t, m, path)
		text[len(text)/2] ^= 1
		m.WriteFile(path, text)
	}
	for name, paths := range map[string][]string{
		"the last log":  {logPath(b + 1)},
		"all snapshots": {snapshotPath(0), snapshotPath(a), snapshotPath(b)},
	} {
		t.Run(name, func(t *testing.T) {
			m := clone(disk, 1)
			for _, path := range paths {
				damage(m, path)
			}
			_, _, err := Open(options(m))
			if !isDamage(err) {
				t.Fatal(err)
			}
			for _, path := range paths {
				if !strings.Contains(err.Error(), path+": offset ") {
					t.Errorf("the error does not name %s: %v", path, err)
				}
			}
			if n := strings.Count(err.Error(), "copies everything from the leader"); n != 1 {
				t.Errorf("advice %d times in: %v", n, err)
			}
			// A server without peers would lose its data by the same advice.
			_, _, err = Open(aloneOptions(m))
			if !isDamage(err) || strings.Contains(err.Error(), "leader") || strings.Count(err.Error(), "no other server has this data: copy ") != 1 {
				t.Errorf("a standalone server says: %v", err)
			}
		})
	}
}
