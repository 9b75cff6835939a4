package datatree

import (
	"maps"
	"slices"
)

// SessionIDs allocates session ids that no other server, and no earlier run of this one, allocates:
//
//	63       56 55                                     16 15       0
//	+----------+-----------------------------------------+---------+
//	| server   |  milliseconds at start, low 40 bits     |  count  |
//	+----------+-----------------------------------------+---------+
//
// The count carries into the milliseconds, which does no harm as long as a server makes fewer than 65536 sessions
// per millisecond that it runs.
type SessionIDs struct{ next int64 }

// NewSessionIDs begins with the server's number and a time in milliseconds, by any clock that does not repeat
// values after a restart. Standalone servers have number 1. Only the low byte of the number counts; with extended
// types on, it must not be 255, because ids that begin with 0xff look like TTLs.
func NewSessionIDs(server, millis int64) *SessionIDs {
	return &SessionIDs{next: int64(uint64(millis)<<24>>8 | uint64(server)<<56)}
}

// Next returns an id. It skips containerOwner, which cannot be a session.
func (s *SessionIDs) Next() int64 {
	if s.next == containerOwner {
		s.next++
	}
	id := s.next
	s.next++
	return id
}

func sortedIDs[V any](m map[int64]V) []int64 { return slices.Sorted(maps.Keys(m)) }
