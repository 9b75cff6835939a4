package localcluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLastWords(t *testing.T) {
	const before = "zkctl: the error of the process before\n"
	for name, test := range map[string]struct{ log, want string }{
		"an error with a hint": {"level=INFO msg=starting\nzkctl: the disk is broken\nhint: buy another\n", "the disk is broken"},
		"several lines":        {"zkctl: two files are damaged:\n/a\n/b\nhint: none\n", "two files are damaged:\n/a\n/b"},
		"another program's":    {"line 1\nException in thread main\n", "Exception in thread main"},
		"nothing":              {"", ""},
		"a long log":           {strings.Repeat("x\n", maxWords) + "zkctl: at last\n", "at last"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &member{folder: MemberFolder(t.TempDir())}
			if err := os.WriteFile(m.folder.LogFile(), []byte(before+test.log), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := m.lastWords(&process{logFrom: int64(len(before))}); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if left, _ := filepath.Glob(string(m.folder) + "/.*"); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
