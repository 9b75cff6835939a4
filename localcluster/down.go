package localcluster

import (
	"cmp"
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
	Forced  string // why the supervisor had to be killed, empty when it ended in order
	Purged  bool
}

// Down stops an ensemble, and with purge deletes all its data. An ensemble that does not exist is no error;
// one that may not be looked at is an error, since it may be running. What is in the place of the folder's own files keeps
// no ensemble from ending.
func Down(ctx context.Context, home Home, name string, purge, dryRun bool) (DownResult, error) {
	folder := home.Folder(name)
	result, err := down(ctx, folder, name, purge, dryRun)
	if _, gone := os.Lstat(string(folder)); err != nil && errors.Is(gone, fs.ErrNotExist) {
		err = nil // another `down --purge` was faster
	}
	return result, err
}

func down(ctx context.Context, folder Folder, name string, purge, dryRun bool) (DownResult, error) {
	if _, err := os.Stat(folder.SpecFile()); errors.Is(err, fs.ErrNotExist) {
		return DownResult{}, nil
	} else if err != nil {
		return DownResult{}, noAccess(name, err)
	}
	result := DownResult{Existed: true, Purged: purge}
	held, err := lockHeld(folder.LockFile())
	if err != nil {
		return result, noAccess(name, err)
	}
	supervisor, _ := processesOf(folder)
	result.Running = held || supervisor != 0 // it may run without its lock, when that was removed
	if dryRun {
		return result, nil
	}
	if result.Running {
		if result.Forced, err = stopSupervisor(ctx, folder); err != nil {
			return result, err
		}
	}
	if purge {
		return result, purgeEnsemble(ctx, folder, name)
	}
	if err := awaitGone(ctx, folder, name); err != nil || result.Forced == "" {
		return result, err
	}
	return result, recordKilled(folder, result.Forced)
}

// recordKilled ends the timeline of a supervisor that Down has killed, and empties its lock, as the supervisor does
// that ends in order. When a supervisor runs again the record is its own. Events that cannot be written are the next
// supervisor's to add.
func recordKilled(folder Folder, forced string) error {
	if isDirectory(folder.LockFile()) || isDirectory(folder.EventsFile()) {
		return nil
	}
	lock, err := takeFreeLock(folder.LockFile())
	if err != nil || lock == nil {
		return err
	}
	defer lock.unlock()
	before, err := readOwnEvents(folder)
	if err != nil {
		return err
	}
	events, err := openEventLog(folder.EventsFile(), eventsBound, before, time.Now)
	if err != nil {
		return err
	}
	why := "zkctl down killed the supervisor: " + forced
	findOpen(before).close(events.add, why)
	events.add(Event{Kind: EventDown, Why: why})
	return errors.Join(events.close(), lock.file.Truncate(0))
}

// purgeEnsemble deletes a stopped ensemble, and holds its lock meanwhile, so that no supervisor starts on
// data that is being deleted.
func purgeEnsemble(ctx context.Context, folder Folder, name string) error {
	if !isDirectory(folder.LockFile()) { // a supervisor does not start without a lock
		lock, err := awaitFile(folder.LockFile(), killTime) // another `down --purge` may hold it
		if err != nil {
			return err
		}
		if lock == nil {
			return fail(CodeFailed, "", "the ensemble %s was started again meanwhile", name)
		}
		defer lock.unlock()
	}
	if err := awaitGone(ctx, folder, name); err != nil {
		return err
	}
	return removeEnsemble(folder)
}

// awaitGone returns when no member of an ensemble without a supervisor is left. When the supervisor was
// killed, the kernel kills its members, but it need not have done so yet.
func awaitGone(ctx context.Context, folder Folder, name string) error {
	deadline := time.Now().Add(killTime)
	for {
		_, members := processesOf(folder)
		switch {
		case len(members) == 0:
			return nil
		case time.Now().After(deadline):
			return fail(CodeFailed, fmt.Sprintf("end it with `kill -KILL %d`, then try again", members[0]),
				"process %d still runs a member of %s", members[0], name)
		}
		select {
		case <-time.After(shortInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// removeEnsemble deletes a stopped ensemble with all its data.
func removeEnsemble(folder Folder) error {
	sockets := folder.sockets() // while the spec says which members there are
	// The spec is removed first: a folder without one is no ensemble, so a removal that is interrupted leaves none.
	if err := os.RemoveAll(folder.SpecFile()); err != nil {
		return err
	}
	for _, socket := range sockets {
		_ = os.Remove(socket) // it may lie outside the folder
	}
	for {
		// Another `down` may open the lock meanwhile, which makes the file again, and removes the folder then.
		if err := os.RemoveAll(string(folder)); !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
}

const (
	// stopTime is how long a supervisor may take to stop: its members' grace, and some.
	stopTime = endGrace + 800*time.Millisecond
	// killTime is how long a process may take to be gone after it was killed.
	killTime = time.Second
)

// stopSupervisor ends a supervisor, in order when it answers, by force when it does not; its members
// end with it in both cases. It returns when the supervisor's lock is free; forced is why it was killed.
func stopSupervisor(ctx context.Context, folder Folder) (forced string, err error) {
	pid := folder.supervisorPID()
	if stopped(pid) {
		forced = fmt.Sprintf("process %d was stopped (state T)", pid)
	} else if client, err := Dial(folder); err != nil {
		forced = err.Error()
	} else if err := client.Stop(ctx); err != nil && CodeOf(err) != CodeMissing {
		forced = err.Error()
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if forced == "" && awaitEnd(ctx, folder, pid, killTime) == nil {
		return "", nil
	}
	held, err := lockHeld(folder.LockFile())
	if err != nil {
		return forced, err
	}
	if !held {
		// The number in a lock that is free may be another process's by now.
		if pid, _ = processesOf(folder); pid == 0 {
			return "", nil
		}
	}
	if pid == 0 && awaitEnd(ctx, folder, 0, killTime) == nil {
		return "", nil // the lock was another zkctl's, which deletes the ensemble for example
	}
	if pid == 0 {
		return forced, fail(CodeFailed, "see which process has it open, and end it: `fuser "+folder.LockFile()+"`",
			"the supervisor of %s does not answer, and its lock does not say which process it is", folder)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
		return forced, fmt.Errorf("end the supervisor of %s, process %d: %w", folder, pid, err)
	}
	return cmp.Or(forced, "it did not end"), awaitEnd(ctx, folder, pid, killTime)
}

// awaitEnd returns when no supervisor holds the lock, and its process has ended. Looking for the process finds
// also a supervisor whose lock was removed.
func awaitEnd(ctx context.Context, folder Folder, pid int, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		held, err := lockHeld(folder.LockFile())
		if err != nil {
			return err
		}
		if !held {
			if supervisor, _ := processesOf(folder); supervisor == 0 {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fail(CodeFailed, "", "the supervisor of %s, process %d, does not end", folder, pid)
		}
		select {
		case <-time.After(shortInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
