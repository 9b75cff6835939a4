package storage

import (
	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Job is one write, or a function to call in order among the writes.
type Job struct {
	Write zab.Write
	Tree  *datatree.Snapshot // of a zab.WriteSnapshot
	Do    func()             // instead of a Write
}

// Journal is what WriteBatch writes to: a Store, or a wrapper around one. Appends need
// not be durable before Sync; every other call is durable when it returns.
type Journal interface {
	Append([]wire.Proposal) error
	Sync() error
	SetAcceptedEpoch(int64) error
	SetCurrentEpoch(int64) error
	Install(*datatree.Snapshot) error // replaces the whole history
}

// WriteBatch carries out the jobs that were queued while the disk was busy: appends share
// one fsync (group commit). It returns the Seq up to which Writes have become durable,
// for zab.Persisted; 0 when the batch had none. An error is final: nothing more may be
// written, and nothing of this batch may be reported as durable (ZOOKEEPER-4882).
//
//	append, append, …, fsync ──► epoch, snapshot or Do ──► append, …, fsync ──► durable
func WriteBatch(journal Journal, batch []Job) (durable uint64, err error) {
	var appends []wire.Proposal
	sync := func() error {
		if len(appends) == 0 {
			return nil
		}
		if err := journal.Append(appends); err != nil {
			return err
		}
		appends = appends[:0]
		return journal.Sync()
	}
	for i := range batch {
		j := &batch[i]
		if j.Write.Kind != 0 {
			durable = j.Write.Seq
		}
		if j.Write.Kind == zab.WriteAppend {
			appends = append(appends, j.Write.Proposal)
			continue
		}
		if err := sync(); err != nil {
			return 0, err
		}
		if err := j.carryOut(journal); err != nil {
			return 0, err
		}
	}
	if err := sync(); err != nil {
		return 0, err
	}
	return durable, nil
}

// carryOut does a job that is not an append.
func (j *Job) carryOut(journal Journal) error {
	switch j.Write.Kind {
	case zab.WriteAcceptedEpoch:
		return journal.SetAcceptedEpoch(j.Write.Epoch)
	case zab.WriteCurrentEpoch:
		return journal.SetCurrentEpoch(j.Write.Epoch)
	case zab.WriteSnapshot:
		return journal.Install(j.Tree)
	}
	j.Do()
	return nil
}
