package datatree

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// The files java-3.8.0.* were written by Debian's ZooKeeper 3.8.0, standalone, with extended types on: its
// first snapshot, the log of 25 transactions of two clients (every type of node, sequence numbers, null and
// empty data, a digest ACL, a successful and a failed multi, failed writes, a closed session; the zeros at the
// end cut off), and the snapshot that it took at its next start.

func javaFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/java-3.8.0." + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// javaLog returns the transactions of a log file: header of 16 bytes, then checksum, length, transaction, 'B'.
func javaLog(t *testing.T) (log [][]byte) {
	t.Helper()
	for b := javaFile(t, "log.1")[16:]; len(b) > 0; {
		n := binary.BigEndian.Uint32(b[8:])
		log = append(log, b[12:12+n])
		b = b[12+n+1:]
	}
	if len(log) != 25 {
		t.Fatalf("%d transactions in the log, want 25", len(log))
	}
	return log
}

// javaSnapshotFile decodes a snapshot file and returns the zxid and digest after its nodes.
func javaSnapshotFile(t *testing.T, name string) (*Tree, wire.Zxid, wire.TxnDigest) {
	t.Helper()
	d := wire.NewDecoder(javaFile(t, name)[16:])
	tree, err := Decode(d, WithExtendedTypes(true))
	if err != nil {
		t.Fatal(err)
	}
	d.Int64() // the seal: a checksum and "/"
	d.Text()
	zxid := d.Zxid()
	digest := wire.TxnDigest{Version: d.Int32(), Digest: d.Int64()}
	if d.Err() != nil {
		t.Fatal(d.Err())
	}
	tree.SetLastZxid(zxid)
	return tree, zxid, digest
}

// After every transaction this tree has the digest that the Java leader expected.
func TestJavaLog(t *testing.T) {
	tree, digests := New(WithExtendedTypes(true)), 0
	for _, b := range javaLog(t) {
		txn := unmarshal(t, b)
		result, err := tree.Apply(txn)
		if err != nil {
			t.Fatal(err)
		}
		if result.Diverged {
			t.Errorf("%s, %s: digest %x, Java had %x", txn.Header.Zxid, txn.Header.Type, tree.Digest().Digest, txn.Digest.Digest)
		}
		if txn.Digest != nil {
			digests++
		}
	}
	if digests != 22 {
		t.Errorf("%d transactions had a digest, want all but the 3 that failed", digests)
	}
	snapshot, _, digest := javaSnapshotFile(t, "snapshot.19")
	if tree.Digest() != digest {
		t.Errorf("digest after the log %x, Java's snapshot of then has %x", tree.Digest(), digest)
	}
	sameTree(t, snapshot, tree)
}

// A new tree equals the first one of a Java server.
func TestJavaFirstSnapshot(t *testing.T) {
	tree, zxid, _ := javaSnapshotFile(t, "snapshot.0")
	if zxid != 0 {
		t.Errorf("zxid %s, want 0x0", zxid)
	}
	sameTree(t, tree, New(WithExtendedTypes(true)))
	if got := tree.Digest().Digest; got != 0x51c6d660 {
		t.Errorf("digest of an empty tree %#x, want 0x51c6d660", got)
	}
	if got, want := len(encode(t, tree.Snapshot())), len(javaFile(t, "snapshot.0")); got != want-16-13-(20+13) {
		t.Errorf("the body of the first snapshot has %d bytes; Java's file, of %d, has 16 before and 46 after it", got, want)
	}
}

// TestJavaDetails compares what the digest does not cover.
func TestJavaDetails(t *testing.T) {
	tree, _, _ := javaSnapshotFile(t, "snapshot.19")
	names := strings.Join(tree.Children("/app"), " ")
	if want := "m n-0000000003 null éphémère"; names != want {
		t.Errorf("children of /app: %q, want %q", names, want)
	}
	plain := Caller{IDs: []wire.ID{{Scheme: "ip", ID: "127.0.0.1"}}}
	if _, code := tree.GetData("/secret", plain); code != wire.ErrNoAuth {
		t.Errorf("/secret for anyone: %v, want no", code)
	}
	ann, _ := AddAuth(plain.IDs, "digest", []byte("ann:secret"), "")
	if r, code := tree.GetData("/secret", Caller{IDs: ann}); code != wire.OK || string(r.Data) != "s" {
		t.Errorf("/secret for ann: %q, %v, want s", r.Data, code)
	}
	if data, ok := tree.Data("/app/null"); !ok || data != nil {
		t.Errorf("/app/null has %v, want null", data)
	}
	for path, kind := range map[string]OwnerKind{
		"/app": OwnerNone, "/app/éphémère": OwnerSession, "/box": OwnerContainer, "/ttl": OwnerTTL,
	} {
		n := tree.lookup(path)
		if got := ownerKind(n.stat.EphemeralOwner, true); got != kind {
			t.Errorf("%s is %s, want %s", path, got, kind)
		}
		if stat, _ := tree.Stat(path); (stat.EphemeralOwner != 0) != (kind == OwnerSession) {
			t.Errorf("%s, %s: owner shown is %x", path, kind, stat.EphemeralOwner)
		}
	}
	if tree.Counts().Sessions != 1 {
		t.Errorf("%d sessions, want the one that was open", tree.Counts().Sessions)
	}
}
