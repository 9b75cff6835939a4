package localcluster

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Tail reads a text file line by line, and with more set goes on as it grows until more returns false. A file
// that is not there counts as empty. emit gets each line without its end. What was moved aside when the file
// reached its bound comes first, and reading goes on in the new file.
func Tail(ctx context.Context, path string, more func() bool, emit func(line []byte) error) error {
	return TailFrom(ctx, path, nil, more, emit)
}

// TailFrom is Tail from the first of the last lines that are wanted. wanted is called for each line, from the
// last one backwards, until it returns false; so only the end of a file is read.
func TailFrom(ctx context.Context, path string, wanted func(line []byte) bool, more func() bool, emit func(line []byte) error) error {
	file, err := openGrowing(ctx, path, more)
	if file == nil {
		return err
	}
	t := &tail{path: path, file: file, more: more, emit: emit}
	defer func() { t.file.Close() }()
	before, err := t.before()
	if err != nil {
		return err
	}
	if before != nil {
		defer before.Close()
	}
	all := true
	if wanted != nil {
		if all, err = seekBack(file, wanted); err == nil && all && before != nil {
			_, err = seekBack(before, wanted)
		}
	}
	if err == nil && all && before != nil {
		err = (&tail{path: path, file: before, emit: emit}).read(ctx)
	}
	if err != nil {
		return err
	}
	return t.read(ctx)
}

// tail is one reading under way.
type tail struct {
	path string
	file *os.File
	more func() bool // nil: to the end and no further
	emit func([]byte) error
}

// before opens what was moved aside before the file began, nil when there is nothing.
func (t *tail) before() (*os.File, error) {
	before, err := openRegular(older(t.path), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && sameFile(before, t.file) {
		return nil, before.Close() // it has just been moved aside, over the file that was there
	}
	return before, err
}

func sameFile(a, b *os.File) bool {
	x, err := a.Stat()
	y, err2 := b.Stat()
	return err == nil && err2 == nil && os.SameFile(x, y)
}

// next opens the file that goes on where this one was moved aside, nil when it was not.
func (t *tail) next() *os.File {
	file, err := openRegular(t.path, os.O_RDONLY)
	if err != nil {
		return nil // it is being moved at this moment, or the ensemble was deleted
	}
	if sameFile(file, t.file) {
		file.Close()
		return nil
	}
	aside, err := openRegular(older(t.path), os.O_RDONLY)
	switch {
	case err != nil:
	case sameFile(aside, t.file):
		aside.Close()
	default:
		file.Close() // another file was filled since the last read
		return aside
	}
	return file
}

// read reads to the end, and with more beyond.
func (t *tail) read(ctx context.Context) error {
	lines := bufio.NewReader(t.file)
	var line []byte   // the part of a line that is there already
	var next *os.File // the file that follows this one: one more read
	last := false     // the writer has ended: one more read
	for {
		part, err := lines.ReadBytes('\n')
		line = append(line, part...)
		if err == nil {
			if err := t.emit(line[:len(line)-1]); err != nil {
				return err
			}
			line = line[:0]
			continue
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
		if next == nil && t.more != nil {
			if next = t.next(); next != nil {
				continue
			}
		}
		if next != nil || t.more == nil || last {
			if len(line) > 0 {
				if err := t.emit(line); err != nil {
					return err
				}
			}
			if next == nil {
				return nil
			}
			t.file.Close()
			t.file, next, line = next, nil, nil
			lines.Reset(t.file)
			continue
		}
		if last = !t.more(); last {
			continue
		}
		select {
		case <-time.After(longInterval):
		case <-ctx.Done():
			return nil
		}
	}
}

// seekBack moves to the first of the last lines that are wanted. all tells that every line is.
func seekBack(file *os.File, wanted func(line []byte) bool) (all bool, err error) {
	const block = 64 << 10
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	at := info.Size() // where have begins
	var have []byte   // what has been read and not been asked about, up to a line's end
	for {
		for len(have) > 0 {
			begin := bytes.LastIndexByte(have[:len(have)-1], '\n') + 1
			if begin == 0 && at > 0 {
				break // the line begins further up
			}
			if !wanted(bytes.TrimSuffix(have[begin:], []byte("\n"))) {
				_, err := file.Seek(at+int64(len(have)), io.SeekStart)
				return false, err
			}
			have = have[:begin]
		}
		if at == 0 {
			_, err := file.Seek(0, io.SeekStart)
			return true, err
		}
		more := make([]byte, min(block, at))
		at -= int64(len(more))
		if _, err := file.ReadAt(more, at); err != nil {
			return false, err
		}
		have = append(more, have...)
	}
}

// openGrowing opens the file, waiting for it to appear as long as more returns true. It returns nil when it
// did not appear.
func openGrowing(ctx context.Context, path string, more func() bool) (*os.File, error) {
	for {
		file, err := openRegular(path, os.O_RDONLY)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
		if more == nil || !more() {
			return nil, nil
		}
		select {
		case <-time.After(longInterval):
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// Running tells whether the ensemble has a supervisor. One that is ending counts until it has written
// its last line, although it answers no request any more.
func (f Folder) Running() bool {
	held, err := lockHeld(f.LockFile())
	return held && err == nil
}

// tailOf is the end of a text file, for an error message. It reads no more of it than maxReason.
func tailOf(path string, lines int) string {
	text, err := readEnd(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
