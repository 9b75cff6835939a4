//go:build unix

package localcluster

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// guard replaces the parent-death signal where the kernel has none: it is a small process that
// reads from a pipe which only the supervisor holds open. When the supervisor dies, however it dies,
// the pipe closes, and the guard kills the members that it watches.
//
//	supervisor ──pipe──> guard        "+ 4711"  look after this process
//	    │                  ┊          "- 4711"  it is gone
//	    └── members <┄┄kill┘          (EOF)     kill those that are left
//
// A member could watch such a pipe by itself, but not while it is stopped (`zkctl pause`), and not
// when it is Apache ZooKeeper.
//
// A nil guard does nothing: it is not needed.
type guard struct {
	pipe io.WriteCloser
	cmd  *exec.Cmd
}

// GuardCommand is the hidden command that runs Guard.
const GuardCommand = "guard"

// watch has the guard watch a process. Writing to a guard that is gone fails, which matters only if the
// supervisor dies, too.
func (g *guard) watch(pid int) { g.send('+', pid) }

// forget has the guard watch a process no longer.
func (g *guard) forget(pid int) { g.send('-', pid) }

func (g *guard) send(what rune, pid int) {
	if g != nil {
		fmt.Fprintf(g.pipe, "%c %d\n", what, pid)
	}
}

// close ends the guard, and the processes that it still watches.
func (g *guard) close() {
	if g != nil {
		g.pipe.Close()
		_ = g.cmd.Wait()
	}
}

// Guard runs the guard: it reads orders until the input ends, then kills what is left.
func Guard(orders io.Reader) error {
	watched := map[int]bool{}
	lines := bufio.NewScanner(orders)
	for lines.Scan() {
		var what rune
		var pid int
		if _, err := fmt.Sscanf(lines.Text(), "%c %d", &what, &pid); err != nil || pid <= 1 {
			return fmt.Errorf("guard: %q is no order", lines.Text())
		}
		if what == '+' {
			watched[pid] = true
		} else {
			delete(watched, pid)
		}
	}
	for pid := range watched {
		if process, err := os.FindProcess(pid); err == nil {
			_ = process.Signal(syscall.SIGKILL)
		}
	}
	return lines.Err()
}
