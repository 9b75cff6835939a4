package datatree

import (
	"errors"
	"fmt"

	"zkctl/probe/wire"
)

// ErrCorrupt says that bytes are not a snapshot: some were changed, or they have another format. A truncated
// snapshot fails with io.ErrUnexpectedEOF instead.
var ErrCorrupt = errors.New("corrupt snapshot")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// Decode reads what Snapshot.Encode writes, up to and including the "/" at the end, and not a byte further. It
// does not trust its input: memory grows with the bytes that have arrived, not with the counts that they
// announce, and every node must have a parent. After an error there is no tree, because a server must not start
// with half of one (ZOOKEEPER-3642).
//
// The bytes do not say which transaction is the last; call SetLastZxid. Java's snapshots may be ahead of their
// name; see AwaitDigest.
func Decode(d *wire.Decoder, options ...Option) (*Tree, error) {
	t := emptyTree(options)
	if err := t.decodeSessions(d); err != nil {
		return nil, fmt.Errorf("decode sessions: %w", err)
	}
	acls, err := t.decodeACLs(d)
	if err != nil {
		return nil, fmt.Errorf("decode ACLs: %w", err)
	}
	if err := t.decodeNodes(d, acls); err != nil {
		return nil, fmt.Errorf("decode nodes: %w", err)
	}
	return t, nil
}

func (t *Tree) decodeSessions(d *wire.Decoder) error {
	count := d.Int32()
	if count < 0 {
		return corrupt("%d sessions", count)
	}
	for range count {
		id, timeout := d.Int64(), d.Int32()
		if d.Err() != nil {
			break
		}
		t.sessions.Set(id, timeout)
	}
	return d.Err()
}

// decodeACLs reads the table. The tree gets only the entries that nodes use: a fuzzy snapshot has entries of
// nodes that were deleted meanwhile.
func (t *Tree) decodeACLs(d *wire.Decoder) (map[int64][]wire.ACL, error) {
	count := d.Int32()
	if count < 0 {
		return nil, corrupt("%d ACLs", count)
	}
	table := make(map[int64][]wire.ACL)
	for range count {
		id, list := d.Int64(), wire.DecodeACLs(d)
		if d.Err() != nil {
			break
		}
		if list == nil {
			return nil, corrupt("ACL %d is null", id)
		}
		table[id] = list
		t.acls.reserve(id)
	}
	return table, d.Err()
}

// unreadable replaces an ACL that the table lacks. Java writes the table first and the nodes later, so a node
// created in between refers to an entry that is not there; replaying its transaction repairs it. Until then no
// caller has access.
var unreadable = []wire.ACL{{Perms: 0, ID: wire.ID{Scheme: "world", ID: "anyone"}}}

func (t *Tree) decodeNodes(d *wire.Decoder, acls map[int64][]wire.ACL) error {
	for {
		path := d.Text()
		if d.Err() != nil {
			return d.Err()
		}
		if path == "/" {
			break
		}
		n := &znode{path: path, data: d.Buffer()}
		aclID := d.Int64()
		n.stat.Decode(d)
		if d.Err() != nil {
			// A damaged length can make a path of megabytes: print only its beginning.
			return fmt.Errorf("node %.100q: %w", path, d.Err())
		}
		if err := t.addDecoded(n, aclID, acls); err != nil {
			return err
		}
	}
	if t.znodes.len() == 0 {
		return corrupt("no root")
	}
	return nil
}

// addDecoded adds a decoded node. Decoded nodes are not shared yet, so it may count children in place.
func (t *Tree) addDecoded(n *znode, aclID int64, acls map[int64][]wire.ACL) error {
	if t.znodes.get(n.path) != nil {
		return corrupt("node %.100q twice", n.path)
	}
	parentKey, name, ok := splitPath(n.path)
	switch {
	case n.path == "":
		n.cut = -1
	case !ok || name == "":
		return corrupt("path %.100q", n.path)
	default:
		n.cut = len(n.path) - len(name) - 1
		parent := t.znodes.get(parentKey)
		if parent == nil {
			return corrupt("node %.100q has no parent", n.path)
		}
		parent.children++
	}
	if list, ok := acls[aclID]; ok {
		n.acl = t.acls.useAs(aclID, list)
	} else if aclID == openACLID {
		n.acl = openACL
	} else {
		n.acl = t.acls.use(unreadable)
	}
	t.insert(n)
	return nil
}
