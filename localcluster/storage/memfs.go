package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// ErrPowerLost is what a MemFS returns for every operation from the failure that StopAt has set until Crash.
var ErrPowerLost = errors.New("power lost")

// MemFS is a disk in memory that behaves no better than a file system has to:
//
//   - what was written to a file survives a loss of power for certain only if the File was synced afterwards;
//   - a new, changed or removed name survives for certain only if its folder was synced afterwards;
//   - any part of the rest may survive, too: some of the names, and of each file the beginning of what was
//     written, with or without zeros in place of the rest;
//   - what a failed sync did not make durable never becomes durable, although programs go on seeing it and
//     later syncs report success (as on Linux, whose page cache forgets that it was not written).
//
// Which part survives is drawn from a seed, so a run can be repeated. MemFS has no goroutines and no clock. Its
// methods may be called from several goroutines, but then the scheduler decides the order of the draws and of the
// operations that StopAt counts.
type MemFS struct {
	mu  sync.Mutex
	rng *rand.Rand

	live    map[string]*memNode // what programs see
	durable map[string]*memNode // what the disk has; nodes are shared with live
	pending map[string][]nameChange

	generation int // counts crashes; files opened before the last one are unusable
	ops        int
	stopAt     int // the operation during which the power fails; 0: none
	stopped    bool
	fault      func(Op) error
	capacity   int64 // 0: unlimited
}

// Op is an operation that changes a MemFS, or a read.
type Op struct {
	Index int // from 1, counting all but reads; 0 for a read
	Kind  OpKind
	Path  string
}

// OpKind says what an operation does.
type OpKind int

// The zero OpKind is invalid.
const (
	OpCreate OpKind = iota + 1
	OpWrite
	OpTruncate
	OpSync
	OpRename
	OpRemove
	OpMkdir
	OpSyncDir
	OpRead
)

func (k OpKind) String() string {
	names := []string{OpCreate: "create", OpWrite: "write", OpTruncate: "truncate", OpSync: "sync", OpRename: "rename",
		OpRemove: "remove", OpMkdir: "mkdir", OpSyncDir: "syncdir", OpRead: "read"}
	if k < OpCreate || int(k) >= len(names) {
		return fmt.Sprintf("OpKind(%d)", int(k))
	}
	return names[k]
}

// nameChange is a change to the names in one folder that has not been synced.
type nameChange struct {
	removed string // the removed name, or ""
	added   string // the added name, or ""
	node    *memNode
}

// NewMemFS returns an empty disk with a root folder.
func NewMemFS(seed uint64) *MemFS {
	return &MemFS{
		rng:  rand.New(rand.NewPCG(seed, 0x5a4b)),
		live: make(map[string]*memNode), durable: make(map[string]*memNode), pending: make(map[string][]nameChange),
	}
}

// SetFault calls f before every operation; if f returns an error, the operation fails without effect.
func (m *MemFS) SetFault(f func(Op) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

// SetCapacity limits the total size of all files; writing beyond it fails with ENOSPC after the part that
// fits. 0 is no limit.
func (m *MemFS) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// StopAt makes the power fail during the n-th operation from now, not counting reads: that one may or may not
// have an effect, and every later one fails with ErrPowerLost until Crash. 0 cancels.
func (m *MemFS) StopAt(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopAt = 0
	if n > 0 {
		m.stopAt = m.ops + n
	}
}

// Ops is the number of operations so far, not counting reads.
func (m *MemFS) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// begin counts an operation and decides whether it fails. inFlight says that the power fails during it: the
// caller applies the effect that may survive, and returns ErrPowerLost.
func (m *MemFS) begin(kind OpKind, path string) (inFlight bool, err error) {
	if m.stopped {
		return false, &fs.PathError{Op: kind.String(), Path: path, Err: ErrPowerLost}
	}
	op := Op{Kind: kind, Path: path}
	if kind != OpRead {
		m.ops++
		op.Index = m.ops
	}
	if m.fault != nil {
		if err := m.fault(op); err != nil {
			return false, &fs.PathError{Op: kind.String(), Path: path, Err: err}
		}
	}
	if op.Index != 0 && op.Index == m.stopAt {
		m.stopped = true
	}
	return m.stopped, nil
}

// end returns the error of an operation that had its effect: ErrPowerLost if the power failed during it.
func end(inFlight bool, kind OpKind, path string) error {
	if inFlight {
		return &fs.PathError{Op: kind.String(), Path: path, Err: ErrPowerLost}
	}
	return nil
}

func isRoot(path string) bool { return filepath.Dir(path) == path }

// folderOf fails unless the folder of path exists.
func (m *MemFS) folderOf(kind OpKind, path string) error {
	dir := filepath.Dir(path)
	if isRoot(dir) {
		return nil
	}
	if n := m.live[dir]; n == nil || !n.dir {
		return &fs.PathError{Op: kind.String(), Path: path, Err: fs.ErrNotExist}
	}
	return nil
}

func (m *MemFS) change(dir string, c nameChange) {
	if c.removed != "" {
		delete(m.live, c.removed)
	}
	if c.added != "" {
		m.live[c.added] = c.node
	}
	m.pending[dir] = append(m.pending[dir], c)
}

// Open implements FS.
func (m *MemFS) Open(path string, mode Mode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	path = filepath.Clean(path)
	node := m.live[path]
	if mode < ReadOnly || mode > CreateNew || node != nil && node.dir {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	if mode != CreateNew {
		if _, err := m.begin(OpRead, path); err != nil {
			return nil, err
		}
		if node == nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		return &memFile{fs: m, node: node, path: path, generation: m.generation, mode: mode}, nil
	}
	inFlight, err := m.begin(OpCreate, path)
	if err != nil {
		return nil, err
	}
	if node != nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	if err := m.folderOf(OpCreate, path); err != nil {
		return nil, err
	}
	node = &memNode{}
	m.change(filepath.Dir(path), nameChange{added: path, node: node})
	return &memFile{fs: m, node: node, path: path, generation: m.generation, mode: mode}, end(inFlight, OpCreate, path)
}

// Rename implements FS.
func (m *MemFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, to = filepath.Clean(from), filepath.Clean(to)
	inFlight, err := m.begin(OpRename, to)
	if err != nil {
		return err
	}
	node := m.live[from]
	if node == nil || m.live[to] != nil && m.live[to].dir {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	if node.dir || filepath.Dir(from) != filepath.Dir(to) {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrInvalid}
	}
	m.change(filepath.Dir(to), nameChange{removed: from, added: to, node: node})
	return end(inFlight, OpRename, to)
}

// Remove implements FS.
func (m *MemFS) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	path = filepath.Clean(path)
	inFlight, err := m.begin(OpRemove, path)
	if err != nil {
		return err
	}
	node := m.live[path]
	if node == nil {
		return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrNotExist}
	}
	if node.dir {
		return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrInvalid}
	}
	m.change(filepath.Dir(path), nameChange{removed: path})
	return end(inFlight, OpRemove, path)
}

// Mkdir implements FS.
func (m *MemFS) Mkdir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	path = filepath.Clean(path)
	inFlight, err := m.begin(OpMkdir, path)
	if err != nil {
		return err
	}
	if isRoot(path) || m.live[path] != nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: fs.ErrExist}
	}
	if err := m.folderOf(OpMkdir, path); err != nil {
		return err
	}
	m.change(filepath.Dir(path), nameChange{added: path, node: &memNode{dir: true}})
	return end(inFlight, OpMkdir, path)
}

// List implements FS.
func (m *MemFS) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = filepath.Clean(dir)
	if _, err := m.begin(OpRead, dir); err != nil {
		return nil, err
	}
	if n := m.live[dir]; !isRoot(dir) && (n == nil || !n.dir) {
		return nil, &fs.PathError{Op: "list", Path: dir, Err: fs.ErrNotExist}
	}
	var names []string
	for path, n := range m.live {
		if !n.dir && filepath.Dir(path) == dir {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir implements FS.
func (m *MemFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = filepath.Clean(dir)
	inFlight, err := m.begin(OpSyncDir, dir)
	if err != nil {
		return err
	}
	if n := m.live[dir]; !isRoot(dir) && (n == nil || !n.dir) {
		return &fs.PathError{Op: "syncdir", Path: dir, Err: fs.ErrNotExist}
	}
	if !inFlight {
		m.persistNames(m.pending[dir])
		delete(m.pending, dir)
	}
	return end(inFlight, OpSyncDir, dir)
}

func (m *MemFS) persistNames(changes []nameChange) {
	for _, c := range changes {
		if c.removed != "" {
			delete(m.durable, c.removed)
		}
		if c.added != "" {
			m.durable[c.added] = c.node
		}
	}
}

// ReadFile returns a file's contents, for tests.
func (m *MemFS) ReadFile(path string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.live[filepath.Clean(path)]
	if n == nil || n.dir {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
	}
	return slices.Clone(n.data), nil
}

// WriteFile creates or replaces a file durably, with the folders above it, for tests. StopAt does not count it.
func (m *MemFS) WriteFile(path string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	path = filepath.Clean(path)
	for dir := filepath.Dir(path); !isRoot(dir); dir = filepath.Dir(dir) {
		if m.live[dir] == nil {
			n := &memNode{dir: true}
			m.live[dir], m.durable[dir] = n, n
		}
	}
	n := &memNode{data: slices.Clone(data), disk: slices.Clone(data)}
	m.live[path], m.durable[path] = n, n
}

// Files returns the paths of all files, sorted.
func (m *MemFS) Files() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.paths(m.live, func(n *memNode) bool { return !n.dir })
}

func (m *MemFS) paths(of map[string]*memNode, want func(*memNode) bool) []string {
	var paths []string
	for path, n := range of {
		if want(n) {
			paths = append(paths, path)
		}
	}
	slices.SortFunc(paths, strings.Compare)
	return paths
}
