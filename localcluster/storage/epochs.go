package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"zkctl/probe/wire"
)

// The two epoch files hold a number in decimal, and are replaced as a whole:
//
//	acceptedEpoch  f.p in the Zab paper (section 4): the latest epoch whose leader this server promised
//	               to follow. It refuses every earlier leader, so a deposed leader finds no quorum.
//	currentEpoch   f.a: the latest epoch whose leader this server synchronized with. Together with the
//	               last zxid it says how recent its history is, which decides elections.
//
//	0 <= epoch(last zxid) <= currentEpoch <= acceptedEpoch
//
// The protocol writes acceptedEpoch, then history, then currentEpoch, each durable before the next. A crash
// in between leaves history that is ahead of currentEpoch and not ahead of acceptedEpoch, which is repaired
// here (ZOOKEEPER-2354; Java refuses to start). No crash leaves any other violation.
type epochs struct {
	accepted, current int64
}

// epochFile is the contents of one file.
type epochFile struct {
	value int64
	there bool
}

const maxEpoch = 1<<31 - 1 // what fits above a zxid's counter

func (l layout) readEpoch(name string) (epochFile, error) {
	path := l.data(name)
	text, err := readSmall(l.fs, path)
	if errors.Is(err, fs.ErrNotExist) {
		return epochFile{}, nil
	}
	if err != nil {
		return epochFile{}, fmt.Errorf("read %s: %w", path, err)
	}
	// A newline is accepted: people repair these files with an editor.
	v, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || v < 0 || v > maxEpoch {
		return epochFile{}, &Damage{Path: path, Offset: -1, Expected: "an epoch, a decimal number",
			Found: fmt.Sprintf("%q", text)}
	}
	return epochFile{v, true}, nil
}

// readSmall returns the first 64 bytes of a file.
func readSmall(fsys FS, path string) (string, error) {
	f, err := fsys.Open(path, ReadOnly)
	if err != nil {
		return "", err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return "", err
	}
	w := window{file: f, size: size}
	b, err := w.at(0, int(min(size, 64)))
	return string(b), err
}

func (l layout) writeEpoch(name string, epoch int64) error {
	path := l.data(name)
	err := writeDurably(l.fs, path+epochTempSuffix, path, func(f File) error {
		_, err := f.WriteAt([]byte(strconv.FormatInt(epoch, 10)), 0)
		return err
	})
	if err != nil {
		return explain(fmt.Sprintf("write epoch %d to", epoch), path, err)
	}
	return nil
}

// readStandaloneEpochs reads the epochs of a server without peers. Files that an ensemble has left are raised to
// the epoch of the last transaction where they are below it, so that the server can join an ensemble again with
// what it has written alone. An unreadable file is only noted: a standalone server does not need it.
func (r *reader) readStandaloneEpochs(f *recovery) error {
	reached := f.LastZxid.Epoch()
	f.AcceptedEpoch, f.CurrentEpoch = reached, reached
	for _, e := range []struct {
		name  string
		epoch *int64
	}{{acceptedEpochName, &f.AcceptedEpoch}, {currentEpochName, &f.CurrentEpoch}} {
		file, err := r.readEpoch(e.name)
		if d := (*Damage)(nil); errors.As(err, &d) {
			f.Notes = append(f.Notes, fmt.Sprintf("%v: not needed by a standalone server", d))
			continue
		}
		if err != nil {
			return err
		}
		*e.epoch = max(file.value, reached)
		if file.there && file.value < reached {
			f.repair(fmt.Sprintf("%s is %d and the last transaction is %s: raised to %d", r.data(e.name), file.value, f.LastZxid, reached),
				func() error { return r.writeEpoch(e.name, reached) })
		}
	}
	f.AcceptedEpoch = max(f.AcceptedEpoch, f.CurrentEpoch)
	return nil
}

// raiseEpochs raises the epochs of a standalone server, whose counter has run over into the bits of the epoch.
func (s *Store) raiseEpochs(epoch int64) error {
	for _, name := range []string{acceptedEpochName, currentEpochName} {
		file, err := s.readEpoch(name)
		if d := (*Damage)(nil); err != nil && !errors.As(err, &d) {
			return err
		}
		if err == nil && file.there && file.value < epoch {
			if err := s.writeEpoch(name, epoch); err != nil {
				return err
			}
		}
	}
	s.epochs = epochs{epoch, epoch}
	return nil
}

// epochFiles holds the epoch files of a data folder.
type epochFiles struct {
	accepted, current epochFile
	acceptedTemp      epochFile // of an interrupted write
}

func (l layout) readEpochs() (files epochFiles, err error) {
	if files.accepted, err = l.readEpoch(acceptedEpochName); err != nil {
		return files, err
	}
	if files.current, err = l.readEpoch(currentEpochName); err != nil {
		return files, err
	}
	files.acceptedTemp, err = l.readEpoch(acceptedEpochName + epochTempSuffix)
	// An interrupted write may leave anything; an unreadable temporary file counts as none.
	if d := (*Damage)(nil); errors.As(err, &d) {
		err = nil
	}
	return files, err
}

// reconcileEpochs returns the epochs of a history that ends at last. notes say how they differ from the files.
func (l layout) reconcileEpochs(files epochFiles, last wire.Zxid) (e epochs, notes []string, err error) {
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	e = epochs{files.accepted.value, files.current.value}
	reached := last.Epoch()

	if !files.current.there {
		e.current = reached
		if reached > 0 {
			note("%s is missing: taken from the last transaction %s as %d", l.data(currentEpochName), last, reached)
		}
	}
	// Completing a promise that was being written is safe: a promise only restricts this server.
	if t := files.acceptedTemp; t.there && t.value > e.accepted && e.accepted < max(e.current, reached) {
		note("%s was being set to %d when the server stopped: completed", l.data(acceptedEpochName), t.value)
		e.accepted, files.accepted.there = t.value, true
	}
	if !files.accepted.there {
		e.accepted = max(reached, e.current)
		if e.accepted > 0 {
			note("%s is missing: taken as %d", l.data(acceptedEpochName), e.accepted)
		}
	}
	if e.accepted < e.current {
		return e, nil, &Damage{Path: l.data(acceptedEpochName), Offset: -1,
			Expected: fmt.Sprintf("at least %d, which %s says", e.current, currentEpochName), Found: fmt.Sprint(e.accepted)}
	}
	if e.current < reached {
		if e.accepted < reached {
			return e, nil, &Damage{Path: l.data(acceptedEpochName), Offset: -1,
				Expected: fmt.Sprintf("at least %d, the epoch of the last transaction %s", reached, last),
				Found:    fmt.Sprint(e.accepted)}
		}
		note("%s is %d and the last transaction is %s: the server stopped between storing the history of epoch %d and "+
			"setting %s: completed", l.data(currentEpochName), e.current, last, reached, currentEpochName)
		e.current = reached
	}
	return e, notes, nil
}
