package storage

import (
	"path/filepath"

	"zkctl/probe/wire"
)

// DataFile is a log or a snapshot.
type DataFile struct {
	Path string
	Zxid wire.Zxid // from the name: the first transaction of a log, the last of a snapshot
}

// Files lists the logs and the snapshots of a server, each in the order of their zxids. In the middle of an
// InstallSnapshot the leader's snapshot is all that counts, so that it alone is listed then. A server may be running on
// the files; they are not read.
func Files(fsys FS, dataDir, logDir string) (logs, snapshots []DataFile, err error) {
	l := newLayout(fsys, dataDir, logDir)
	found, err := l.list()
	if err != nil {
		return nil, nil, err
	}
	if n := len(found.installs); n > 0 {
		return nil, dataFiles(l.dataDir, found.installs[n-1:]), nil
	}
	return dataFiles(l.logDir, found.logs), dataFiles(l.dataDir, found.snapshots), nil
}

func dataFiles(dir string, names []numbered) []DataFile {
	files := make([]DataFile, len(names))
	for i, n := range names {
		files[i] = DataFile{filepath.Join(dir, n.name), n.zxid}
	}
	return files
}
