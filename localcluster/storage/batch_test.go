package storage

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// fakeJournal is a Journal that records its calls; call number fails fails.
type fakeJournal struct {
	lines []string
	fails int // 0: none
}

var errJournal = errors.New("full")

func (d *fakeJournal) note(format string, args ...any) error {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
	if len(d.lines) == d.fails {
		return errJournal
	}
	return nil
}

func (d *fakeJournal) Append(batch []wire.Proposal) error {
	return d.note("append %v to %v", batch[0].Zxid, batch[len(batch)-1].Zxid)
}
func (d *fakeJournal) Sync() error                        { return d.note("sync") }
func (d *fakeJournal) SetAcceptedEpoch(epoch int64) error { return d.note("accepted %d", epoch) }
func (d *fakeJournal) SetCurrentEpoch(epoch int64) error  { return d.note("current %d", epoch) }
func (d *fakeJournal) Install(*datatree.Snapshot) error   { return d.note("install") }

func TestWriteBatchOrder(t *testing.T) {
	seq := uint64(10)
	write := func(w zab.Write) Job {
		seq++
		w.Seq = seq
		return Job{Write: w}
	}
	appends := func(counter uint32) Job {
		return write(zab.Write{Kind: zab.WriteAppend, Proposal: wire.Proposal{Zxid: wire.MakeZxid(1, counter)}})
	}
	var d *fakeJournal
	batch := []Job{
		write(zab.Write{Kind: zab.WriteAcceptedEpoch, Epoch: 2}), appends(1), appends(2),
		write(zab.Write{Kind: zab.WriteCurrentEpoch, Epoch: 2}), {Do: func() { _ = d.note("done") }},
		write(zab.Write{Kind: zab.WriteSnapshot}), appends(3), {Do: func() { _ = d.note("done") }},
	}
	want := []string{
		"accepted 2", "append 0x100000001 to 0x100000002", "sync", "current 2", "done", "install",
		"append 0x100000003 to 0x100000003", "sync", "done",
	}
	d = &fakeJournal{}
	if durable, err := WriteBatch(d, batch); durable != seq || err != nil || !slices.Equal(d.lines, want) {
		t.Errorf("durable %d, %v, %q; expected %d and %q", durable, err, d.lines, seq, want)
	}
	for i, line := range want {
		if line == "done" {
			continue
		}
		d = &fakeJournal{fails: i + 1}
		if durable, err := WriteBatch(d, batch); durable != 0 || !errors.Is(err, errJournal) || !slices.Equal(d.lines, want[:i+1]) {
			t.Errorf("%s fails: durable %d, %v, %q", line, durable, err, d.lines)
		}
	}
	d = &fakeJournal{}
	if durable, err := WriteBatch(d, batch[4:5]); durable != 0 || err != nil {
		t.Errorf("without writes: durable %d, %v", durable, err)
	}
}
