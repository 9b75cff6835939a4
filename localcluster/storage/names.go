package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"zkctl/probe/wire"
)

// The names in a data folder. Java reads a zxid from the text between the first and the second dot of a name
// that begins with "log." or "snapshot.". Temporary names begin differently, so that a Java server on the same
// folder never reads an unfinished file.
const (
	versionDir = "version-2"

	logPrefix      = "log."
	snapshotPrefix = "snapshot."

	// installPrefix marks a snapshot that is to replace everything else; see InstallSnapshot.
	installPrefix = "install."

	snapshotTemp = "tmp.snapshot"
	installTemp  = "tmp.install"
	logTemp      = "tmp.log"

	// inUseName is in the folder of the logs from Open to Close; see makeDurable.
	inUseName = "in-use"

	acceptedEpochName = "acceptedEpoch"
	currentEpochName  = "currentEpoch"
	// epochTempSuffix is the suffix of Java's temporary files. Java looks for them after a crash, as we do.
	epochTempSuffix = ".tmp"
)

func hexName(prefix string, z wire.Zxid) string {
	return prefix + strconv.FormatUint(uint64(z), 16)
}

// numbered is a file whose name says which transaction it begins with (a log) or ends with (a snapshot).
type numbered struct {
	name string
	zxid wire.Zxid
	ext  string // what follows the number: "" or ".gz" and the like
}

// parseName splits a name; ok is false for files of other kinds and for temporary ones.
func parseName(name, prefix string) (n numbered, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return n, false
	}
	digits, ext := rest, ""
	if dot := strings.IndexByte(rest, '.'); dot >= 0 {
		digits, ext = rest[:dot], rest[dot:]
	}
	z, err := strconv.ParseUint(digits, 16, 63)
	if err != nil || ext == epochTempSuffix {
		return n, false
	}
	return numbered{name, wire.Zxid(z), ext}, true
}

// layout says where the files are.
type layout struct {
	fs      FS
	dataDir string // .../version-2: snapshots and epochs
	logDir  string // .../version-2: logs; often the same
}

func newLayout(fsys FS, dataDir, logDir string) layout {
	if logDir == "" {
		logDir = dataDir
	}
	return layout{fsys, filepath.Join(dataDir, versionDir), filepath.Join(logDir, versionDir)}
}

func (l layout) log(z wire.Zxid) string { return filepath.Join(l.logDir, hexName(logPrefix, z)) }
func (l layout) snapshot(z wire.Zxid) string {
	return filepath.Join(l.dataDir, hexName(snapshotPrefix, z))
}
func (l layout) install(z wire.Zxid) string {
	return filepath.Join(l.dataDir, hexName(installPrefix, z))
}
func (l layout) data(name string) string { return filepath.Join(l.dataDir, name) }

// listing is what a data folder holds, in order of zxid.
type listing struct {
	logs      []numbered
	snapshots []numbered
	installs  []numbered // at most one, unless files were copied here
	stray     []string   // paths of temporary files that a crash has left
	inUse     bool       // the last process did not close the logs
}

// list reads both folders. A folder that does not exist holds nothing.
func (l layout) list() (listing, error) {
	var found listing
	inData, err := l.names(l.dataDir)
	if err != nil {
		return found, err
	}
	inLogs := inData
	if l.logDir != l.dataDir {
		if inLogs, err = l.names(l.logDir); err != nil {
			return found, err
		}
		if err := l.checkSwapped(inData, inLogs); err != nil {
			return found, err
		}
	}
	for _, name := range inData {
		if n, ok := parseName(name, snapshotPrefix); ok {
			found.snapshots = append(found.snapshots, n)
		} else if n, ok := parseName(name, installPrefix); ok {
			found.installs = append(found.installs, n)
		} else if isTemp(name) {
			found.stray = append(found.stray, l.data(name))
		}
	}
	for _, name := range inLogs {
		if n, ok := parseName(name, logPrefix); ok && n.ext == "" {
			found.logs = append(found.logs, n)
		} else if name == logTemp {
			found.stray = append(found.stray, filepath.Join(l.logDir, name))
		}
		found.inUse = found.inUse || name == inUseName
	}
	byZxid := func(a, b numbered) int { return cmp.Compare(a.zxid, b.zxid) }
	slices.SortStableFunc(found.logs, byZxid)
	slices.SortStableFunc(found.snapshots, byZxid)
	return found, nil
}

func (l layout) names(dir string) ([]string, error) {
	names, err := l.fs.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// checkSwapped refuses folders whose settings were exchanged (ZOOKEEPER-2967): a server that found no logs in
// its dataLogDir would start with a tree that lacks their transactions.
func (l layout) checkSwapped(inData, inLogs []string) error {
	for _, name := range inData {
		if _, ok := parseName(name, logPrefix); ok {
			return fmt.Errorf("%s: a transaction log in the folder for snapshots, while %s is the one for logs: "+
				"check dataDir and dataLogDir, or move the log files", l.data(name), l.logDir)
		}
	}
	for _, name := range inLogs {
		if _, ok := parseName(name, snapshotPrefix); ok {
			return fmt.Errorf("%s: a snapshot in the folder for logs, while %s is the one for snapshots: "+
				"check dataDir and dataLogDir, or move the snapshots", filepath.Join(l.logDir, name), l.dataDir)
		}
	}
	return nil
}

// isTemp recognizes unfinished files: ours, and those that Java renames at the end.
func isTemp(name string) bool {
	return name == snapshotTemp || name == installTemp ||
		strings.HasPrefix(name, snapshotPrefix) && strings.HasSuffix(name, epochTempSuffix)
}
