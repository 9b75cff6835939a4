package quorum

import "fmt"

// QuorumsMeet reports whether every quorum of a shares a server with every
// quorum of b. Where they do not, two halves of an ensemble that is
// being restarted with a new configuration can decide differently; ZooKeeper's
// own reconfiguration asks for both quorums at once and is safe either way. Every
// sane system meets itself.
//
// Two majorities: by their numbers, O(n). Others are enumerated, up to 20 voters
// together; ErrTooLarge beyond. Source: the definition of a quorum system.
func QuorumsMeet(a, b System) (bool, error) {
	j := NewJoint(a, b)
	if p, ok := asPair(j); ok {
		return !p.disjointQuorums(), nil
	}
	ids := j.Voters()
	if len(ids) > maxTable {
		return false, fmt.Errorf("%w: whether the quorums of two systems of %d voters always meet; at most %d are enumerated",
			ErrTooLarge, len(ids), maxTable)
	}
	position := make(map[int64]uint, len(ids))
	for i, id := range ids {
		position[id] = uint(i)
	}
	for set := range 1 << len(ids) {
		// The servers of one side against all others: more on either side only helps.
		inside := a.IsQuorum(func(id int64) bool { return set>>position[id]&1 == 1 })
		if inside && b.IsQuorum(func(id int64) bool { return set>>position[id]&1 == 0 }) {
			return false, nil
		}
	}
	return true, nil
}
