package storage

import (
	"bytes"
	"errors"
	"fmt"
	"hash/adler32"
	"maps"
	"testing"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// testHistory is a history that a test knows from beginning to end, to compare a recovered Store with.
type testHistory struct {
	tree      *datatree.Tree
	proposals []wire.Proposal
	digests   map[wire.Zxid]int64 // of the tree after each transaction
	trees     map[wire.Zxid]*datatree.Snapshot
	options   []datatree.Option
}

func newTestHistory(options ...datatree.Option) *testHistory {
	t := datatree.New(options...)
	return &testHistory{tree: t, options: options, digests: map[wire.Zxid]int64{0: t.Digest().Digest},
		trees: map[wire.Zxid]*datatree.Snapshot{0: t.Snapshot()}}
}

func (s *testHistory) last() wire.Zxid { return s.tree.LastZxid() }

// add appends a transaction.
func (s *testHistory) add(z wire.Zxid, op wire.OpCode, body wire.Record) wire.Proposal {
	txn := &wire.Txn{
		Header: wire.TxnHeader{ClientID: 0x1000, Cxid: int32(z.Counter()), Zxid: z, Time: 1700000000000 + int64(z.Counter()), Type: op},
		Body:   body,
	}
	result, err := s.tree.Apply(txn)
	if err != nil {
		panic(err)
	}
	if op != wire.OpError {
		if result.Err != wire.OK {
			panic(fmt.Sprintf("transaction %s: %v", z, result.Err))
		}
		txn.Digest = &wire.TxnDigest{Version: wire.DigestVersion, Digest: s.tree.Digest().Digest}
	}
	p := wire.Proposal{Zxid: z, Data: txn.Marshal()}
	s.proposals = append(s.proposals, p)
	s.digests[z] = s.tree.Digest().Digest
	s.trees[z] = s.tree.Snapshot()
	return p
}

// grow appends n transactions of an epoch, of several kinds; some change nothing in the tree.
func (s *testHistory) grow(epoch int64, n int) []wire.Proposal {
	from := len(s.proposals)
	for range n {
		z := s.last() + 1
		if z.Epoch() != epoch {
			z = wire.MakeZxid(epoch, 1)
		}
		path := fmt.Sprintf("/n%x", int64(z))
		switch z.Counter() % 5 {
		case 1:
			s.add(z, wire.OpCreateSession, &wire.CreateSessionTxn{Timeout: 4000})
		case 3:
			s.add(z, wire.OpSetData, &wire.SetDataTxn{Path: fmt.Sprintf("/n%x", int64(z-1)), Data: []byte("changed"), Version: 1})
		case 4:
			s.add(z, wire.OpError, &wire.ErrorTxn{Err: wire.ErrNoNode})
		default:
			s.add(z, wire.OpCreate, &wire.CreateTxn{Path: path, Data: bytes.Repeat([]byte{byte(z)}, int(z.Counter()%7)*3),
				ACL: wire.OpenACL(), ParentCVersion: int32(s.tree.Counts().Nodes)})
		}
	}
	return s.proposals[from:]
}

// fork returns a history that begins with the same transactions up to a zxid and can go on differently.
func (s *testHistory) fork(at wire.Zxid) *testHistory {
	tree, err := datatree.Decode(wire.NewDecoder(encode(s.trees[at])), s.options...)
	if err != nil {
		panic(err)
	}
	tree.SetLastZxid(at)
	f := &testHistory{tree: tree, digests: maps.Clone(s.digests), trees: maps.Clone(s.trees), options: s.options}
	for _, p := range s.proposals {
		if p.Zxid <= at {
			f.proposals = append(f.proposals, p)
			continue
		}
		delete(f.digests, p.Zxid)
		delete(f.trees, p.Zxid)
	}
	return f
}

// verify compares what was recovered with the history.
func (s *testHistory) verify(r *Recovered) error {
	if got := r.Tree.LastZxid(); got != r.LastZxid {
		return fmt.Errorf("LastZxid is %s and the tree's %s", r.LastZxid, got)
	}
	want, ok := s.digests[r.LastZxid]
	if !ok {
		return fmt.Errorf("recovered %s, which never happened", r.LastZxid)
	}
	if got := r.Tree.Digest().Digest; got != want {
		return fmt.Errorf("digest at %s is %d, expected %d", r.LastZxid, got, want)
	}
	if got, want := encode(r.Tree.Snapshot()), encode(s.trees[r.LastZxid]); !bytes.Equal(got, want) {
		return fmt.Errorf("tree at %s differs:\n%x\nexpected\n%x", r.LastZxid, got, want)
	}
	return s.verifyRecent(r)
}

// verifyRecent checks that the recent proposals are the ones of the history that end with LastZxid.
func (s *testHistory) verifyRecent(r *Recovered) error {
	end := len(s.proposals)
	for end > 0 && s.proposals[end-1].Zxid != r.LastZxid {
		end--
	}
	if len(r.Recent) > end {
		return fmt.Errorf("%d recent proposals up to %s, of %d that happened", len(r.Recent), r.LastZxid, end)
	}
	for i, p := range r.Recent {
		want := s.proposals[end-len(r.Recent)+i]
		if p.Zxid != want.Zxid || !bytes.Equal(p.Data, want.Data) {
			return fmt.Errorf("recent proposal %d is %s, expected %s", i, p.Zxid, want.Zxid)
		}
	}
	return nil
}

func encode(snap *datatree.Snapshot) []byte {
	var b bytes.Buffer
	if err := snap.Encode(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

const dataDir = "/data"

func options(m *MemFS) Options { return Options{FS: m, DataDir: dataDir} }

func mustOpen(t testing.TB, o Options) (*Store, *Recovered) {
	t.Helper()
	s, r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// accept sets acceptedEpoch unless it is as high already.
func accept(t testing.TB, s *Store, epoch int64) {
	t.Helper()
	if epoch > s.AcceptedEpoch() {
		if err := s.SetAcceptedEpoch(epoch); err != nil {
			t.Fatal(err)
		}
	}
}

// write appends and syncs.
func write(t testing.TB, s *Store, batch []wire.Proposal) {
	t.Helper()
	if len(batch) > 0 {
		accept(t, s, batch[len(batch)-1].Zxid.Epoch())
	}
	if err := errors.Join(s.Append(batch), s.Sync()); err != nil {
		t.Fatal(err)
	}
}

// onDisk returns a disk with the files of a closed Store that holds a history.
func onDisk(t testing.TB, st *testHistory) *MemFS {
	t.Helper()
	m := NewMemFS(1)
	s, _ := mustOpen(t, options(m))
	write(t, s, st.proposals)
	if err := s.SetCurrentEpoch(st.last().Epoch()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	return m
}

// oneLog returns a history of n transactions of epoch 1, a disk with it, and the path and the bytes of its only log.
func oneLog(t testing.TB, n int) (st *testHistory, m *MemFS, path string, log []byte) {
	t.Helper()
	st = newTestHistory()
	st.grow(1, n)
	m = onDisk(t, st)
	path = logPath(st.proposals[0].Zxid)
	return st, m, path, readFile(t, m, path)
}

// clone copies the files of a disk to a new one.
func clone(m *MemFS, seed uint64) *MemFS {
	c := NewMemFS(seed)
	for _, path := range m.Files() {
		b, err := m.ReadFile(path)
		if err != nil {
			panic(err)
		}
		c.WriteFile(path, b)
	}
	return c
}

func readFile(t testing.TB, m *MemFS, path string) []byte {
	t.Helper()
	b, err := m.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func logPath(z wire.Zxid) string      { return dataDir + "/version-2/" + hexName(logPrefix, z) }
func snapshotPath(z wire.Zxid) string { return dataDir + "/version-2/" + hexName(snapshotPrefix, z) }

// entryEnds returns the offsets at which the header and each entry end in a log of only these proposals.
func entryEnds(proposals []wire.Proposal) []int64 {
	ends := []int64{fileHeaderSize}
	for _, p := range proposals {
		ends = append(ends, ends[len(ends)-1]+entryOverhead+int64(len(p.Data)))
	}
	return ends
}

// isDamage reports whether an error names a file and says what to do.
func isDamage(err error) bool {
	var d *Damage
	var g *DigestError
	return errors.As(err, &d) && d.Path != "" && d.Hint != "" || errors.As(err, &g) && g.Hint != ""
}

// rawFile builds a snapshot file field by field.
type rawFile struct{ bytes.Buffer }

func (f *rawFile) seal() {
	sum := adler32.Checksum(f.Bytes())
	f.Write([]byte{0, 0, 0, 0, byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum), 0, 0, 0, 1, '/'})
}
