package storage

import (
	"fmt"
	"path/filepath"

	"zkctl/probe/wire"
)

// DataFile is a log or a snapshot.
type DataFile struct {
	Path string
	Zxid wire.Zxid // from the name: the first transaction of a log, the last of a snapshot
	Size int64
}

// Files lists the logs and the snapshots of a server, each in the order of their zxids.
func Files(fsys FS, dataDir, logDir string) (logs, snapshots []DataFile, err error) {
	l := newLayout(fsys, dataDir, logDir)
	found, err := l.list()
	if err != nil {
		return nil, nil, err
	}
	if logs, err = l.stat(l.logDir, found.logs); err != nil {
		return nil, nil, err
	}
	snapshots, err = l.stat(l.dataDir, found.snapshots)
	return logs, snapshots, err
}

func (l layout) stat(dir string, names []numbered) ([]DataFile, error) {
	var files []DataFile
	for _, n := range names {
		path := filepath.Join(dir, n.name)
		size, err := sizeOf(l.fs, path)
		if err != nil {
			return nil, fmt.Errorf("size of %s: %w", path, err)
		}
		files = append(files, DataFile{path, n.zxid, size})
	}
	return files, nil
}

func sizeOf(fsys FS, path string) (int64, error) {
	f, err := fsys.Open(path, ReadOnly)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Size()
}

// Check reads what Open would, and repairs nothing: Notes lists what Open would repair.
func Check(options Options) (*Recovered, error) {
	if options.FS == nil {
		options.FS = OS()
	}
	if options.Recent == 0 {
		options.Recent = defaultRecent
	}
	r := reader{newLayout(options.FS, options.DataDir, options.LogDir), options}
	f, err := r.read(noLimit)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", options.DataDir, err)
	}
	for _, repair := range f.repairs {
		if repair.note != "" {
			f.Notes = append(f.Notes, repair.note)
		}
	}
	return &f.Recovered, nil
}
