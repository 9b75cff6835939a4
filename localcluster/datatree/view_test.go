package datatree

import (
	"testing"

	"zkctl/probe/wire"
)

func TestView(t *testing.T) {
	tree := New()
	v := View{tree}
	if got := v.Nodes(); got != 1 {
		t.Errorf("a new tree has %d nodes, want 1: the root", got)
	}
	for i, txn := range []wire.Txn{
		{Header: wire.TxnHeader{Type: wire.OpCreateSession, ClientID: 7}, Body: &wire.CreateSessionTxn{Timeout: 4000}},
		{Header: wire.TxnHeader{Type: wire.OpCreate}, Body: &wire.CreateTxn{Path: "/a", Data: []byte("x"), ACL: wire.ReadACL(), ParentCVersion: 1}},
		{Header: wire.TxnHeader{Type: wire.OpCreate}, Body: &wire.CreateTxn{Path: "/a/b", ACL: wire.OpenACL(), ParentCVersion: 1}},
		{Header: wire.TxnHeader{Type: wire.OpCreate}, Body: &wire.CreateTxn{Path: "/zookeeper/quota/a", ACL: wire.OpenACL(), ParentCVersion: 1}},
	} {
		txn.Header.Zxid = wire.MakeZxid(1, uint32(i+1))
		if _, err := tree.Apply(&txn); err != nil {
			t.Fatal(err)
		}
	}
	data, stat, acl, found := v.Node("/a")
	if string(data) != "x" || stat.Czxid != wire.MakeZxid(1, 2) || stat.NumChildren != 1 || len(acl) != 1 || acl[0].Perms != wire.PermRead || !found {
		t.Errorf("/a is %q, %+v, %v, %v", data, stat, acl, found)
	}
	if _, _, _, found := v.Node("/b"); found {
		t.Error("there is a /b")
	}
	if got := v.Nodes(); got != 3 {
		t.Errorf("%d nodes, want 3: the root, /a and /a/b", got)
	}
	timeout, found := v.Session(7)
	if _, other := v.Session(8); timeout != 4000 || !found || other || v.Sessions() != 1 {
		t.Errorf("session 7: %d, %v; session 8: %v; %d in all", timeout, found, other, v.Sessions())
	}
}
