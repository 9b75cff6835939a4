package storage

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"io"
	"math"
	"path/filepath"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// A snapshot file, byte by byte:
//
//	int32 0x5a4b534e "ZKSN", int32 2, int64 -1
//	body                                        datatree.Snapshot.Encode; ends with text "/"
//	seal
//	int64 zxid, int32 2, int64 digest, seal     since ZooKeeper 3.6
//	int64 zxid, seal                            since ZooKeeper 3.9; we read it and do not write it
//
//	seal: int64 Adler-32 of everything before it, text "/"
//
// Every whole snapshot ends with 00 00 00 01 2f. Java accepts a file that ends so; here it is only a quick test
// that finds files that are not whole. Older releases stop reading after the part they know.
//
// The name says the last transaction that the snapshot includes for certain. Java writes a snapshot while the
// tree changes, so it may show later transactions, up to the zxid of the digest. Ours are exact: the two zxids
// are the same.
const (
	snapshotMagic = 0x5a4b534e
	snapshotDBID  = -1
	gzipExt       = ".gz"
)

var snapshotEnd = []byte{0, 0, 0, 1, '/'}

// SnapshotInfo is what a snapshot file says about itself.
type SnapshotInfo struct {
	Path string
	Zxid wire.Zxid // by its name: the last transaction that it includes for certain
	Size int64
	// DigestZxid is the transaction after which the tree has Digest. It is above Zxid in a fuzzy snapshot, and
	// 0 when the file has no digest (before ZooKeeper 3.6).
	DigestZxid wire.Zxid
	Digest     wire.TxnDigest
	// LastProcessed is the third part, of ZooKeeper 3.9; 0 when the file has none.
	LastProcessed wire.Zxid
}

// Fuzzy tells whether the snapshot may include effects of transactions after Zxid.
func (i SnapshotInfo) Fuzzy() bool { return i.DigestZxid > i.Zxid }

// writeSnapshot writes a whole file. It calls stop before each piece and gives up if that returns an error.
func writeSnapshot(f File, snap *datatree.Snapshot, stop func() error) error {
	sum := adler32.New()
	w := io.MultiWriter(&fileWriter{file: f, stop: stop}, sum)
	seal := func() error {
		_, err := w.Write(append(binary.BigEndian.AppendUint64(nil, uint64(sum.Sum32())), snapshotEnd...))
		return err
	}
	if _, err := w.Write(appendFileHeader(nil, snapshotMagic, snapshotDBID)); err != nil {
		return err
	}
	if err := snap.Encode(w); err != nil { // in large pieces
		return err
	}
	if err := seal(); err != nil {
		return err
	}
	if _, err := w.Write(appendDigest(nil, snap)); err != nil {
		return err
	}
	return seal()
}

// appendDigest appends the pair of zxid and digest. It is zero for a tree that no
// transaction has touched, as in Java.
func appendDigest(dst []byte, snap *datatree.Snapshot) []byte {
	var e wire.Encoder
	digest := snap.Digest()
	if snap.Zxid() == 0 {
		digest = wire.TxnDigest{Version: wire.DigestVersion}
	}
	e.Zxid(snap.Zxid())
	digest.Encode(&e)
	return append(dst, e.Bytes()...)
}

// fileWriter writes a file from its beginning.
type fileWriter struct {
	file File
	off  int64
	stop func() error
}

func (w *fileWriter) Write(b []byte) (int, error) {
	if err := w.stop(); err != nil {
		return 0, err
	}
	n, err := w.file.WriteAt(b, w.off)
	w.off += int64(n)
	return n, err
}

// ReadSnapshot reads and checks a snapshot file. Any error that is not the disk's is a *Damage, or a *DigestError,
// with which it returns the tree, too. The tree of a fuzzy snapshot is compared with its digest once the
// transactions that make it exact are applied (Tree.AwaitDigest).
func ReadSnapshot(fsys FS, path string, options ...datatree.Option) (*datatree.Tree, SnapshotInfo, error) {
	tree, info, err := readSnapshot(fsys, path, options)
	if err != nil {
		return nil, info, err
	}
	if e := checkDigest(tree, info); e != nil {
		return tree, info, e
	}
	return tree, info, nil
}

// readSnapshot is ReadSnapshot without the comparison of digests.
func readSnapshot(fsys FS, path string, options []datatree.Option) (*datatree.Tree, SnapshotInfo, error) {
	info := SnapshotInfo{Path: path}
	n, ok := parseName(filepath.Base(path), snapshotPrefix)
	if !ok {
		if n, ok = parseName(filepath.Base(path), installPrefix); !ok {
			return nil, info, &Damage{Path: path, Offset: -1, Expected: "a name like snapshot.100000002", Found: filepath.Base(path)}
		}
	}
	info.Zxid = n.zxid
	f, err := fsys.Open(path, ReadOnly)
	if err != nil {
		return nil, info, err
	}
	defer f.Close()
	if info.Size, err = f.Size(); err != nil {
		return nil, info, err
	}
	disk := &diskReader{file: f}
	stream, limit, err := openSnapshotStream(disk, n.ext, info)
	if err != nil {
		return nil, info, disk.explain(path, 0, err)
	}
	r := &snapshotReader{in: stream, sum: adler32.New()}
	tree, err := r.read(&info, limit, options)
	if err != nil {
		return nil, info, disk.explain(path, r.off, err)
	}
	return tree, info, nil
}

// openSnapshotStream returns the file's contents, decompressed, and a bound for any length in them.
func openSnapshotStream(f io.ReaderAt, ext string, info SnapshotInfo) (io.Reader, int, error) {
	section := io.NewSectionReader(f, 0, info.Size)
	switch ext {
	case "":
		tail := make([]byte, min(info.Size, int64(len(snapshotEnd))))
		if _, err := f.ReadAt(tail, info.Size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		if !bytes.Equal(tail, snapshotEnd) {
			return nil, 0, &Damage{Path: info.Path, Offset: max(0, info.Size-int64(len(snapshotEnd))),
				Expected: fmt.Sprintf("%x, the end of every whole snapshot", snapshotEnd), Found: fmt.Sprintf("%x", tail)}
		}
		return bufio.NewReaderSize(section, int(min(info.Size, 256<<10))), int(min(info.Size, math.MaxInt32)), nil
	case gzipExt:
		z, err := gzip.NewReader(section)
		if err != nil {
			return nil, 0, &Damage{Path: info.Path, Offset: 0, Expected: "gzip", Found: err.Error()}
		}
		return bufio.NewReaderSize(z, 64<<10), math.MaxInt32, nil
	}
	return nil, 0, &Damage{Path: info.Path, Offset: -1, Expected: "a snapshot that is not compressed, or with gzip",
		Found: "compression " + ext[1:]}
}

// snapshotReader computes the checksum of what is read through it.
type snapshotReader struct {
	in  io.Reader
	sum hash.Hash32
	off int64
}

func (r *snapshotReader) Read(b []byte) (int, error) {
	n, err := r.in.Read(b)
	r.sum.Write(b[:n])
	r.off += int64(n)
	return n, err
}

func (r *snapshotReader) read(info *SnapshotInfo, limit int, options []datatree.Option) (*datatree.Tree, error) {
	d := wire.NewStreamDecoder(r, limit)
	magic, version, dbID := uint32(d.Int32()), d.Int32(), d.Int64()
	if d.Err() == nil && (magic != snapshotMagic || version != formatVersion || dbID != snapshotDBID) {
		return nil, &Damage{Offset: 0, Expected: "the header of a snapshot",
			Found: fmt.Sprintf("magic 0x%x, version %d, database %d", magic, version, dbID)}
	}
	tree, err := datatree.Decode(d, options...)
	if err != nil {
		return nil, err
	}
	if err := r.seal(d); err != nil {
		return nil, err
	}
	tree.SetLastZxid(info.Zxid)

	// A file that ends here is a snapshot of an older release.
	d.Begin(0)
	zxid := d.Zxid()
	if d.Err() == io.EOF {
		return tree, nil
	}
	var digest wire.TxnDigest
	digest.Decode(d)
	if err := r.seal(d); err != nil {
		return nil, err
	}
	info.DigestZxid, info.Digest = zxid, digest
	d.Begin(0)
	zxid = d.Zxid()
	if d.Err() == io.EOF {
		return tree, nil
	}
	if err := r.seal(d); err != nil {
		return nil, err
	}
	info.LastProcessed = zxid
	return tree, nil
}

// seal reads a seal and compares it with the checksum of what was read before it.
func (r *snapshotReader) seal(d *wire.Decoder) error {
	at, want := r.off, int64(r.sum.Sum32())
	got, slash := d.Int64(), d.Text()
	if d.Err() != nil {
		return d.Err()
	}
	if got != want || slash != "/" {
		return &Damage{Offset: at, Expected: fmt.Sprintf("a seal with Adler-32 0x%x", want),
			Found: fmt.Sprintf("0x%x and %q", uint64(got), slash)}
	}
	return nil
}

// checkDigest compares an exact snapshot's tree with the digest. Replay does that for a fuzzy one. A zxid below
// the name's says nothing about the tree: Java writes such a pair when a leader was elected and no transaction
// followed.
func checkDigest(tree *datatree.Tree, info SnapshotInfo) *DigestError {
	switch {
	case info.Fuzzy():
		tree.AwaitDigest(info.DigestZxid, &info.Digest)
	case info.DigestZxid == info.Zxid && info.Zxid != 0 && info.Digest.Version == wire.DigestVersion:
		if got := tree.Digest(); got != info.Digest {
			return &DigestError{Path: info.Path, Zxid: info.Zxid, Expected: info.Digest.Digest, Found: got.Digest}
		}
	}
	return nil
}

// diskReader remembers whether the disk failed: if not, a file that cannot be read is damaged.
type diskReader struct {
	file File
	err  error
}

func (r *diskReader) ReadAt(b []byte, off int64) (int, error) {
	n, err := r.file.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// explain turns a decoder's error at off into a Damage, unless the disk failed.
func (r *diskReader) explain(path string, off int64, err error) error {
	if r.err != nil {
		return fmt.Errorf("read %s: %w", path, r.err)
	}
	if d := (*Damage)(nil); errors.As(err, &d) {
		d.Path = path
		return err
	}
	return &Damage{Path: path, Offset: off, Expected: "a whole snapshot", Found: err.Error()}
}
