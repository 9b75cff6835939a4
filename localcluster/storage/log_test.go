package storage

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// A log that ends at any byte opens as one whose last write was interrupted there.
func TestLogCutAtEveryByte(t *testing.T) {
	st, whole, path, log := oneLog(t, 12)
	ends := entryEnds(st.proposals)
	if ends[len(ends)-1] != int64(len(log)) {
		t.Fatalf("the log has %d bytes, expected %d", len(log), ends[len(ends)-1])
	}
	for cut := range len(log) + 1 {
		for _, zeros := range []int{0, 1, 40} {
			m := clone(whole, 1)
			m.WriteFile(path, append(slices.Clone(log[:cut]), make([]byte, zeros)...))
			want, onEdge := slices.BinarySearch(ends, int64(cut))
			if !onEdge {
				want--
			}
			want = max(want, 0)
			s, r, err := Open(options(m))
			if err != nil {
				t.Fatalf("cut at %d, %d zeros: %v", cut, zeros, err)
			}
			if err := st.verify(r); err != nil {
				t.Fatalf("cut at %d, %d zeros: %v", cut, zeros, err)
			}
			var last wire.Zxid
			if want > 0 {
				last = st.proposals[want-1].Zxid
			}
			if r.LastZxid != last {
				t.Fatalf("cut at %d, %d zeros: recovered up to %s, expected %s", cut, zeros, r.LastZxid, last)
			}
			// An entry begins with zeros, so one that was cut within them leaves no trace.
			tidy := want > 0 && len(bytes.Trim(log[ends[want]:cut], "\x00")) == 0
			if tidy != (len(r.Notes) == 0) {
				t.Fatalf("cut at %d, %d zeros: notes %q", cut, zeros, r.Notes)
			}
			// The repaired folder takes appends, and needs no second repair.
			write(t, s, st.proposals[want:])
			mustClose(t, s)
			s, r = mustOpen(t, options(m))
			if err := st.verify(r); err != nil || r.LastZxid != st.last() || len(r.Notes) > 0 {
				t.Fatalf("cut at %d, %d zeros: after going on: at %s, notes %q, %v", cut, zeros, r.LastZxid, r.Notes, err)
			}
			mustClose(t, s)
		}
	}
}

// A log that is not the last cannot end early: the log after it proves that it was longer. If a new epoch
// follows and the cut is between two transactions, zxids do not show it, and only the digests do.
func TestEarlierLogCutAtEveryByte(t *testing.T) {
	for name, second := range map[string]int64{"same epoch": 1, "new epoch": 2} {
		t.Run(name, func(t *testing.T) {
			st := newTestHistory()
			first := st.grow(1, 7)
			m := onDisk(t, st)
			s, _ := mustOpen(t, options(m)) // the next append begins another log
			if err := errors.Join(s.SetAcceptedEpoch(second), s.SetCurrentEpoch(second)); err != nil {
				t.Fatal(err)
			}
			write(t, s, st.grow(second, 5))
			mustClose(t, s)
			path := logPath(first[0].Zxid)
			log := readFile(t, m, path)
			for cut := range len(log) {
				c := clone(m, 1)
				c.WriteFile(path, log[:cut])
				strict := options(clone(c, 1))
				strict.DigestsMustMatch = true
				if _, r, err := Open(strict); err == nil {
					t.Fatalf("cut at %d: opened at %s, notes %q", cut, r.LastZxid, r.Notes)
				} else if !isDamage(err) {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				_, r, err := Open(options(c))
				if err == nil && (second == 1 || r.Mismatches.Count == 0) {
					t.Fatalf("cut at %d: opened at %s, notes %q, %+v", cut, r.LastZxid, r.Notes, r.Mismatches)
				}
				if err != nil && !isDamage(err) {
					t.Fatalf("cut at %d: %v", cut, err)
				}
			}
		})
	}
}

// A new epoch after a log whose last write was interrupted proves nothing: the transaction may have been
// durable, and may have left no trace in the digests of later ones.
func TestInterruptedBeforeNewEpoch(t *testing.T) {
	st := newTestHistory()
	first := st.grow(1, 6) // the last begins a session
	m := onDisk(t, st)
	s, _ := mustOpen(t, options(m))
	write(t, s, st.grow(2, 3))
	mustClose(t, s)
	path := logPath(first[0].Zxid)
	log := readFile(t, m, path)
	ends := entryEnds(first)
	for cut := ends[5] + 6; cut < ends[6]; cut++ {
		c := clone(m, 1)
		c.WriteFile(path, log[:cut])
		if _, r, err := Open(options(c)); !isDamage(err) || !strings.Contains(err.Error(), "does not begin with transaction 0x100000006") {
			t.Fatalf("cut at %d: %v, %v", cut, r, err)
		}
	}
}

// No flipped bit may pass for an interrupted write: that would silently drop transactions.
func TestEveryFlippedBitInLogIsFound(t *testing.T) {
	st, whole, path, log := oneLog(t, 9)
	for _, zeros := range []int{0, 64} {
		padded := append(slices.Clone(log), make([]byte, zeros)...)
		for i := range padded {
			for bit := range 8 {
				m := clone(whole, 1)
				flipped := slices.Clone(padded)
				flipped[i] ^= 1 << bit
				m.WriteFile(path, flipped)
				_, r, err := Open(options(m))
				switch {
				case i >= len(log) && err == nil: // in the zeros after the log: nothing is lost
					if err := st.verify(r); err != nil || r.LastZxid != st.last() {
						t.Fatalf("byte %d bit %d: at %s: %v", i, bit, r.LastZxid, err)
					}
				case err == nil:
					t.Fatalf("byte %d bit %d of %d: not noticed: recovered up to %s, notes %q", i, bit, len(log), r.LastZxid, r.Notes)
				case !isDamage(err):
					t.Fatalf("byte %d bit %d: %v", i, bit, err)
				}
				// A refused folder is not changed.
				if got := readFile(t, m, path); err != nil && !slices.Equal(got, flipped) {
					t.Fatalf("byte %d bit %d: refused and changed", i, bit)
				}
			}
		}
	}
}

// Whatever overwrites part of a log, Open returns no transaction that was not appended.
func TestOverwrittenLogInventsNothing(t *testing.T) {
	st, whole, path, log := oneLog(t, 20)
	rng := rand.New(rand.NewPCG(7, 7))
	opened := 0
	for round := range 3000 {
		b := slices.Clone(log)
		at := rng.IntN(len(b))
		n := min(1+rng.IntN(100), len(b)-at)
		switch round % 3 {
		case 0: // noise
			for i := range n {
				b[at+i] = byte(rng.Uint32())
			}
		case 1: // a lost page
			clear(b[at : at+n])
		case 2: // a piece that went missing
			b = slices.Delete(b, at, at+n)
		}
		m := clone(whole, 1)
		m.WriteFile(path, b)
		_, r, err := Open(options(m))
		if err != nil {
			if !isDamage(err) {
				t.Fatalf("round %d: %v", round, err)
			}
			continue
		}
		opened++
		if err := st.verify(r); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	if opened == 0 {
		t.Error("no round left a log that opens: the property was not tested")
	}
}

// A node whose data is a log entry looks like a following entry; a torn write of it must not pass for damage.
func TestTornTailWithLogInsideData(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 4)
	inside := appendEntry(nil, st.proposals[3].Data)
	st.add(st.last()+1, wire.OpCreate, &wire.CreateTxn{Path: "/copy", Data: append(inside, make([]byte, 50)...),
		ACL: wire.OpenACL(), ParentCVersion: 1})
	m := onDisk(t, st)
	path := logPath(st.proposals[0].Zxid)
	log := readFile(t, m, path)
	m.WriteFile(path, log[:len(log)-10])
	_, r := mustOpen(t, options(m))
	if err := st.verify(r); err != nil || r.LastZxid != st.proposals[3].Zxid {
		t.Fatalf("recovered up to %s: %v", r.LastZxid, err)
	}
}

func TestRefusedLogs(t *testing.T) {
	st, whole, path, log := oneLog(t, 4)
	header := appendFileHeader(nil, logMagic, logDBID)
	entry := func(p wire.Proposal) []byte { return appendEntry(nil, p.Data) }
	tests := map[string]struct {
		file []byte
		says string
	}{
		"a snapshot":       {readFile(t, whole, snapshotPath(0)), "header of a transaction log"},
		"a text":           {[]byte("no log"), "header of a transaction log"},
		"another version":  {append([]byte("ZKLG\x00\x00\x00\x03"), make([]byte, 8)...), "header of a transaction log"},
		"wrong name":       {slices.Concat(header, entry(st.proposals[1])), "which the file is named after"},
		"a hole":           {slices.Concat(header, entry(st.proposals[0]), entry(st.proposals[2])), "expected transaction 0x100000002"},
		"twice":            {slices.Concat(header, entry(st.proposals[0]), entry(st.proposals[0])), "expected transaction 0x100000002"},
		"backwards":        {slices.Concat(log, entry(st.proposals[1])), "expected transaction 0x100000005"},
		"no transaction":   {slices.Concat(log, appendEntry(nil, []byte("short"))), "less than its header"},
		"unknown type":     {slices.Concat(log, entry(unknownTxn(st.last()+1))), "a transaction that this version knows"},
		"terminator gone":  {slices.Concat(log[:len(log)-1], []byte{'C'}), "0x42 after the entry"},
		"length too large": {lengthOfFirst(log, 1<<20), "follows at offset"},
		"length negative":  {lengthOfFirst(log, -5), "follows at offset"},
		"length zero":      {lengthOfFirst(log, 0), "follows at offset"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := clone(whole, 1)
			m.WriteFile(path, test.file)
			_, r, err := Open(options(m))
			if err == nil {
				t.Fatalf("opened at %s, notes %q", r.LastZxid, r.Notes)
			}
			if !isDamage(err) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), path) ||
				!strings.Contains(err.Error(), "copies everything from the leader") {
				t.Fatalf("%v\nexpected it to say %q", err, test.says)
			}
		})
	}
}

func unknownTxn(z wire.Zxid) wire.Proposal {
	txn := wire.Txn{Header: wire.TxnHeader{Zxid: z, Type: 99}}
	return wire.Proposal{Zxid: z, Data: txn.Marshal()}
}

func divergedTxn(z wire.Zxid) wire.Proposal {
	txn := wire.Txn{Header: wire.TxnHeader{Zxid: z, Type: wire.OpCreateSession}, Body: &wire.CreateSessionTxn{Timeout: 1},
		Digest: &wire.TxnDigest{Version: wire.DigestVersion, Digest: 42}}
	return wire.Proposal{Zxid: z, Data: txn.Marshal()}
}

// lengthOfFirst returns the log with another length in its first entry.
func lengthOfFirst(log []byte, n int32) []byte {
	b := slices.Clone(log)
	for i := range 4 {
		b[fileHeaderSize+8+i] = byte(n >> (24 - 8*i))
	}
	return b
}

// A whole history opens with every transaction, whatever digests are recorded in it. The wrong ones are counted
// and the first is returned. Only DigestsMustMatch refuses it.
func TestRecordedDigestsDiffer(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 4)
	m := onDisk(t, st)
	path, first := logPath(st.proposals[0].Zxid), st.last()+1
	m.WriteFile(path, slices.Concat(readFile(t, m, path), appendEntry(nil, divergedTxn(first).Data), appendEntry(nil, divergedTxn(first+1).Data)))

	strict := options(clone(m, 1))
	strict.DigestsMustMatch = true
	_, _, err := Open(strict)
	if d := (*DigestError)(nil); !errors.As(err, &d) || d.Zxid != first || d.Path != path || d.Expected != 42 || !isDamage(err) {
		t.Errorf("%v", err)
	}

	s, r := mustOpen(t, options(m))
	if r.LastZxid != first+1 || r.Mismatches.Count != 2 || len(r.Mismatches.First) != 1 {
		t.Fatalf("recovered up to %s, %+v", r.LastZxid, r.Mismatches)
	}
	if d := r.Mismatches.First[0]; d.Zxid != first || d.Path != path || d.Expected != 42 || d.Found == 42 {
		t.Errorf("%+v", d)
	}
	// A truncation, which reads the same files, succeeds as well.
	if r, err = s.Truncate(first); err != nil || r.LastZxid != first || r.Mismatches.Count != 1 {
		t.Errorf("truncated: %+v, %v", r, err)
	}
}

func TestLogReader(t *testing.T) {
	st := newTestHistory()
	st.grow(3, 6)
	m := onDisk(t, st)
	log, err := OpenLog(m, logPath(st.proposals[0].Zxid))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	ends := entryEnds(st.proposals)
	for i, want := range st.proposals {
		got, err := log.Next()
		if err != nil {
			t.Fatal(err)
		}
		if got.Proposal.Zxid != want.Zxid || !slices.Equal(got.Proposal.Data, want.Data) || got.Offset != ends[i] || got.End() != ends[i+1] {
			t.Fatalf("entry %d: %s at %d..%d", i, got.Proposal.Zxid, got.Offset, got.End())
		}
	}
	for range 2 {
		if _, err := log.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v", err)
		}
	}
}

// The window returns the same bytes whatever was read before.
func TestWindow(t *testing.T) {
	m := NewMemFS(1)
	data := make([]byte, 3*windowSize+17)
	for i := range data {
		data[i] = byte(i * 7 / 3)
	}
	m.WriteFile("/f", data)
	f, err := m.Open("/f", ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	w := window{file: f, size: int64(len(data))}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		off := rng.IntN(len(data))
		n := rng.IntN(min(len(data)-off, 2*windowSize) + 1)
		b, err := w.at(int64(off), n)
		if err != nil || !slices.Equal(b, data[off:off+n]) {
			t.Fatalf("%d bytes at %d: %v", n, off, err)
		}
	}
	if _, err := w.at(int64(len(data))-1, 2); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("beyond the end: %v", err)
	}
}
