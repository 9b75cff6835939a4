package datatree

import (
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

func id(scheme, name string) wire.ID { return wire.ID{Scheme: scheme, ID: name} }

func entry(perms wire.Perm, scheme, name string) wire.ACL {
	return wire.ACL{Perms: perms, ID: id(scheme, name)}
}

func TestMay(t *testing.T) {
	from := id("ip", "192.168.1.7")
	ann := DigestID("ann:secret")
	for _, c := range []struct {
		name string
		ids  []wire.ID
		perm wire.Perm
		list []wire.ACL
		want bool
	}{
		{"no list", nil, wire.PermAdmin, nil, true},
		{"anyone", nil, wire.PermRead, wire.ReadACL(), true},
		{"anyone, other permission", nil, wire.PermWrite, wire.ReadACL(), false},
		{"either of two permissions", nil, wire.PermRead | wire.PermAdmin, wire.ReadACL(), true},
		{"world is not a scheme", []wire.ID{id("world", "bob")}, wire.PermRead, []wire.ACL{entry(31, "world", "bob")}, false},
		{"super", []wire.ID{from, id("super", "")}, wire.PermAdmin, []wire.ACL{entry(0, "digest", "x:y")}, true},
		{"digest", []wire.ID{from, ann}, wire.PermRead, []wire.ACL{{Perms: 1, ID: ann}}, true},
		{"digest of another", []wire.ID{from, DigestID("ann:guess")}, wire.PermRead, []wire.ACL{{Perms: 1, ID: ann}}, false},
		{"same id, other scheme", []wire.ID{id("sasl", ann.ID)}, wire.PermRead, []wire.ACL{{Perms: 1, ID: ann}}, false},
		{"network", []wire.ID{from}, wire.PermRead, []wire.ACL{entry(1, "ip", "192.168.0.0/16")}, true},
		{"other network", []wire.ID{from}, wire.PermRead, []wire.ACL{entry(1, "ip", "192.168.2.0/24")}, false},
		{"permissions do not add up across ids", []wire.ID{from}, wire.PermWrite,
			[]wire.ACL{entry(1, "ip", "192.168.1.7"), entry(2, "ip", "10.0.0.1")}, false},
		{"second entry", []wire.ID{from}, wire.PermWrite,
			[]wire.ACL{entry(1, "world", "anyone"), entry(2, "ip", "192.168.1.7")}, true},
		{"sasl, forwarded by a Java server", []wire.ID{id("sasl", "bob")}, wire.PermRead, []wire.ACL{entry(1, "sasl", "bob")}, true},
		{"unknown scheme", []wire.ID{id("moon", "bob")}, wire.PermRead, []wire.ACL{entry(1, "moon", "bob")}, false},
		{"no identities", nil, wire.PermRead, []wire.ACL{{Perms: 1, ID: ann}}, false},
	} {
		if got := (Caller{IDs: c.ids}).May(c.perm, c.list); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if !(Caller{IDs: c.ids, SkipACL: true}).May(c.perm, c.list) {
			t.Errorf("%s: denied with skipACL", c.name)
		}
	}
}

func TestFixACL(t *testing.T) {
	ann, bob := DigestID("ann:secret"), id("sasl", "bob")
	caller := []wire.ID{id("ip", "10.0.0.1"), id("super", ""), ann, bob}
	auth := func(p wire.Perm) wire.ACL { return entry(p, "auth", "ignored") }
	for _, c := range []struct {
		name   string
		list   []wire.ACL
		caller []wire.ID
		want   []wire.ACL // nil: refused
	}{
		{"null", nil, caller, nil},
		{"empty", []wire.ACL{}, caller, nil},
		{"anyone", open, caller, open},
		{"duplicates", append(wire.OpenACL(), append(wire.ReadACL(), open...)...), caller, append(wire.OpenACL(), wire.ReadACL()...)},
		{"auth", []wire.ACL{auth(3)}, caller, []wire.ACL{{Perms: 3, ID: ann}, {Perms: 3, ID: bob}}},
		{"auth of a caller with only an address", []wire.ACL{auth(3)}, caller[:2], nil},
		{"auth among others", []wire.ACL{entry(1, "world", "anyone"), auth(31)}, caller[:3],
			[]wire.ACL{entry(1, "world", "anyone"), {Perms: 31, ID: ann}}},
		{"digest", []wire.ACL{{Perms: 31, ID: ann}}, nil, []wire.ACL{{Perms: 31, ID: ann}}},
		{"one bad entry spoils it", []wire.ACL{{Perms: 31, ID: ann}, entry(1, "digest", "ann")}, nil, nil},
		{"ip", []wire.ACL{entry(1, "ip", "10.0.0.0/8")}, nil, []wire.ACL{entry(1, "ip", "10.0.0.0/8")}},
		{"ip, too many bits", []wire.ACL{entry(1, "ip", "10.0.0.0/33")}, nil, nil},
		{"world but anyone", []wire.ACL{entry(1, "world", "bob")}, nil, nil},
		{"super", []wire.ACL{entry(1, "super", "")}, caller, nil},
		{"sasl, which this server cannot check", []wire.ACL{entry(1, "sasl", "bob")}, caller, nil},
		{"unknown scheme", []wire.ACL{entry(1, "moon", "bob")}, caller, nil},
	} {
		got, code := fixACL(c.list, c.caller)
		if c.want == nil && code != wire.ErrInvalidACL || c.want != nil && (code != wire.OK || !slices.Equal(got, c.want)) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, code, c.want)
		}
	}
}

func TestValidDigest(t *testing.T) {
	for text, want := range map[string]bool{
		"user:hash": true, "user:hash:": true, ":hash": true,
		"": false, "user": false, "user:": false, ":": false, "a:b:c": false, "a::b": false,
	} {
		if got := validDigest(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestMatchIP(t *testing.T) {
	for _, c := range []struct {
		have, want string
		match      bool
	}{
		{"10.1.2.3", "10.1.2.3", true},
		{"10.1.2.3", "10.1.2.4", false},
		{"10.1.2.3", "10.0.0.0/8", true},
		{"10.1.2.3", "11.0.0.0/8", false},
		{"10.1.2.3", "10.1.2.0/30", true},
		{"10.1.2.4", "10.1.2.0/30", false},
		{"10.1.2.3", "99.99.99.99/0", true},
		{"10.1.2.3", "10.1.2.3/32", true},
		{"10.1.2.3", "10.01.2.003", true}, // Java reads the parts as decimal numbers
		{"10.1.2.3", "10.1.2.3/33", false},
		{"10.1.2.3", "10.1.2.3/-1", false},
		{"10.1.2.3", "10.1.2.3/", false},
		{"10.1.2.3", "10.1.2.3/8/8", false},
		{"10.1.2.3", "10.1.2", false},
		{"10.1.2.3", "10.1.2.3.4", false},
		{"10.1.2.3", "10.1.2.256", false},
		{"10.1.2.3", "10.1.2.x", false},
		{"", "10.1.2.3", false},
		{"::1", "::1", true},
		{"0:0:0:0:0:0:0:1", "::1", true},
		{"2001:db8::7", "2001:db8::/32", true},
		{"2001:db9::7", "2001:db8::/32", false},
		{"2001:db8:8000::", "2001:db8::/33", false},
		{"1:2:3:4:5:6:7:8", "1:2:3::7:8/48", true},
		{"::1", "0.0.0.0/0", false},
		{"10.1.2.3", "::/0", false},
		{"::1", "::1::", false},
		{"::1", ":::1", false},
		{"::1", "0:0:0:0:0:0:0:0:1", false},
		{"::1", "0:0:0:0:0:0:1", false},
		{"::1", "1:2:3:4::5:6:7:8", false},
		{"::1", "::00001", false},
		{"::1", "::g", false},
		{"::1", "::1/129", false},
	} {
		if got := matchIP(c.have, c.want); got != c.match {
			t.Errorf("%q in %q: %v", c.have, c.want, got)
		}
	}
}

func TestAddAuth(t *testing.T) {
	super := DigestID("super:pw").ID
	from := []wire.ID{id("ip", "::1")}
	for _, c := range []struct {
		name, scheme, data, super string
		want                      []wire.ID
		code                      wire.ErrCode
	}{
		// The hash is the one of ZooKeeper's documentation.
		{"digest", "digest", "super:admin", "", []wire.ID{from[0], id("digest", "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=")}, wire.OK},
		{"no password", "digest", "ann", "", []wire.ID{from[0], DigestID("ann")}, wire.OK},
		{"super", "digest", "super:pw", super, []wire.ID{from[0], id("super", ""), id("digest", super)}, wire.OK},
		{"not quite super", "digest", "super:PW", super, []wire.ID{from[0], DigestID("super:PW")}, wire.OK},
		{"ip again", "ip", "", "", from, wire.OK},
		{"unknown scheme", "kerberos", "x", "", from, wire.ErrAuthFailed},
		{"world", "world", "anyone", "", from, wire.ErrAuthFailed},
	} {
		got, code := AddAuth(from, c.scheme, []byte(c.data), c.super)
		if code != c.code || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v, %v", c.name, got, code, c.want, c.code)
		}
	}
	// The same identity is added once, and a slice returned before does not change.
	shared := append(make([]wire.ID, 0, 8), from...)
	one, _ := AddAuth(shared, "digest", []byte("a:b"), "")
	two, _ := AddAuth(shared, "digest", []byte("c:d"), "")
	again, _ := AddAuth(one, "digest", []byte("a:b"), "")
	if one[1] != DigestID("a:b") || two[1] != DigestID("c:d") || len(again) != 2 {
		t.Errorf("got %v, %v and %v", one, two, again)
	}
}

func TestWhoAmI(t *testing.T) {
	got := WhoAmI([]wire.ID{id("ip", "::1"), DigestID("ann:secret"), id("super", "")}).Infos
	want := []wire.ClientInfo{{AuthScheme: "ip", User: "::1"}, {AuthScheme: "digest", User: "ann"}, {AuthScheme: "super"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Nodes share lists by value, and a list that no node uses is removed.
func TestACLTable(t *testing.T) {
	r := newRig(t)
	closed := []wire.ACL{entry(31, "ip", "127.0.0.1")}
	size := func() int { return r.tree.Snapshot().acls.Len() }
	if size() != 1 {
		t.Errorf("%d ACLs in a new tree, want that of /zookeeper/config", size())
	}
	for _, path := range []string{"/a", "/b"} {
		r.must(r.request(rigSession, wire.OpCreate, &wire.CreateRequest{Path: path, ACL: closed}))
	}
	r.create("/open", "")
	if size() != 2 {
		t.Errorf("%d ACLs, want one more for two nodes, and none for the open one", size())
	}
	r.must(r.request(rigSession, wire.OpSetACL, &wire.SetACLRequest{Path: "/a", ACL: open, Version: -1}))
	if size() != 2 {
		t.Errorf("%d ACLs, want the one that /b still uses kept", size())
	}
	r.must(r.request(rigSession, wire.OpDelete, deleteRequest("/b")))
	if size() != 1 {
		t.Errorf("%d ACLs, want the unused one gone", size())
	}
}

func TestMaskDigests(t *testing.T) {
	r := newRig(t)
	ann := DigestID("ann:secret")
	list := []wire.ACL{entry(wire.PermRead, "world", "anyone"), {Perms: wire.PermAll, ID: ann}}
	r.must(r.request(rigSession, wire.OpCreate, &wire.CreateRequest{Path: "/a", ACL: list}))
	masked, code := r.tree.GetACL("/a", Caller{})
	if code != wire.OK || masked.ACL[1].ID.ID != "ann:x" {
		t.Errorf("for a reader: %v, %v, want the hash masked", masked.ACL, code)
	}
	full, code := r.tree.GetACL("/a", Caller{IDs: []wire.ID{ann}})
	if code != wire.OK || !slices.Equal(full.ACL, list) {
		t.Errorf("for the administrator: %v, %v", full.ACL, code)
	}
	if !strings.HasPrefix(ann.ID, "ann:") || len(ann.ID) != len("ann:")+28 {
		t.Errorf("digest id %q, want a user and 28 characters", ann.ID)
	}
}
