package localcluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// DownResult is what Down found and did.
type DownResult struct {
	Existed bool
	Running bool
	Purged  bool
}

// Down stops an ensemble, and with purge deletes all its data. That there is none is fine.
func Down(ctx context.Context, home Home, name string, purge, dryRun bool) (DownResult, error) {
	folder := home.Folder(name)
	if !fileExists(folder.SpecFile()) {
		return DownResult{}, nil
	}
	result := DownResult{Existed: true, Purged: purge}
	lock, free, err := lockFile(folder.LockFile(), false)
	if err != nil {
		return result, err
	}
	if free {
		defer lock.unlock()
	}
	result.Running = !free
	if dryRun {
		return result, nil
	}
	if !free {
		if err := stopSupervisor(ctx, folder); err != nil {
			return result, err
		}
	}
	if purge {
		return result, removeEnsemble(folder)
	}
	return result, nil
}

// removeEnsemble deletes a stopped ensemble with all its data.
func removeEnsemble(folder Folder) error {
	// The spec goes first: a folder without is no ensemble, so one that is killed half-way leaves none.
	if err := os.Remove(folder.SpecFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if socket, err := folder.Socket(); err == nil {
		_ = os.Remove(socket) // it may lie outside the folder
	}
	return os.RemoveAll(string(folder))
}

// stopGrace is how long a supervisor may take to stop: its members' grace, and some.
const stopGrace = endGrace + 5*time.Second

// stopSupervisor ends a supervisor, in order when it listens, by force when it does not; its members
// go with it in both cases. It returns when the supervisor's lock is free.
func stopSupervisor(ctx context.Context, folder Folder) error {
	if client, err := Dial(folder); err == nil {
		asked, cancel := context.WithTimeout(ctx, stopGrace)
		err = client.Stop(asked)
		cancel()
		if err == nil && awaitLock(ctx, folder, stopGrace) == nil {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := killSupervisor(folder); err != nil {
		return err
	}
	return awaitLock(ctx, folder, stopGrace)
}

// awaitLock returns when no supervisor holds the ensemble any more.
func awaitLock(ctx context.Context, folder Folder, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		held, err := lockHeld(folder.LockFile())
		if err != nil || !held {
			return err
		}
		if time.Now().After(deadline) {
			return fail(CodeFailed, "", "the supervisor of %s does not end", folder)
		}
		select {
		case <-time.After(eager):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// killSupervisor kills the process that holds the lock.
func killSupervisor(folder Folder) error {
	held, err := lockHeld(folder.LockFile())
	if err != nil || !held {
		return err // it has ended
	}
	text, err := os.ReadFile(folder.LockFile())
	if err != nil {
		return err
	}
	var pid int
	if _, err := fmt.Sscanf(string(text), "%d", &pid); err != nil || pid <= 1 {
		return fail(CodeFailed, "end it by hand", "the supervisor of %s does not answer, and its lock does not say who it is", folder)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}
