package datatree

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"zkctl/probe/wire"
)

// traffic makes random requests over few paths, so that they conflict: many fail, and nodes are often created and
// deleted.
type traffic struct {
	rng      *rand.Rand
	sessions []int64
	acls     bool // also restrictive ACLs, which the model does not have
}

var trafficNames = []string{"a", "b", "c", "a-b", "ä"}

func (g *traffic) path() string {
	var b strings.Builder
	for range 1 + g.rng.IntN(3) {
		b.WriteByte('/')
		b.WriteString(trafficNames[g.rng.IntN(len(trafficNames))])
	}
	switch g.rng.IntN(40) {
	case 0:
		return "/"
	case 1:
		return b.String() + "/"
	case 2:
		return zookeeperPath
	case 3:
		return configPath
	case 4:
		return quotaPath + b.String()
	}
	return b.String()
}

func (g *traffic) data() []byte {
	switch g.rng.IntN(6) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	return []byte(strconv.Itoa(g.rng.IntN(1000)))
}

func (g *traffic) version() int32 {
	if g.rng.IntN(3) > 0 {
		return wire.AnyVersion
	}
	return int32(g.rng.IntN(3))
}

func (g *traffic) acl() []wire.ACL {
	if g.acls {
		switch g.rng.IntN(4) {
		case 0:
			return wire.ReadACL()
		case 1:
			user := fmt.Sprintf("user%d:hash", g.rng.IntN(50))
			return append(wire.OpenACL(), wire.ACL{Perms: wire.PermAll, ID: wire.ID{Scheme: "digest", ID: user}})
		}
	}
	return wire.OpenACL()
}

// write returns an operation that is allowed in a multi or alone; if multi is false it may also be a setACL.
func (g *traffic) write(multi bool) (wire.OpCode, wire.Record) {
	switch k := g.rng.IntN(20); {
	case k < 8:
		op := []wire.OpCode{wire.OpCreate, wire.OpCreate, wire.OpCreate2}[g.rng.IntN(3)]
		flags := []int32{0, 0, 0, 1, 1, 2, 3}[g.rng.IntN(7)]
		return op, &wire.CreateRequest{Path: g.path(), Data: g.data(), ACL: g.acl(), Flags: flags}
	case k < 9:
		return wire.OpCreateContainer, &wire.CreateRequest{Path: g.path(), Data: g.data(), ACL: g.acl(), Flags: 4}
	case k < 10:
		flags := wire.FlagPersistentTTL + int32(g.rng.IntN(2))
		return wire.OpCreateTTL,
			&wire.CreateTTLRequest{Path: g.path(), Data: g.data(), ACL: g.acl(), Flags: flags, TTL: 1 + g.rng.Int64N(1000)}
	case k < 14:
		return wire.OpDelete, &wire.DeleteRequest{Path: g.path(), Version: g.version()}
	case k < 18:
		return wire.OpSetData, &wire.SetDataRequest{Path: g.path(), Data: g.data(), Version: g.version()}
	case multi:
		return wire.OpCheck, &wire.CheckVersionRequest{Path: g.path(), Version: g.version()}
	default:
		return wire.OpSetACL, &wire.SetACLRequest{Path: g.path(), ACL: g.acl(), Version: g.version()}
	}
}

// next returns any request of one of the sessions. The caller must open a closed session again.
func (g *traffic) next() (session int64, op wire.OpCode, body wire.Record) {
	session = g.sessions[g.rng.IntN(len(g.sessions))]
	switch k := g.rng.IntN(100); {
	case k < 2:
		return session, wire.OpCloseSession, nil
	case k < 15:
		m := new(wire.MultiRequest)
		for range g.rng.IntN(4) {
			op, body := g.write(true)
			m.Ops = append(m.Ops, wire.MultiOp{Op: op, Request: body})
		}
		return session, wire.OpMulti, m
	}
	op, body = g.write(false)
	return session, op, body
}
