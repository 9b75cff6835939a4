package localcluster

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"zkctl/inject/history"
	"zkctl/localcluster/datatree"
	"zkctl/localcluster/storage"
	"zkctl/probe/wire"
)

// ReadMember reads what a member of either engine has on its disk: the transactions of its logs, and the tree that they
// make with the newest snapshot. It repairs nothing and takes no lock, so that the member may be running: what it is
// just writing is the torn end of its last log.
//
// Opening a copy as a member does would say the same of an undamaged folder. But Apache's logs are files of 64 MB each, most
// of it zeros, and of a damaged folder a judge wants what there is.
//
// A log that cannot be read to its end is no error: its Problem says why, and the tree is as far as the log goes. An
// error is a folder without data, or one whose snapshots are all damaged.
func ReadMember(dataDir string) (history.MemberLog, history.View, error) {
	return readMember(storage.OS(), dataDir)
}

func readMember(fsys storage.FS, dataDir string) (history.MemberLog, history.View, error) {
	logs, snapshots, err := storage.Files(fsys, dataDir, "")
	if err == nil && len(logs)+len(snapshots) == 0 {
		err = errors.New("it holds neither a log nor a snapshot")
	}
	if err != nil {
		return history.MemberLog{}, nil, fmt.Errorf("read the data in %s: %w", dataDir, err)
	}
	r := &memberReader{fs: fsys}
	if r.tree, r.log.Snapshot, err = newestTree(fsys, snapshots); err != nil {
		return history.MemberLog{}, nil, fmt.Errorf("read the data in %s: %w", dataDir, err)
	}
	for _, s := range snapshots {
		r.log.Snapshots = append(r.log.Snapshots, s.Zxid)
	}
	for _, file := range logs {
		if err := r.readLog(file.Path); err != nil {
			r.log.Problem = err.Error()
			break
		}
	}
	return r.log, datatree.View{Tree: r.tree}, nil
}

// newestTree is the tree of the newest snapshot that is whole, which a server that starts begins with, too; without any
// snapshot it is the empty tree.
func newestTree(fsys storage.FS, snapshots []storage.DataFile) (*datatree.Tree, wire.Zxid, error) {
	var broken []error
	for _, s := range slices.Backward(snapshots) {
		tree, _, err := storage.ReadSnapshot(fsys, s.Path)
		var digest *storage.DigestError
		if err == nil || errors.As(err, &digest) { // ZooKeeper's leaders compute some digests wrong
			return tree, s.Zxid, nil
		}
		broken = append(broken, err)
	}
	if len(broken) > 0 {
		return nil, 0, errors.Join(broken...)
	}
	return datatree.New(), 0, nil
}

// memberReader goes through a member's logs, oldest first.
type memberReader struct {
	fs   storage.FS
	log  history.MemberLog
	tree *datatree.Tree // of the snapshot and the transactions behind it so far
}

func (r *memberReader) readLog(path string) error {
	file, err := storage.OpenLog(r.fs, path)
	if err != nil {
		return err
	}
	defer file.Close()
	for {
		entry, err := file.Next()
		var torn *storage.TornTail
		switch {
		case errors.Is(err, io.EOF), errors.As(err, &torn):
			return nil
		case err != nil:
			return err
		}
		if err := r.add(entry.Proposal); err != nil {
			return fmt.Errorf("%s: offset %d: %w", path, entry.Offset, err)
		}
	}
}

// add takes a transaction in. A later file may repeat what an earlier one ends with.
func (r *memberReader) add(p wire.Proposal) error {
	i, again := slices.BinarySearchFunc(r.log.Txns, p.Zxid, func(t history.Txn, z wire.Zxid) int { return cmp.Compare(t.Zxid, z) })
	switch {
	case again && history.SameTxn(r.log.Txns[i].Data, p.Data):
		return nil
	case again:
		return fmt.Errorf("transaction %s stands in the log twice, and differs", p.Zxid)
	case i < len(r.log.Txns):
		return fmt.Errorf("transaction %s stands behind %s", p.Zxid, r.log.Txns[len(r.log.Txns)-1].Zxid)
	}
	r.log.Txns = append(r.log.Txns, history.Txn{Zxid: p.Zxid, Data: p.Data})
	if p.Zxid <= r.log.Snapshot {
		return nil // the tree has it
	}
	txn, err := wire.UnmarshalTxn(p.Data)
	if err == nil {
		_, err = r.tree.Apply(txn)
	}
	return err
}
