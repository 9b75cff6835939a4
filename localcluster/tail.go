package localcluster

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Tail reads a text file line by line, and with more set goes on as it grows until more says no.
// A file that is not there is an empty one. emit gets each line without its end.
func Tail(ctx context.Context, path string, more func() bool, emit func(line []byte) error) error {
	file, err := openGrowing(ctx, path, more)
	if file == nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReader(file)
	var line []byte // the part of a line that is there already
	last := false   // nobody writes any more: one look is left
	for {
		part, err := lines.ReadBytes('\n')
		line = append(line, part...)
		if err == nil {
			if err := emit(line[:len(line)-1]); err != nil {
				return err
			}
			line = line[:0]
			continue
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
		if more == nil || last {
			if len(line) > 0 {
				return emit(line)
			}
			return nil
		}
		if last = !more(); last {
			continue
		}
		select {
		case <-time.After(patient):
		case <-ctx.Done():
			return nil
		}
	}
}

// openGrowing opens the file, waiting for it to appear as long as more says so. It returns nil when it
// never did.
func openGrowing(ctx context.Context, path string, more func() bool) (*os.File, error) {
	for {
		file, err := os.Open(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
		if more == nil || !more() {
			return nil, nil
		}
		select {
		case <-time.After(patient):
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// Running tells whether the ensemble has a supervisor. One that is ending counts until it has written
// its last line, though it answers nobody any more.
func (f Folder) Running() bool {
	held, err := lockHeld(f.LockFile())
	return held && err == nil
}

// tailOf is the end of a text file, for an error message. It reads no more of it than maxWords.
func tailOf(path string, lines int) string {
	text, err := readEnd(path, 0)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
