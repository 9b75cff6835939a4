package wire

import "strings"

// Perm is a set of permissions.
type Perm int32

// The permissions of an ACL entry.
const (
	PermRead   Perm = 1
	PermWrite  Perm = 2
	PermCreate Perm = 4
	PermDelete Perm = 8
	PermAdmin  Perm = 16
	PermAll    Perm = 31
)

// String is the letters of zkCli: cdrwa.
func (p Perm) String() string {
	var b strings.Builder
	for _, l := range []struct {
		perm   Perm
		letter byte
	}{{PermCreate, 'c'}, {PermDelete, 'd'}, {PermRead, 'r'}, {PermWrite, 'w'}, {PermAdmin, 'a'}} {
		if p&l.perm != 0 {
			b.WriteByte(l.letter)
		}
	}
	return b.String()
}

// ID is an identity in an authentication scheme: (ip, 127.0.0.1),
// (digest, user:hash), (world, anyone).
type ID struct {
	Scheme string
	ID     string
}

// Encode implements Record.
func (i *ID) Encode(e *Encoder) { e.Text(i.Scheme); e.Text(i.ID) }

// Decode implements Record. A null scheme is read as "", which is no scheme. A null id is
// an error only for the schemes that use it: "auth" does not.
func (i *ID) Decode(d *Decoder) {
	i.Scheme, _ = decodeWord(d)
	var null bool
	i.ID, null = decodeWord(d)
	if null && (i.Scheme == "world" || i.Scheme == "digest" || i.Scheme == "ip") {
		d.nulls = true
	}
}

// decodeWord is Text for the words that stand in nearly every request that creates or
// is forwarded; it spares them an allocation each.
func decodeWord(d *Decoder) (word string, null bool) {
	n := d.Int32()
	if d.err == nil && n == -1 {
		d.lossy = true
		return "", true
	}
	return wordOf(d.bytes("text", n)), false
}

func wordOf(b []byte) string {
	switch string(b) { // compared without a copy
	case "world":
		return "world"
	case "anyone":
		return "anyone"
	case "ip":
		return "ip"
	case "127.0.0.1":
		return "127.0.0.1"
	case "digest":
		return "digest"
	case "auth":
		return "auth"
	}
	return string(b)
}

// ACL gives permissions to an ID.
type ACL struct {
	Perms Perm
	ID    ID
}

// Encode implements Record.
func (a *ACL) Encode(e *Encoder) { e.Int32(int32(a.Perms)); a.ID.Encode(e) }

// Decode implements Record.
func (a *ACL) Decode(d *Decoder) { a.Perms = Perm(d.Int32()); a.ID.Decode(d) }

// OpenACL lets anyone do anything: ZooKeeper's OPEN_ACL_UNSAFE.
func OpenACL() []ACL { return []ACL{{PermAll, ID{"world", "anyone"}}} }

// ReadACL lets anyone read: ZooKeeper's READ_ACL_UNSAFE.
func ReadACL() []ACL { return []ACL{{PermRead, ID{"world", "anyone"}}} }

// minACL is the size of an ACL with two empty texts, minID of such an ID.
const (
	minACL = 12
	minID  = 8
)

// EncodeACLs appends a vector of ACLs; nil is null.
func EncodeACLs(e *Encoder, acls []ACL) {
	if acls == nil {
		e.Int32(-1)
		return
	}
	e.Int32(int32(len(acls)))
	for i := range acls {
		acls[i].Encode(e)
	}
}

// DecodeACLs reads what EncodeACLs appends.
func DecodeACLs(d *Decoder) []ACL {
	n := d.Count(minACL)
	if n < 0 || d.err != nil {
		return nil
	}
	acls := make([]ACL, 0, min(n, 64))
	for range n {
		var a ACL
		a.Decode(d)
		if d.err != nil {
			return nil
		}
		acls = append(acls, a)
	}
	return acls
}

// encodeIDs appends a vector of IDs; nil is null.
func encodeIDs(e *Encoder, ids []ID) {
	if ids == nil {
		e.Int32(-1)
		return
	}
	e.Int32(int32(len(ids)))
	for i := range ids {
		ids[i].Encode(e)
	}
}

func decodeIDs(d *Decoder) []ID {
	n := d.Count(minID)
	if n < 0 || d.err != nil {
		return nil
	}
	ids := make([]ID, 0, min(n, 64))
	for range n {
		var id ID
		id.Decode(d)
		if d.err != nil {
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}
