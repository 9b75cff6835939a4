package drill

import "slices"

// arena hands out copies of short slices from large chunks, so that a million bodies are not a million objects.
type arena struct{ free []byte }

const arenaChunk = 64 << 10

// copy keeps nil apart from a slice that is empty: nil is what was not recorded.
func (a *arena) copy(b []byte) []byte {
	switch {
	case b == nil:
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
