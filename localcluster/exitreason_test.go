package localcluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitReason(t *testing.T) {
	for name, test := range map[string]struct{ log, want string }{
		"an error with a hint": {"level=INFO msg=starting\nzkctl: the disk is broken\nhint: buy another\n", "the disk is broken"},
		"several lines":        {"zkctl: two files are damaged:\n/a\n/b\nhint: none\n", "two files are damaged:\n/a\n/b"},
		"another program's":    {"line 1\nException in thread main\n", "Exception in thread main"},
		"nothing":              {"", ""},
		"a crash":              {"zkctl: not this\nSIGQUIT: quit\nPC=0x1\n\ngoroutine 0\n" + strings.Repeat("r0 0x0\n", maxReason), "SIGQUIT: quit"},
		"a panic":              {"x\npanic: runtime error: index\n\ngoroutine 1 [running]:\ngs 0x0\n", "panic: runtime error: index"},
		"a long log":           {strings.Repeat("x\n", maxReason) + "zkctl: at last\n", "at last"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &member{folder: MemberFolder(t.TempDir())}
			log, err := openRotating(m.folder.LogFile(), logBound)
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			output := &memberOutput{log: log}
			for text := test.log; text != ""; {
				n, err := output.Write([]byte(text[:min(7, len(text))])) // in pieces, as a pipe gives them
				if err != nil {
					t.Fatal(err)
				}
				text = text[n:]
			}
			if got := m.exitReason(&process{output: output}); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			left, err := os.ReadDir(string(m.folder))
			if err != nil || len(left) != 1 || left[0].Name() != filepath.Base(m.folder.LogFile()) {
				t.Errorf("left behind beside the log: %v, %v", left, err)
			}
		})
	}
}
