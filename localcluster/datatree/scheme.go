package datatree

import (
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"

	"zkctl/probe/wire"
)

const (
	digestScheme = "digest"
	ipScheme     = "ip"
	superScheme  = "super" // never in an ACL; a caller that has it passes every check
)

// scheme is a kind of identity (AuthenticationProvider).
type scheme struct {
	// proves says that an id of this scheme proves who the caller is, so that "auth" in an ACL includes it.
	proves bool
	// valid says which ids an ACL may name; nil: none, because this server cannot authenticate them.
	valid func(id string) bool
	// matches says whether an ACL that names want applies to a caller with id have.
	matches func(have, want string) bool
}

// schemeOf has the schemes of a Java server with its default configuration. Identities of the last two come only
// from Java servers that forward requests and have those providers configured.
func schemeOf(name string) (scheme, bool) {
	switch name {
	case digestScheme:
		return scheme{proves: true, valid: validDigest, matches: sameID}, true
	case ipScheme:
		return scheme{valid: validIP, matches: matchIP}, true
	case "sasl", "x509":
		return scheme{proves: true, matches: sameID}, true
	}
	return scheme{}, false
}

func sameID(have, want string) bool { return have == want }

// AddAuth handles an auth request: it returns ids and the identity that scheme and data prove, or ErrAuthFailed,
// after which the connection is closed. ids itself is not changed, so requests already queued keep the identities
// that they came with.
//
// superDigest is the property zookeeper.DigestAuthenticationProvider.superDigest, "super:hash", or "": a client
// with its password passes every ACL.
func AddAuth(ids []wire.ID, scheme string, data []byte, superDigest string) ([]wire.ID, wire.ErrCode) {
	switch scheme {
	case digestScheme:
		if data == nil {
			return ids, wire.ErrAuthFailed
		}
		id := DigestID(string(data))
		if superDigest != "" && id.ID == superDigest {
			ids = withID(ids, wire.ID{Scheme: superScheme})
		}
		return withID(ids, id), wire.OK
	case ipScheme:
		return ids, wire.OK // every connection has its address already
	}
	return ids, wire.ErrAuthFailed
}

func withID(ids []wire.ID, id wire.ID) []wire.ID {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(slices.Clip(ids), id)
}

// DigestID is the identity of a client with "user:password": its hash, which ACLs name.
func DigestID(userPassword string) wire.ID {
	sum := sha1.Sum([]byte(userPassword))
	return wire.ID{Scheme: digestScheme, ID: digestUser(userPassword) + ":" + base64.StdEncoding.EncodeToString(sum[:])}
}

func digestUser(id string) string {
	user, _, _ := strings.Cut(id, ":")
	return user
}

// validDigest requires two parts with a colon between them, counted as Java's String.split counts: empty parts at
// the end do not count, so "user:" is refused and "user:hash:" is not.
func validDigest(id string) bool {
	return strings.Count(strings.TrimRight(id, ":"), ":") == 1
}

// WhoAmI answers whoAmI: the caller's identities. A digest identity is shown as its user.
func WhoAmI(ids []wire.ID) *wire.WhoAmIResponse {
	r := &wire.WhoAmIResponse{Infos: make([]wire.ClientInfo, 0, len(ids))}
	for _, id := range ids {
		user := id.ID
		if id.Scheme == digestScheme {
			user = digestUser(id.ID)
		}
		r.Infos = append(r.Infos, wire.ClientInfo{AuthScheme: id.Scheme, User: user})
	}
	return r
}
