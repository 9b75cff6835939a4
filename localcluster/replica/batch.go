package replica

import (
	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Entry is one thing to be written, or to be done in its place among the writes.
type Entry struct {
	Write zab.Write
	Tree  *datatree.Snapshot // of a zab.WriteSnapshot
	Do    func()             // instead of a Write
}

// Files are where entries go. Append need not be durable before Sync; everything
// else is when it returns.
type Files interface {
	Append([]wire.Proposal) error
	Sync() error
	SetAcceptedEpoch(int64) error
	SetCurrentEpoch(int64) error
	Install(*datatree.Snapshot) error // in place of the whole history
}

// WriteBatch carries out what has gathered while the disk was busy: appends share one
// fsync (group commit). It returns the Seq up to which Writes have become durable,
// for zab.Persisted; 0 when the batch had none. An error is final: nothing more may
// be written, and nothing of this batch may be called durable (ZOOKEEPER-4882).
//
//	append, append, …, fsync ──► epoch, snapshot or Do ──► append, …, fsync ──► durable
func WriteBatch(files Files, batch []Entry) (durable uint64, err error) {
	var appends []wire.Proposal
	sync := func() error {
		if len(appends) == 0 {
			return nil
		}
		if err := files.Append(appends); err != nil {
			return err
		}
		appends = appends[:0]
		return files.Sync()
	}
	for i := range batch {
		e := &batch[i]
		if e.Write.Kind != 0 {
			durable = e.Write.Seq
		}
		if e.Write.Kind == zab.WriteAppend {
			appends = append(appends, e.Write.Proposal)
			continue
		}
		if err := sync(); err != nil {
			return 0, err
		}
		if err := e.carryOut(files); err != nil {
			return 0, err
		}
	}
	if err := sync(); err != nil {
		return 0, err
	}
	return durable, nil
}

// carryOut does what is not an append.
func (e *Entry) carryOut(files Files) error {
	switch e.Write.Kind {
	case zab.WriteAcceptedEpoch:
		return files.SetAcceptedEpoch(e.Write.Epoch)
	case zab.WriteCurrentEpoch:
		return files.SetCurrentEpoch(e.Write.Epoch)
	case zab.WriteSnapshot:
		return files.Install(e.Tree)
	}
	e.Do()
	return nil
}
