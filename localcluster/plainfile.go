package localcluster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Every file of an ensemble's folder is a regular file. Another program can put something else in its place: to open
// a FIFO may take for ever, and what is written to a device is gone. So whatever reads such a file refuses anything
// else, and what owns it (the supervisor, for the most part) removes the intruder and makes the file anew. A directory is
// never removed, since it may hold what its owner misses: the user is told of it.

// errNotRegular is the cause when something else is in a regular file's place.
var errNotRegular = errors.New("not a regular file")

// openRegular opens a file, and refuses at once what is not a regular one.
func openRegular(path string, flag int) (*os.File, error) {
	file, err := os.OpenFile(path, flag|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		// A directory cannot be opened to be written to, and a socket not at all.
		if info, statErr := os.Stat(path); statErr == nil && !info.Mode().IsRegular() {
			return nil, notRegular(path, info.Mode())
		}
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(path, info.Mode())
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func readRegular(path string) ([]byte, error) {
	file, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// openOwn opens a file for what owns it, which removes anything else than a regular file or a directory first.
func openOwn(path string, flag int) (*os.File, error) {
	if err := removeIntruder(path); err != nil {
		return nil, err
	}
	return openRegular(path, flag)
}

// removeIntruder removes what is in the place of a regular file, but for a directory.
func removeIntruder(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().IsRegular() || info.IsDir() {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// isDirectory tells whether a directory is in the place of a file.
func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func notRegular(path string, mode fs.FileMode) error {
	kind := "no regular file"
	switch {
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a FIFO"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	}
	hint := "remove it: zkctl makes the file anew"
	if mode.IsDir() {
		hint = "move it away: zkctl makes the file anew"
	}
	return &Error{Code: CodeFailed, Text: fmt.Sprintf("%s is %s, where zkctl keeps a file", path, kind), Hint: hint, cause: errNotRegular}
}
