package storage

import (
	"bytes"
	"fmt"
	"testing"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// setData returns n transactions that set a node's 100 bytes, with digests.
func setData(tree *datatree.Tree, n int) []wire.Proposal {
	data := bytes.Repeat([]byte("x"), 100)
	proposals := make([]wire.Proposal, n)
	for i := range proposals {
		z := wire.Zxid(i + 1)
		txn := &wire.Txn{Header: wire.TxnHeader{ClientID: 1, Cxid: int32(i), Zxid: z, Time: int64(i), Type: wire.OpSetData},
			Body: &wire.SetDataTxn{Path: fmt.Sprintf("/n%d", i%1000), Data: data, Version: int32(i)}}
		if i < 1000 {
			txn.Header.Type = wire.OpCreate
			txn.Body = &wire.CreateTxn{Path: fmt.Sprintf("/n%d", i), Data: data, ACL: wire.OpenACL(), ParentCVersion: int32(i + 1)}
		}
		if _, err := tree.Apply(txn); err != nil {
			panic(err)
		}
		digest := tree.Digest()
		txn.Digest = &digest
		proposals[i] = wire.Proposal{Zxid: z, Data: txn.Marshal()}
	}
	return proposals
}

// An fsync costs the same for one entry as for many: the entries per second grow with the batch.
func BenchmarkAppendSync(b *testing.B) {
	proposals := setData(datatree.New(), 20000)
	for _, preallocate := range []int64{0, 64 << 20} {
		for _, batch := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("batch=%d/preallocate=%dMiB", batch, preallocate>>20), func(b *testing.B) {
				s, _ := mustOpen(b, Options{DataDir: b.TempDir(), Preallocate: preallocate})
				defer s.Close()
				entries := 0
				z := wire.Zxid(0)
				b.ResetTimer()
				for b.Loop() {
					group := make([]wire.Proposal, batch)
					for i := range group {
						z++
						group[i] = renumbered(proposals[int(z)%len(proposals)], z)
					}
					write(b, s, group)
					entries += batch
				}
				b.ReportMetric(float64(entries)/b.Elapsed().Seconds(), "entries/s")
			})
		}
	}
}

// renumbered returns a proposal with another zxid.
func renumbered(p wire.Proposal, z wire.Zxid) wire.Proposal {
	data := bytes.Clone(p.Data)
	for i := range 8 {
		data[zxidOffset+i] = byte(z >> (56 - 8*i))
	}
	return wire.Proposal{Zxid: z, Data: data}
}

func BenchmarkRecovery(b *testing.B) {
	const entries = 100000
	tree := datatree.New()
	dir := b.TempDir()
	s, _ := mustOpen(b, Options{DataDir: dir})
	write(b, s, setData(tree, entries))
	mustClose(b, s)
	recover := func(b *testing.B, dir string) {
		for b.Loop() {
			got, err := Check(Options{DataDir: dir})
			if err != nil || got.LastZxid != entries {
				b.Fatalf("%v: %v", got, err)
			}
		}
	}
	b.Run("log of 100000", func(b *testing.B) {
		recover(b, dir)
		b.ReportMetric(float64(entries*b.N)/b.Elapsed().Seconds(), "entries/s")
	})

	big := datatree.New()
	st := &testHistory{tree: big}
	proposals := make([]wire.Proposal, 0, entries)
	for i := range entries {
		txn := &wire.Txn{Header: wire.TxnHeader{Zxid: wire.Zxid(i + 1), Type: wire.OpCreate},
			Body: &wire.CreateTxn{Path: fmt.Sprintf("/n%d", i), Data: make([]byte, 100), ACL: wire.OpenACL(), ParentCVersion: int32(i + 1)}}
		if _, err := st.tree.Apply(txn); err != nil {
			b.Fatal(err)
		}
		proposals = append(proposals, wire.Proposal{Zxid: wire.Zxid(i + 1), Data: txn.Marshal()})
	}
	dir = b.TempDir()
	s, r := mustOpen(b, Options{DataDir: dir})
	write(b, s, proposals)
	if err := s.SaveSnapshot(big.Snapshot(), r.History); err != nil {
		b.Fatal(err)
	}
	mustClose(b, s)
	b.Run("snapshot of 100000", func(b *testing.B) {
		recover(b, dir)
		b.ReportMetric(float64(entries*b.N)/b.Elapsed().Seconds(), "nodes/s")
	})
}
