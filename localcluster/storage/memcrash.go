package storage

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
)

// Survival says how much of what was not synced survives a crash.
type Survival int

// The zero Survival is invalid.
const (
	// KillProcess kills the program and not the machine: everything that was written remains. It is
	// still not durable: a later loss of power may drop it.
	KillProcess Survival = iota + 1
	// LosePower keeps what was synced and a random part of the rest.
	LosePower
	// LoseUnsynced keeps exactly what was synced.
	LoseUnsynced
)

func (s Survival) String() string {
	switch s {
	case KillProcess:
		return "kill process"
	case LosePower:
		return "lose power"
	case LoseUnsynced:
		return "lose everything unsynced"
	}
	return fmt.Sprintf("Survival(%d)", int(s))
}

// Crash ends the program that uses the disk: its open files become unusable. The Survival says what is on the
// disk when the program starts again.
func (m *MemFS) Crash(s Survival) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generation++
	m.stopAt, m.stopped = 0, false
	if s == KillProcess {
		return
	}
	for _, dir := range slices.Sorted(maps.Keys(m.pending)) {
		if s == LosePower {
			m.persistNames(m.survivors(m.pending[dir]))
		}
	}
	clear(m.pending)
	m.dropOrphans()
	for _, path := range m.paths(m.durable, func(n *memNode) bool { return !n.dir }) {
		n := m.durable[path]
		if s == LosePower {
			m.tear(n)
		}
		n.data, n.writes = slices.Clone(n.disk), nil
	}
	m.live = maps.Clone(m.durable)
}

// survivors chooses which changes of names in a folder have reached the disk. Each is kept or lost by itself,
// which is harsher than a journal would be; but when a change is lost, later changes to the same names are
// lost with it.
func (m *MemFS) survivors(changes []nameChange) []nameChange {
	var kept []nameChange
	lost := make(map[string]bool)
	for _, c := range changes {
		blocked := c.removed != "" && lost[c.removed] || c.added != "" && lost[c.added]
		if !blocked && m.rng.IntN(2) == 0 {
			kept = append(kept, c)
			continue
		}
		lost[c.removed], lost[c.added] = true, true
	}
	return kept
}

// dropOrphans removes the files and folders whose parent folder is gone.
func (m *MemFS) dropOrphans() {
	for _, path := range m.paths(m.durable, func(*memNode) bool { return true }) {
		for dir := filepath.Dir(path); !isRoot(dir); dir = filepath.Dir(dir) {
			if m.durable[dir] == nil {
				delete(m.durable, path)
				break
			}
		}
	}
}

// tear makes part of what was written to a file durable: some writes, in order, the beginning of the next, and
// perhaps the file's new size, with zeros up to it.
func (m *MemFS) tear(n *memNode) {
	if len(n.writes) == 0 {
		return
	}
	whole := m.rng.IntN(len(n.writes) + 1)
	for _, w := range n.writes[:whole] {
		n.disk = w.do(n.disk, len(w.data))
	}
	if whole == len(n.writes) {
		return
	}
	if w := n.writes[whole]; w.data != nil {
		n.disk = w.do(n.disk, m.rng.IntN(len(w.data)+1))
	}
	if len(n.data) > len(n.disk) && m.rng.IntN(2) == 0 {
		n.disk = resize(n.disk, int64(len(n.data)))
	}
}
