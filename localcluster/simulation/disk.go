package simulation

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// disk is a server's log writer, which in production is a goroutine: it takes
// all that is queued, makes it durable, reports that, and takes what was queued meanwhile.
//
//	enqueue ──► queue ──► batch, for as long as the disk needs ──► Persisted
//
// A batch has its effect at its end. When the process dies before, a random number
// of its file operations happen all the same, the last of them perhaps only in part
// (storage.MemFS.StopAt).
type disk struct {
	s   *server
	rng *rand.Rand

	store   *storage.Store
	history storage.History

	began  []wire.Zxid // the histories with which the epochs in the queue begin
	queue  []storage.Job
	batch  []storage.Job // being written
	number int           // of the batch
	busy   bool

	idle  bool          // no part of a batch happens before its end; for scripts
	slow  time.Duration // added to each batch
	stuck int           // how many faults stop it

	powerAt    int   // the operation in which a fault cuts the power; 0: none
	failSync   int   // syncs until one fails; 0: none fails
	failedSync error // the error of that sync
	full       bool
	refused    bool // some operation, because the disk is full

	// What survives the next power loss and the next disk error, and how long
	// the server is down then.
	survival   storage.Survival
	afterError storage.Survival
	downtime   time.Duration
}

func (d *disk) init(s *server) {
	d.s, d.rng = s, s.w.random()
	d.survival, d.afterError, d.downtime = storage.LoseUnsynced, storage.LosePower, 100*time.Millisecond
	s.fs.SetFault(d.fault)
}

// fault fails the operations in which planted faults strike.
func (d *disk) fault(op storage.Op) error {
	if d.powerAt > 0 && op.Index == d.powerAt {
		d.struck(FaultPower)
	}
	if op.Kind == storage.OpSync && d.failSync > 0 {
		if d.failSync--; d.failSync == 0 {
			d.struck(FaultSync)
			return d.failedSync
		}
	}
	if d.full && (op.Kind == storage.OpWrite || op.Kind == storage.OpCreate) {
		if !d.refused {
			d.refused = true
			d.struck(FaultFull)
		}
		return syscall.ENOSPC
	}
	return nil
}

// struck counts a fault that was planted and has now had its effect.
func (d *disk) struck(kind FaultKind) {
	d.s.w.plan.coverage.struck(kind)
	d.s.w.plan.hadEffect(kind)
	if !d.s.up && d.store == nil && kind != FaultFull {
		d.s.w.after(0, func() { d.s.w.plan.died(d.s) }) // it dies while it starts
	}
}

// powerFails cuts the power in the n-th operation from now.
func (d *disk) powerFails(n int) {
	d.powerAt = d.fs().Ops() + n
	d.fs().StopAt(n)
}

// injected tells whether an error comes from an injected fault, and not from a bug.
func (d *disk) injected(err error) bool {
	return errors.Is(err, storage.ErrPowerLost) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOSPC)
}

func (d *disk) open(store *storage.Store, found *storage.Recovered) {
	d.store, d.history = store, found.History
	d.began, d.queue, d.batch, d.busy = nil, nil, nil, false
}

func (d *disk) enqueue(writes []zab.Write) {
	for _, w := range writes {
		job := storage.Job{Write: w}
		switch w.Kind {
		case zab.WriteSnapshot:
			job.Tree = d.s.tree.Snapshot()
			d.s.w.oracle.replacing(d.s, w.Zxid)
		case zab.WriteCurrentEpoch:
			d.began = append(d.began, d.s.status.LastLogged)
		}
		d.queue = append(d.queue, job)
		d.s.w.writeReaches(d.s, w)
	}
	d.begin()
}

// begin takes the next batch if the disk is free.
func (d *disk) begin() {
	if d.busy || len(d.queue) == 0 || d.stuck > 0 {
		return
	}
	d.busy = true
	d.batch, d.queue = d.queue, nil
	d.number++
	d.s.w.after(d.latency(), d.finishLater())
}

// finishLater returns the function that ends the current batch, unless it was abandoned
// before.
func (d *disk) finishLater() func() {
	life, number := d.s.life, d.number
	return func() {
		if d.s.life == life && d.s.up && d.busy && d.number == number {
			d.finish()
		}
	}
}

// latency is the time of one batch: exponential around the mean, and now and then ten
// times as long.
func (d *disk) latency() time.Duration {
	mean := float64(d.s.w.setup.Fsync)
	if d.s.w.undisturbed() {
		return time.Duration(mean * (0.5 + d.rng.Float64()))
	}
	l := mean * d.rng.ExpFloat64()
	if d.rng.IntN(50) == 0 {
		l *= 10
	}
	return time.Duration(l) + d.slow
}

// finish gives the batch its effect, also while the process is paused: a stopped process
// still completes the system call that it is in. What it reports waits for the end
// of the pause.
func (d *disk) finish() {
	if d.stuck > 0 {
		d.s.w.after(10*time.Millisecond, d.finishLater())
		return
	}
	batch := d.batch
	d.batch, d.busy = nil, false
	durable, err := storage.WriteBatch(d, batch)
	if err != nil {
		d.s.crashed(err)
		return
	}
	d.report(durable)
	d.begin()
}

func (d *disk) report(seq uint64) {
	if seq == 0 {
		return
	}
	zxid, accepted, current := d.store.LastZxid(), d.store.AcceptedEpoch(), d.store.CurrentEpoch()
	history := d.history
	d.s.after(time.Duration(d.rng.IntN(50))*time.Microsecond, func() {
		if d.history == history {
			d.s.w.oracle.persisted(d.s, zxid, accepted, current)
		}
		d.s.step(zab.Persisted{Seq: seq})
	})
}

var _ storage.Journal = (*disk)(nil)

// Append implements storage.Journal.
func (d *disk) Append(batch []wire.Proposal) error { return d.store.Append(batch) }

// Sync implements storage.Journal.
func (d *disk) Sync() error {
	if err := d.store.Sync(); err != nil {
		return err
	}
	d.s.w.oracle.durable(d.s, d.store.LastZxid())
	return nil
}

// SetAcceptedEpoch implements storage.Journal.
func (d *disk) SetAcceptedEpoch(epoch int64) error { return d.store.SetAcceptedEpoch(epoch) }

// SetCurrentEpoch implements storage.Journal.
func (d *disk) SetCurrentEpoch(epoch int64) error {
	if err := d.store.SetCurrentEpoch(epoch); err != nil {
		return err
	}
	d.s.w.oracle.epochWritten(d.s, epoch, d.began[0])
	d.began = d.began[1:]
	return nil
}

// Install implements storage.Journal.
func (d *disk) Install(tree *datatree.Snapshot) error {
	history, err := d.store.InstallSnapshot(tree)
	if err != nil {
		return err
	}
	d.history = history
	d.s.w.oracle.durable(d.s, tree.Zxid())
	return nil
}

// save writes a snapshot in the background. One that fails is not needed for recovery.
func (d *disk) save(snapshot *datatree.Snapshot) {
	history, life := d.history, d.s.life
	d.s.w.after(d.latency()+d.latency(), func() {
		if d.s.life != life || !d.s.up {
			return
		}
		d.s.replica.Saved()
		err := d.store.SaveSnapshot(snapshot, history)
		switch {
		case err == nil:
			d.s.w.note("%d: snapshot %v written", d.s.id, snapshot.Zxid())
			if _, err = d.store.Purge(3); err == nil {
				return
			}
		case errors.Is(err, storage.ErrSuperseded):
			return
		}
		if errors.Is(err, storage.ErrPowerLost) {
			d.s.crashed(err)
		}
	})
}

// truncate is member's writer.truncate: everything queued is written first.
func (d *disk) truncate(to wire.Zxid) (*storage.Recovered, error) {
	pending := append(d.batch, d.queue...)
	d.batch, d.queue, d.busy = nil, nil, false
	durable, err := storage.WriteBatch(d, pending)
	if err != nil {
		return nil, err
	}
	found, err := d.store.Truncate(to)
	if err != nil {
		return nil, err
	}
	d.history = found.History
	d.report(durable)
	return found, nil
}

// flush writes what is queued and closes the store, as a process does on a clean exit.
func (d *disk) flush() {
	pending := append(d.batch, d.queue...)
	d.batch, d.queue, d.busy = nil, nil, false
	if _, err := storage.WriteBatch(d, pending); err == nil {
		_ = d.store.Close()
	}
}

// die is the end of the process: a random part of the pending writes still happens.
func (d *disk) die(survival storage.Survival) {
	if pending := append(d.batch, d.queue...); len(pending) > 0 && !d.idle && d.rng.IntN(4) > 0 {
		d.fs().StopAt(1 + d.rng.IntN(4*len(pending)+4))
		d.failSync, d.powerAt = 0, 0
		_, _ = storage.WriteBatch(d, pending)
	}
	d.store, d.queue, d.batch, d.busy, d.failSync, d.powerAt = nil, nil, nil, false, 0, 0
	d.fs().Crash(survival)
	d.s.w.plan.died(d.s)
}

func (d *disk) fs() *storage.MemFS { return d.s.fs }
