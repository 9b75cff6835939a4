//go:build unix && !linux

package localcluster

import (
	"os"
	"os/exec"
	"syscall"
)

// childAttributes put a member into a process group of its own, so that a terminal's Ctrl-C does not
// reach it. There is no death signal here: see guard.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// executable is the program to run for a member: this one.
func executable() (string, error) { return os.Executable() }

// startGuard begins the process that ends the members when the supervisor dies: this program, called
// name, again.
func startGuard(name string) (*guard, error) {
	self, err := executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, GuardCommand)
	cmd.Args[0] = name
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &guard{pipe: pipe, cmd: cmd}, nil
}
