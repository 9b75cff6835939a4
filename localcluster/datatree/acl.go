package datatree

import "zkctl/probe/wire"

// Caller holds the identities of a connection; the first is ("ip", its address).
type Caller struct {
	IDs []wire.ID
	// SkipACL is ZooKeeper's skipACL=yes: every caller has every permission.
	SkipACL bool
}

// May reports whether the caller has any of the permissions in perm (getACL asks for READ or ADMIN at once).
// An empty list permits everything; no node can have one, but events without a node do.
func (c Caller) May(perm wire.Perm, list []wire.ACL) bool {
	if c.SkipACL || len(list) == 0 {
		return true
	}
	if c.isSuper() {
		return true
	}
	for _, entry := range list {
		if entry.Perms&perm == 0 {
			continue
		}
		if isAnyone(entry.ID) {
			return true
		}
		if s, known := schemeOf(entry.ID.Scheme); known && c.matches(s, entry.ID) {
			return true
		}
	}
	return false
}

func (c Caller) isSuper() bool {
	for _, id := range c.IDs {
		if id.Scheme == superScheme {
			return true
		}
	}
	return false
}

func (c Caller) matches(s scheme, want wire.ID) bool {
	for _, have := range c.IDs {
		if have.Scheme == want.Scheme && s.matches(have.ID, want.ID) {
			return true
		}
	}
	return false
}

func isAnyone(id wire.ID) bool { return id.Scheme == "world" && id.ID == "anyone" }

// fixACL turns the ACL of a request into the one to store (PrepRequestProcessor.fixupACL): without duplicates,
// every id valid, and the pseudo-scheme "auth" replaced by those of the caller's identities that prove who it is
// (an address does not). The transaction must have identities, not "auth": other servers do not know the caller.
func fixACL(list []wire.ACL, caller []wire.ID) ([]wire.ACL, wire.ErrCode) {
	if len(list) == 0 {
		return nil, wire.ErrInvalidACL
	}
	seen := make(map[wire.ACL]bool, len(list))
	fixed := make([]wire.ACL, 0, len(list))
	for _, entry := range list {
		if seen[entry] {
			continue
		}
		seen[entry] = true
		switch s, known := schemeOf(entry.ID.Scheme); {
		case isAnyone(entry.ID):
			fixed = append(fixed, entry)
		case entry.ID.Scheme == "auth":
			before := len(fixed)
			for _, id := range caller {
				if s, known := schemeOf(id.Scheme); known && s.proves {
					fixed = append(fixed, wire.ACL{Perms: entry.Perms, ID: id})
				}
			}
			if len(fixed) == before {
				return nil, wire.ErrInvalidACL
			}
		case known && s.valid != nil && s.valid(entry.ID.ID):
			fixed = append(fixed, entry)
		default:
			return nil, wire.ErrInvalidACL
		}
	}
	return fixed, wire.OK
}

// maskDigests hides the password hashes of an ACL from a caller that may read it but not change it.
func maskDigests(list []wire.ACL) []wire.ACL {
	masked := make([]wire.ACL, len(list))
	for i, entry := range list {
		if entry.ID.Scheme == digestScheme {
			entry.ID.ID = digestUser(entry.ID.ID) + ":x"
		}
		masked[i] = entry
	}
	return masked
}
