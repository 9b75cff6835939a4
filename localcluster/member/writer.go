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
// has gathered goes into the next one (group commit). It reports nothing as durable
// before the fsync is done.
type writer struct {
	files  files
	post   mailbox
	failed chan error // the first failure of the disk; the server ends with it

	// These are no messages: the loop waits for the writer during a rollback, so
	// the writer must never wait for room in the loop's inbox.
	durable  atomic.Uint64 // the Seq up to which Writes are on the disk
	progress chan struct{} // cap 1: durable has grown

	batch []storage.Job // of the event loop, until flush

	mu     sync.Mutex
	wake   sync.Cond // on mu
	queue  []storage.Job
	closed bool
	done   chan struct{}

	saves sync.WaitGroup // snapshots being written
}

func startWriter(store *storage.Store, history storage.History, post mailbox) *writer {
	w := &writer{
		files: files{store, history}, post: post,
		failed: make(chan error, 1), progress: make(chan struct{}, 1), done: make(chan struct{}),
	}
	w.wake.L = &w.mu
	go w.run()
	return w
}

// enqueue queues what the core wants to be durable. It takes the snapshot of the tree
// now, while the tree is at the zxid that the core means.
func (w *writer) enqueue(writes []zab.Write, tree *datatree.Tree) {
	for _, write := range writes {
		job := storage.Job{Write: write}
		if write.Kind == zab.WriteSnapshot {
			job.Tree = tree.Snapshot()
		}
		w.batch = append(w.batch, job)
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

// truncate truncates the log once everything queued is written, and returns the
// tree and the newest transactions that are left.
func (w *writer) truncate(to wire.Zxid) (*storage.Recovered, error) {
	var state *storage.Recovered
	var err error
	finished := make(chan struct{})
	w.batch = append(w.batch, storage.Job{Do: func() {
		defer close(finished)
		if state, err = w.files.Truncate(to); err == nil {
			w.files.history = state.History
		}
	}})
	w.flush()
	select {
	case <-finished:
	case <-w.done: // an earlier write failed
		return nil, w.files.Err()
	}
	return state, err
}

// next waits for jobs; nil means that the writer was closed.
func (w *writer) next(spare []storage.Job) []storage.Job {
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
	var ops []storage.Job
	for {
		clear(ops)
		if ops = w.next(ops); len(ops) == 0 {
			return
		}
		if err := w.writeAll(ops); err != nil {
			// After a failure the writer writes nothing and reports nothing as
			// durable (ZOOKEEPER-4882).
			w.failed <- err
			return
		}
	}
}

// writeAll carries out a batch and reports what has become durable.
func (w *writer) writeAll(batch []storage.Job) error {
	durable, err := storage.WriteBatch(&w.files, batch)
	if err != nil || durable == 0 {
		return err
	}
	w.durable.Store(durable)
	select {
	case w.progress <- struct{}{}:
	default:
	}
	return nil
}

// files is the store, and its current history.
type files struct {
	*storage.Store
	history storage.History // changes on the writer goroutine only; see storage
}

var _ storage.Journal = (*files)(nil)

// Install implements storage.Journal.
func (f *files) Install(tree *datatree.Snapshot) (err error) {
	f.history, err = f.InstallSnapshot(tree)
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
