package datatree

import "math"

// OwnerKind says what a znode's ephemeralOwner field means (EphemeralType). ZooKeeper stores three unrelated
// things in that number: which session owns an ephemeral node, that a node is a container, and how long a TTL
// node may be idle.
type OwnerKind int

const (
	// OwnerNone is a persistent node: ephemeralOwner is 0.
	OwnerNone OwnerKind = iota
	// OwnerSession is an ephemeral node: ephemeralOwner is the session that created it.
	OwnerSession
	// OwnerContainer is a container, deleted once it has lost its last child.
	OwnerContainer
	// OwnerTTL is a node deleted when it has no children and was not modified for its time to live.
	OwnerTTL
)

func (k OwnerKind) String() string {
	switch k {
	case OwnerNone:
		return "persistent"
	case OwnerSession:
		return "ephemeral"
	case OwnerContainer:
		return "container"
	case OwnerTTL:
		return "ttl"
	default:
		return "unknown owner kind"
	}
}

// Layout of an extended ephemeralOwner (ZooKeeper's EphemeralType):
//
//	63      56 55            40 39                                  0
//	+---------+----------------+------------------------------------+
//	|  0xff   | feature (0=TTL)|  time to live in milliseconds      |
//	+---------+----------------+------------------------------------+
//
// A container is the single value 0x8000000000000000, which no session id can be.
const (
	containerOwner  int64  = math.MinInt64
	extendedMask    uint64 = 0xff << 56
	extendedFeature uint64 = 0xffff << 40
	maxTTL          int64  = 1<<40 - 1
)

// ownerKind classifies a stored ephemeralOwner. TTL owners are recognized only if extended types are on; without
// them the same bits are a session id, as in ZooKeeper, so that setting must agree across an ensemble.
func ownerKind(owner int64, extended bool) OwnerKind {
	switch {
	case owner == 0:
		return OwnerNone
	case owner == containerOwner:
		return OwnerContainer
	case extended && isTTLOwner(owner):
		return OwnerTTL
	default:
		return OwnerSession
	}
}

func isTTLOwner(owner int64) bool {
	return uint64(owner)&extendedMask == extendedMask && uint64(owner)&extendedFeature == 0
}

// ttlOwner is the ephemeralOwner of a TTL node; ttl must be within 1..maxTTL.
func ttlOwner(ttl int64) int64 { return int64(extendedMask | uint64(ttl&maxTTL)) }

// ownerTTL is the inverse of ttlOwner, in milliseconds.
func ownerTTL(owner int64) int64 { return owner & maxTTL }
