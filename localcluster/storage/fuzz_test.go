package storage

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"os"

	"zkctl/probe/wire"
)

// seedFiles adds the files of testdata that match a pattern to a fuzzer's corpus.
func seedFiles(f *testing.F, pattern string) {
	paths, err := filepath.Glob("testdata/java/*/version-2/" + pattern)
	if err != nil || len(paths) == 0 {
		f.Fatalf("no files like %s: %v", pattern, err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// Reading any log ends in one of four ways, and the entries read are the bytes of the file.
func FuzzLogReader(f *testing.F) {
	seedFiles(f, "log.*")
	f.Add([]byte{})
	f.Add(appendFileHeader(nil, logMagic, logDBID))
	f.Fuzz(func(t *testing.T, file []byte) {
		m := NewMemFS(1)
		m.WriteFile("/log.1", file)
		log, err := OpenLog(m, "/log.1")
		if err != nil {
			if d := (*Damage)(nil); !errors.As(err, &d) {
				t.Fatal(err)
			}
			return
		}
		again := appendFileHeader(nil, logMagic, logDBID)
		for {
			entry, err := log.Next()
			if err == nil {
				if entry.Offset != int64(len(again)) {
					t.Fatalf("entry at %d, expected %d", entry.Offset, len(again))
				}
				again = appendEntry(again, entry.Proposal.Data)
				continue
			}
			var torn *TornTail
			var damage *Damage
			switch {
			case errors.Is(err, io.EOF):
			case errors.As(err, &torn):
				if torn.Offset != int64(len(again)) || torn.Offset+torn.Bytes != int64(len(file)) {
					t.Fatalf("%+v in %d bytes, %d of them read", torn, len(file), len(again))
				}
			case errors.As(err, &damage):
				if damage.Offset != int64(len(again)) {
					t.Fatalf("%+v, %d bytes read", damage, len(again))
				}
			default:
				t.Fatal(err)
			}
			break
		}
		if len(again) > fileHeaderSize && !bytes.HasPrefix(file, again) {
			t.Fatalf("read %x\nfrom %x", again, file)
		}
	})
}

// Any snapshot file is refused, or has a tree that can be written and read again.
func FuzzReadSnapshot(f *testing.F) {
	seedFiles(f, "snapshot.*")
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		m := NewMemFS(1)
		m.WriteFile("/snapshot.5", resealed(file))
		tree, info, err := ReadSnapshot(m, "/snapshot.5")
		if err != nil {
			var d *Damage
			var g *DigestError
			if !errors.As(err, &d) && !errors.As(err, &g) {
				t.Fatal(err)
			}
			return
		}
		if info.Zxid != 5 || tree.LastZxid() != 5 {
			t.Fatalf("%+v, tree at %s", info, tree.LastZxid())
		}
		l := newLayout(m, "/again", "")
		if err := errors.Join(l.make(), l.saveSnapshot(tree.Snapshot(), func() error { return nil })); err != nil {
			t.Fatal(err)
		}
		again, _, err := ReadSnapshot(m, l.snapshot(5))
		if err != nil || again.Digest() != tree.Digest() || again.Counts() != tree.Counts() {
			t.Fatalf("%+v, expected %+v: %v", again, tree.Counts(), err)
		}
	})
}

// resealed repairs the checksum of the first part and drops the others, so that a fuzzer gets beyond the checksum.
func resealed(file []byte) []byte {
	end := bytes.LastIndex(file, []byte("\x00\x00\x00\x01/"))
	if end < 0 || len(file)%2 == 0 {
		return file
	}
	var r rawFile
	r.Write(file[:end+5])
	r.seal()
	return r.Bytes()
}

// Open never panics, whatever the files hold.
func FuzzOpen(f *testing.F) {
	st := newTestHistory()
	st.grow(1, 5)
	m := onDisk(f, st)
	log := readFile(f, m, logPath(st.proposals[0].Zxid))
	f.Add(log, readFile(f, m, snapshotPath(0)), []byte("1"), []byte("1"))
	f.Add(log[:60], []byte{}, []byte("2"), []byte(""))
	f.Fuzz(func(t *testing.T, log, snapshot, accepted, current []byte) {
		c := NewMemFS(1)
		c.WriteFile(logPath(wire.MakeZxid(1, 1)), log)
		c.WriteFile(snapshotPath(0), snapshot)
		c.WriteFile(dataDir+"/version-2/acceptedEpoch", accepted)
		c.WriteFile(dataDir+"/version-2/currentEpoch", current)
		s, r, err := Open(options(c))
		if err != nil {
			if !isDamage(err) {
				t.Fatal(err)
			}
			return
		}
		mustClose(t, s)
		_, again := mustOpen(t, options(c))
		if again.LastZxid != r.LastZxid || again.AcceptedEpoch != r.AcceptedEpoch || len(again.Notes) != 0 {
			t.Fatalf("the second time %+v, the first %+v", again, r)
		}
	})
}
