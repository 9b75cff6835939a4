package datatree

import (
	"github.com/tidwall/btree"

	"zkctl/probe/wire"
)

// openACLID is the id of world:anyone:cdrwa, which has no entry in a snapshot's table.
const openACLID int64 = -1

// acl is an immutable access control list with the id that snapshots refer to it by. Most nodes share a
// handful of lists, so a node holds a pointer and a snapshot a number.
type acl struct {
	id   int64
	list []wire.ACL
}

// openACL is the list of almost every node. It needs no table entry: Java, too, writes -1 for it.
var openACL = &acl{id: openACLID, list: wire.OpenACL()}

// aclTable interns ACLs by value and counts how many nodes use each.
//
// Java interns them as well, but changes the table while a snapshot is written, and snapshots had entries missing
// or left over (ZOOKEEPER-3306, 4689, 4846). Here a snapshot copies the table at the instant at which it copies
// the nodes, and a node holds its list and not a number to look up.
type aclTable struct {
	byValue map[string]*usedACL     // key: the encoded list
	byID    *btree.Map[int64, *acl] // in the order of ids, so that snapshots are reproducible
	lastID  int64                   // >= every id in byID; ids are not used again
	scratch wire.Encoder
}

type usedACL struct {
	acl  *acl
	uses int // > 0
}

func newACLTable() aclTable {
	return aclTable{byValue: make(map[string]*usedACL), byID: btree.NewMap[int64, *acl](0)}
}

// use returns the one acl with this list and counts one use of it. A null list is the open ACL.
func (t *aclTable) use(list []wire.ACL) *acl {
	if list == nil || isOpenACL(list) {
		return openACL
	}
	key := t.encode(list)
	if u := t.byValue[string(key)]; u != nil {
		u.uses++
		return u.acl
	}
	t.lastID++
	return t.add(string(key), &acl{id: t.lastID, list: list})
}

func (t *aclTable) add(key string, a *acl) *acl {
	t.byValue[key] = &usedACL{acl: a, uses: 1}
	t.byID.Set(a.id, a)
	return a
}

// useAs is use for a list that has this id in a snapshot. The id is kept if it is free, so that a snapshot that is
// read and written again has the same bytes.
func (t *aclTable) useAs(id int64, list []wire.ACL) *acl {
	key := t.encode(list)
	_, taken := t.byID.Get(id)
	if taken || t.byValue[string(key)] != nil || isOpenACL(list) || !reservable(id) {
		return t.use(list)
	}
	return t.add(string(key), &acl{id: id, list: list})
}

// reserve makes sure that an id of a snapshot's table is not given to another list.
func (t *aclTable) reserve(id int64) {
	if reservable(id) {
		t.lastID = max(t.lastID, id)
	}
}

// reservable refuses ids that Java's counter, which starts at 1, cannot reach: a hostile one would make our
// counter overflow.
func reservable(id int64) bool { return id > 0 && id < 1<<62 }

// release ends one use; the last one removes the entry.
func (t *aclTable) release(a *acl) {
	if a == openACL {
		return
	}
	key := t.encode(a.list)
	u := t.byValue[string(key)]
	if u == nil || u.acl != a {
		return
	}
	if u.uses--; u.uses == 0 {
		delete(t.byValue, string(key))
		t.byID.Delete(a.id)
	}
}

// encode returns the list's bytes, valid until the next call.
func (t *aclTable) encode(list []wire.ACL) []byte {
	t.scratch.Reset()
	wire.EncodeACLs(&t.scratch, list)
	return t.scratch.Bytes()
}

func isOpenACL(list []wire.ACL) bool {
	return len(list) == 1 && list[0] == openACL.list[0]
}
