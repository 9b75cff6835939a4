package localcluster

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Logs and the timeline are bounded: a file that reaches its bound is moved aside as FILE.1, over the one
// that was there, and a new one begins. So each takes up to twice its bound, and the newest half is always there.
const (
	logBound    = 4 << 20 // of a member's log, and of supervisor.log
	eventsBound = 4 << 20 // some 25,000 events
)

// older is where a file goes when it has reached its bound.
func older(path string) string { return path + ".1" }

// rotatingFile is a bounded file that one writer appends to. Lines are kept whole, but for one that is longer
// than the bound.
type rotatingFile struct {
	path  string
	bound int64
	file  *os.File
}

func openRotating(path string, bound int64) (*rotatingFile, error) {
	file, err := openOwn(path, os.O_RDWR|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	return &rotatingFile{path, bound, file}, nil
}

// full tells whether so many bytes more would reach the bound.
func (r *rotatingFile) full(more int) bool {
	info, err := r.file.Stat()
	return err == nil && info.Size() > 0 && info.Size()+int64(more) > r.bound
}

// Write appends. When the file is full the rest of the line that was begun still goes into it.
func (r *rotatingFile) Write(text []byte) (n int, err error) {
	if i := bytes.IndexByte(text, '\n') + 1; r.full(len(text)) && (i > 0 || r.endsLine()) {
		if r.endsLine() {
			i = 0
		}
		if n, err = r.file.Write(text[:i]); err != nil {
			return n, err
		}
		// Where there is no room for another file this one grows, as long as there is room for that.
		_ = r.rotate()
	}
	more, err := r.file.Write(text[n:])
	return n + more, err
}

// endsLine tells whether what is there ends with a whole line.
func (r *rotatingFile) endsLine() bool {
	info, err := r.file.Stat()
	if err != nil || info.Size() == 0 {
		return err == nil
	}
	end := []byte{0}
	_, err = r.file.ReadAt(end, info.Size()-1)
	return err == nil && end[0] == '\n'
}

// rotate moves the file aside. The new one exists before the old one loses its name: when there is no
// room for it nothing changes.
func (r *rotatingFile) rotate() error {
	fresh := r.path + ".new"
	file, err := openOwn(fresh, os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND)
	if err != nil {
		return err
	}
	if err := os.Rename(r.path, older(r.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, file.Close(), os.Remove(fresh))
	}
	if err := os.Rename(fresh, r.path); err != nil {
		return errors.Join(err, file.Close())
	}
	err = r.file.Close()
	r.file = file
	return err
}

// restore opens the file anew when another program has removed or replaced it: what was written to it since could
// not be read. gone tells that it has. Where the file cannot be opened the old one stays.
func (r *rotatingFile) restore() (gone bool, err error) {
	if isFileAt(r.file, r.path) {
		return false, nil
	}
	fresh, err := openRotating(r.path, r.bound)
	if err != nil {
		return false, err
	}
	err = r.file.Close()
	r.file = fresh.file
	return true, err
}

// isFileAt tells whether an open file is the one that is found at path.
func isFileAt(file *os.File, path string) bool {
	own, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(own, there)
}

func (r *rotatingFile) Close() error { return r.file.Close() }

// memberOutput is where a member's process prints: its log. The end of the output is also kept in memory, for the
// reason of an exit, so that a full disk does not lose it.
type memberOutput struct {
	log   *rotatingFile
	end   []byte // at most maxReason
	line  []byte // the line that has not ended yet, at most maxReason of it
	crash string // the line that a Go program or a JVM begins to crash with
	lost  int    // bytes that could not be written
}

// Write never fails: a process must not end because its log cannot be written.
func (o *memberOutput) Write(text []byte) (int, error) {
	o.end = append(o.end, text...)
	o.end = append([]byte(nil), o.end[max(0, len(o.end)-maxReason):]...)
	o.findCrash(text)
	if gone, _ := o.log.restore(); gone {
		_, _ = o.log.Write([]byte("the file of this log was removed or replaced: earlier lines are gone\n"))
	}
	if o.lost > 0 {
		note := fmt.Appendf(nil, "%d bytes of this log are lost: they could not be written\n", o.lost)
		if _, err := o.log.Write(note); err != nil {
			o.lost += len(text)
			return len(text), nil
		}
		o.lost = 0
	}
	n, err := o.log.Write(text)
	if err != nil {
		o.lost += len(text) - n
	}
	return len(text), nil
}

// findCrash looks for the line with the reason of a crash: what follows are stacks and registers.
func (o *memberOutput) findCrash(text []byte) {
	for o.crash == "" && len(text) > 0 {
		part, rest, whole := bytes.Cut(text, []byte("\n"))
		o.line = append(o.line, part[:min(len(part), max(0, maxReason-len(o.line)))]...)
		if !whole {
			return
		}
		if crashLine.Match(o.line) {
			o.crash = string(o.line)
		}
		o.line, text = o.line[:0], rest
	}
}
