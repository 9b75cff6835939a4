//go:build unix

package localcluster

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// runtimeDir is the one directory that every zkctl of this user on this machine agrees on, whatever
// its home and environment: the register of ports is in it, and the control sockets whose own path
// would be too long. It is deliberately not made from TMPDIR or XDG_RUNTIME_DIR, since two shells of
// one user may differ in those.
//
// The name is predictable and every user may write to /tmp, so what is found there is used only when it
// is a directory of this user's that no other user may enter.
func runtimeDir() (string, error) {
	dir := fmt.Sprintf("/tmp/zkctl-%d", os.Getuid())
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o077 != 0 {
		return "", fail(CodeFailed, "remove it", "%s is not a private directory of this user", dir)
	}
	return dir, nil
}

// maxSocketPath is what a unix socket address holds: 104 bytes with the closing zero on the BSDs and
// macOS, 108 on Linux.
const maxSocketPath = 103

// Socket is where the supervisor listens: control.sock in the folder, or, where that path is longer
// than a socket address can hold, a short name in the runtime directory made from the folder's path.
func (f Folder) Socket() (string, error) {
	path, err := socketIn(string(f), "control.sock")
	if err != nil {
		return "", fmt.Errorf("control socket: %w", err)
	}
	return path, nil
}

// WordSocket is where an embedded member answers four-letter words to its supervisor: words.sock in its folder,
// or elsewhere as the control socket.
func (m MemberFolder) WordSocket() (string, error) { return socketIn(string(m), "words.sock") }

// sockets are the paths of all sockets of an ensemble.
func (f Folder) sockets() (paths []string) {
	if path, err := f.Socket(); err == nil {
		paths = append(paths, path)
	}
	spec, err := LoadSpec(f)
	if err != nil {
		return paths // without its spec it has no members to be found
	}
	for _, m := range spec.Members {
		if path, err := f.Member(m.ID).WordSocket(); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// socketIn is a socket's path in a folder, or its short name in the runtime directory.
func socketIn(folder, name string) (string, error) {
	path := filepath.Join(folder, name)
	if len(path) <= maxSocketPath {
		return path, nil
	}
	dir, err := runtimeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, fmt.Sprintf("%016x.sock", hashOf(folder))), nil
}

func hashOf(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

// fileLock is an advisory lock on a file, dropped by the kernel when its holder dies.
type fileLock struct{ file *os.File }

// lockFile takes the lock; ok is false when another holds it.
func lockFile(path string) (lock *fileLock, ok bool, err error) {
	file, err := openOwn(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, false, err
	}
	return flock(file, syscall.LOCK_EX|syscall.LOCK_NB)
}

// awaitFile takes the lock as soon as it is free, if that is in time; otherwise it returns nil.
func awaitFile(path string, patience time.Duration) (*fileLock, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(shortInterval) {
		lock, ok, err := lockFile(path)
		if ok || err != nil || time.Now().After(deadline) {
			return lock, err
		}
	}
}

// lockHeld tells whether a process holds the lock. It takes the lock shared for an instant, so that two callers
// do not see each other, and makes no file. What is not a regular file is no lock, and so no process holds it.
func lockHeld(path string) (bool, error) {
	file, err := openRegular(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotRegular) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	lock, ok, err := flock(file, syscall.LOCK_SH|syscall.LOCK_NB)
	if ok {
		lock.unlock()
	}
	return !ok, err
}

// flock locks an open file, or closes it.
func flock(file *os.File, how int) (lock *fileLock, ok bool, err error) {
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if err != syscall.EINTR {
			break
		}
	}
	if err == syscall.EWOULDBLOCK {
		file.Close()
		return nil, false, nil
	}
	if err != nil {
		file.Close()
		return nil, false, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return &fileLock{file}, true, nil
}

// unlock releases the lock. The file stays: removing it would let two processes hold "the" lock at once.
func (l *fileLock) unlock() { l.file.Close() }

// sign writes this process's number into the lock, for a `down` that must end a supervisor which does not answer.
func (l *fileLock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
