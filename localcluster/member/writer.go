package member

import (
	"sync"
	"sync/atomic"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// writer is the one goroutine that changes this server's files.
//
//	event loop ── enqueue, flush ──► queue ──► append, append, …, fsync
//	     ▲                                                            │
//	     └────────────── progress: everything up to durable ◄─────────┘
//
// While it waits for one fsync, the loop goes on and the queue grows; all that
// has gathered goes into the next one (group commit). Nothing that the core
// asked to be durable is ever reported before it is.
type writer struct {
	store  *storage.Store
	post   mailbox
	failed chan error // the first failure of the disk; the server ends with it

	// What is durable is no message: the loop waits for the writer during a
	// rollback, so the writer must never wait for room in the loop's inbox.
	durable  atomic.Uint64 // the Seq up to which Writes are on the disk
	progress chan struct{} // cap 1: durable has grown

	batch []writeOp // of the event loop, until flush

	mu     sync.Mutex
	wake   sync.Cond // on mu
	queue  []writeOp
	closed bool
	done   chan struct{}

	history storage.History // of the writer goroutine; see storage
	saves   sync.WaitGroup  // snapshots being written
}

// writeOp is a Write of the core, or something else that must keep its place
// among them: exactly one of the three groups is set.
type writeOp struct {
	write    zab.Write
	snapshot *datatree.Snapshot // of a WriteSnapshot

	save *saveOrder // write a snapshot, in the background

	do func() // run on the writer goroutine
}

func startWriter(store *storage.Store, history storage.History, post mailbox) *writer {
	w := &writer{
		store: store, history: history, post: post,
		failed: make(chan error, 1), progress: make(chan struct{}, 1), done: make(chan struct{}),
	}
	w.wake.L = &w.mu
	go w.run()
	return w
}

// enqueue takes what the core wants to be durable. A snapshot of the tree is
// taken here, where the tree is what the core speaks of.
func (w *writer) enqueue(writes []zab.Write, tree *datatree.Tree) {
	for _, write := range writes {
		op := writeOp{write: write}
		if write.Kind == zab.WriteSnapshot {
			op.snapshot = tree.Snapshot()
		}
		w.batch = append(w.batch, op)
	}
}

// flush hands the batch over.
func (w *writer) flush() {
	if len(w.batch) == 0 {
		return
	}
	w.mu.Lock()
	w.queue = append(w.queue, w.batch...)
	w.mu.Unlock()
	w.wake.Signal()
	clear(w.batch) // let go of the data
	w.batch = w.batch[:0]
}

// truncate cuts the log once everything queued is written, and returns the
// tree and the newest transactions that are left.
func (w *writer) truncate(to wire.Zxid) (*datatree.Tree, []wire.Proposal, error) {
	var state *storage.Recovered
	var err error
	finished := make(chan struct{})
	w.batch = append(w.batch, writeOp{do: func() {
		defer close(finished)
		if state, err = w.store.Truncate(to); err == nil {
			w.history = state.History
		}
	}})
	w.flush()
	select {
	case <-finished:
	case <-w.done: // it failed on what came before
		return nil, nil, w.store.Err()
	}
	if err != nil {
		return nil, nil, err
	}
	return state.Tree, state.Recent, nil
}

// take waits for something to do; nil says that the writer was closed.
func (w *writer) take(spare []writeOp) []writeOp {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.closed {
		w.wake.Wait()
	}
	ops := w.queue
	w.queue = spare[:0]
	return ops
}

func (w *writer) run() {
	defer close(w.done)
	var ops []writeOp
	for {
		clear(ops)
		if ops = w.take(ops); len(ops) == 0 {
			return
		}
		if err := w.writeAll(ops); err != nil {
			// Nothing is written after a failure, and nothing acknowledged
			// (ZOOKEEPER-4882).
			w.failed <- err
			return
		}
	}
}

// writeAll carries out a batch: appends share one fsync, everything else is
// durable when its call returns.
func (w *writer) writeAll(ops []writeOp) error {
	var durable uint64
	var appends []wire.Proposal
	sync := func() error {
		if len(appends) == 0 {
			return nil
		}
		if err := w.store.Append(appends); err != nil {
			return err
		}
		appends = appends[:0]
		return w.store.Sync()
	}
	for i := range ops {
		op := &ops[i]
		if op.write.Kind == zab.WriteAppend {
			appends = append(appends, op.write.Proposal)
			durable = op.write.Seq
			continue
		}
		if err := sync(); err != nil {
			return err
		}
		if err := w.other(op); err != nil {
			return err
		}
		if op.write.Kind != 0 {
			durable = op.write.Seq
		}
	}
	if err := sync(); err != nil {
		return err
	}
	if durable != 0 {
		w.durable.Store(durable)
		select {
		case w.progress <- struct{}{}:
		default:
		}
	}
	return nil
}

// other does what is not an append.
func (w *writer) other(op *writeOp) (err error) {
	switch {
	case op.do != nil:
		op.do()
	case op.save != nil:
		w.save(op.save)
	case op.write.Kind == zab.WriteAcceptedEpoch:
		err = w.store.SetAcceptedEpoch(op.write.Epoch)
	case op.write.Kind == zab.WriteCurrentEpoch:
		err = w.store.SetCurrentEpoch(op.write.Epoch)
	case op.write.Kind == zab.WriteSnapshot:
		w.history, err = w.store.InstallSnapshot(op.snapshot)
	}
	return err
}

// close writes what is queued and ends the goroutine. The store stays open.
func (w *writer) close() {
	w.flush()
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wake.Signal()
	<-w.done
	w.saves.Wait()
}
