package localcluster

import "syscall"

// childAttributes put a member into a process group of its own, so that a terminal's Ctrl-C does not
// reach it, and have the kernel kill it when the supervisor dies, even a member that is stopped at
// that moment. See launcher for what the death signal is tied to.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// executable is the program to run for a member: this one. The link in /proc leads to the very
// program that runs, also when its file has been deleted (as `go run` does) or replaced since.
func executable() (string, error) { return "/proc/self/exe", nil }

// startGuard does nothing: the kernel looks after orphans.
func startGuard(string) (*guard, error) { return nil, nil }
