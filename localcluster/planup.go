//go:build unix

package localcluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// PlanUp says what Up would do. What would make Up fail before it starts a member is the same error here: a
// home that cannot be written to, a port that is taken, an engine that is not installed.
func PlanUp(o UpOptions) ([]string, error) {
	u := newUp(o)
	if err := u.design(); err != nil {
		return nil, err
	}
	if !u.result.Created && u.folder.Running() {
		return u.planRunning()
	}
	if _, err := Dial(u.folder); errors.Is(err, errSilent) {
		return nil, err
	}
	var steps []string
	add := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	if err := u.checkStart(); err != nil {
		return nil, err
	}
	switch {
	case u.result.Created:
		add("make %s", u.folder)
		if base := o.Request.BasePort; base != 0 {
			add("take ports %d to %d", base, base+u.spec.portCount()-1)
		} else {
			add("choose %d free ports", u.spec.portCount())
		}
	case u.revised != nil:
		add("change the settings in %s", u.folder.SpecFile())
	}
	add("start a supervisor with %d links", len(u.spec.Members)*(len(u.spec.Members)-1)*2)
	for _, m := range u.spec.Members {
		kind := "voter"
		if m.Observer {
			kind = "observer"
		}
		add("start member %d (%s, %s)", m.ID, kind, m.Engine)
	}
	return u.planWait(steps), nil
}

// planRunning is the plan for an ensemble that runs.
func (u *up) planRunning() ([]string, error) {
	client, err := u.dial()
	if err != nil {
		return nil, err
	}
	down, err := u.down(context.Background(), client)
	if err != nil {
		return nil, err
	}
	steps := []string{"leave " + u.Name + " as it is: it is running"}
	for _, id := range down {
		steps = append(steps, fmt.Sprintf("start member %d", id))
	}
	return u.planWait(steps), nil
}

func (u *up) planWait(steps []string) []string {
	if u.Wait > 0 {
		steps = append(steps, fmt.Sprintf("wait until every member serves, at most %s", u.Wait))
	}
	return steps
}

// checkStart looks for what would make the start of an ensemble that does not run fail, and changes nothing.
func (u *up) checkStart() error {
	spec := u.spec
	if u.revised != nil {
		spec = u.revised
	}
	var err error
	if u.result.Created {
		err = u.checkCreate()
	} else if err = writable(string(u.folder)); err == nil {
		err = spec.awaitPorts()
	}
	if err != nil {
		return err
	}
	for _, m := range spec.Members {
		if m.Engine == Apache {
			return CheckApache(os.Getenv)
		}
	}
	return nil
}

// checkCreate is what create would fail with.
func (u *up) checkCreate() error {
	if err := writable(string(u.Home)); err != nil {
		return fail(CodeFailed, homeHint, "state directory %s: %w", u.Home, err)
	}
	if _, err := leftovers(u.folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return noFolder(u.Name, err)
	}
	register, err := readRegister(u.Home)
	if err != nil {
		return err
	}
	planned := *u.spec
	return register.allocate(&planned, u.folder, u.Request.BasePort)
}

// writable says why nothing can be made in a directory, or why the directory cannot be made.
func writable(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir):
		return writable(filepath.Dir(dir))
	case err != nil:
		return err
	case !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: dir, Err: unix.ENOTDIR}
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "write to", Path: dir, Err: err}
	}
	return nil
}
