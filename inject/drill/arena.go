package drill

import "slices"

// arena hands out copies of short slices from large chunks, so that a million bodies are not a million objects.
type arena struct{ free []byte }

const arenaChunk = 64 << 10

// copy is nil for an empty slice.
func (a *arena) copy(b []byte) []byte {
	switch {
	case len(b) == 0:
		return nil
	case len(b) > arenaChunk/4:
		return slices.Clone(b)
	case len(b) > len(a.free):
		a.free = make([]byte, arenaChunk)
	}
	n := copy(a.free, b)
	kept := a.free[:n:n]
	a.free = a.free[n:]
	return kept
}
