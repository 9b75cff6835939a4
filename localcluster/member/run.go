package member

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/replica"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
)

// Run runs one server until ctx ends, and then returns nil. It returns an error
// when the server cannot start, or cannot go on: its disk has failed, or it
// has received something that only a bug can explain. The caller must not start the
// server again in the same process before a person has looked at the error.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	return run(ctx, cfg, log, seams{})
}

// seams are for tests: ports that are open already, because a test must know them
// before it starts the servers, a disk that can fail, and a shorter or longer election.
type seams struct {
	client net.Listener
	quorumListeners
	fs           storage.FS
	orders       <-chan Order  // of the supervisor
	finalizeWait time.Duration // 0: that of package zab
}

func run(ctx context.Context, cfg Config, log *slog.Logger, given seams) error {
	if c := cfg.Control; c != nil {
		if given.fs == nil {
			given.fs = storage.OS()
		}
		around := surround(c, given.fs)
		defer around.end(c)
		given.fs, given.orders = around.disk, around.orders
	}
	for _, warning := range cfg.Warnings {
		log.Warn(warning)
	}
	client, err := listenClient(&cfg, given.client)
	if err != nil {
		return err
	}
	defer client.Close()
	store, found, err := openStorage(&cfg, given.fs)
	if err != nil {
		return err
	}
	for _, note := range found.Notes {
		log.Warn("repaired", "note", note)
	}
	warnOfMismatches(log, found.Mismatches)
	log.Info("starting", "version", cfg.Version, "id", cfg.ID, "client_address", client.Addr(), "data", cfg.DataDir,
		"zxid", found.LastZxid, "accepted_epoch", found.AcceptedEpoch, "current_epoch", found.CurrentEpoch,
		"nodes", found.Tree.Counts().Nodes)
	s, err := newServer(&cfg, log, found, given.finalizeWait)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	s.orders = given.orders
	return s.run(ctx, store, found.History, client, given.quorumListeners)
}

// run starts the parts around the event loop, runs it, and ends them in the
// opposite order.
func (s *server) run(ctx context.Context, store *storage.Store, history storage.History, client net.Listener,
	ready quorumListeners,
) (err error) {
	s.writer = startWriter(store, history, s.post)
	defer func() {
		s.writer.close()
		if closeErr := store.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("close the data folder: %w", closeErr)
		}
	}()
	if !s.cfg.Standalone {
		if s.peers, err = listenPeers(s.cfg, ready, s.log, s.postPeers); err != nil {
			close(s.stopped)
			return fmt.Errorf("%w: is another server running with this configuration?", err)
		}
	}
	s.port = listenClients(s.cfg, client, s.listenWords(), s.log, s.post)

	err = s.loop(ctx)
	close(s.stopped) // ends all waiting calls of post
	s.flush()
	if s.peers != nil {
		s.peers.close() // first, so that the other servers can elect a leader at once
	}
	s.port.close()
	if err != nil {
		s.log.Error("the server cannot go on", "error", err)
		return err
	}
	s.log.Info("the server was asked to stop")
	return nil
}

func listenClient(cfg *Config, ready net.Listener) (net.Listener, error) {
	if ready != nil {
		return ready, nil
	}
	listener, err := net.Listen("tcp", cfg.ClientAddress)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &ConfigError{File: cfg.File, Text: fmt.Sprintf("the client port %s is in use", cfg.ClientAddress), Err: err,
			Hint: "stop the other program, or choose another clientPort"}
	}
	if err != nil {
		return nil, fmt.Errorf("listen for clients on %s: %w", cfg.ClientAddress, err)
	}
	return listener, nil
}

// listenWords opens the socket for four-letter words. A server that cannot open it serves its clients all the
// same, and answers the words on the client port.
func (s *server) listenWords() net.Listener {
	path := s.cfg.WordSocket
	if path == "" {
		return nil
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		_ = os.Remove(path) // a server's that was killed; if it stays, listening fails
	}
	listener, err := net.Listen("unix", path)
	if err == nil {
		if err = os.Chmod(path, 0o600); err != nil {
			listener.Close()
		}
	}
	if err != nil {
		s.log.Warn("there is no socket for four-letter words: they are answered on the client port only", "socket", path, "error", err)
		return nil
	}
	return listener
}

func openStorage(cfg *Config, fs storage.FS) (*storage.Store, *storage.Recovered, error) {
	return storage.Open(storage.Options{
		FS: fs, DataDir: cfg.DataDir, LogDir: cfg.DataLogDir, NoSync: !cfg.ForceSync, TrustEmpty: cfg.TrustEmpty, Standalone: cfg.Standalone,
		Recent: cfg.CommitLogCount, Preallocate: cfg.PreallocSize, DigestsMustMatch: cfg.DigestsMustMatch,
		Tree: []datatree.Option{datatree.WithExtendedTypes(cfg.ExtendedTypes)},
	})
}

// warnOfMismatches logs recorded digests that are not those of the tree.
func warnOfMismatches(log *slog.Logger, m storage.Mismatches) {
	for _, e := range m.First {
		log.Error("a recorded digest is not that of the tree rebuilt from these files: another server may have computed it wrong; "+
			"otherwise compare the data of the servers", "file", e.Path, "zxid", e.Zxid, "digest", e.Found, "recorded", e.Expected,
			"mismatches", m.Count)
	}
}

func newServer(cfg *Config, log *slog.Logger, found *storage.Recovered, finalizeWait time.Duration) (*server, error) {
	node := zab.Config{
		ID: zab.ServerID(cfg.ID), Standalone: cfg.Standalone, Voters: cfg.Voters,
		Tick: cfg.Tick, InitLimit: cfg.InitLimit, SyncLimit: cfg.SyncLimit, History: cfg.CommitLogCount,
		FinalizeWait: finalizeWait,
		LastCounter:  cfg.LastCounter,
	}
	if !cfg.Standalone {
		node.ConfigText = cfg.Ensemble.Text()
		for _, id := range cfg.Ensemble.Observers() {
			node.Observers = append(node.Observers, zab.ServerID(id))
		}
	}
	s := &server{
		cfg: cfg, log: log, began: time.Now(), inbox: make(chan any, inboxSize), fromPeers: make(chan any, inboxSize), room: make(chan struct{}, 1),
		stopped: make(chan struct{}),
		conns:   map[int64]*conn{}, stats: newServerStats(),
	}
	s.stats.replayMismatches = int64(found.Mismatches.Count)
	o := replica.Options{
		Zab: node, MinSessionTimeout: cfg.MinSessionTimeout, MaxSessionTimeout: cfg.MaxSessionTimeout,
		SnapCount: cfg.SnapCount, ReapInterval: cfg.ReapInterval, SkipACL: cfg.SkipACL, SuperDigest: cfg.SuperDigest,
		SessionSeed: s.Wall(), Tracer: s.tracer(), DigestsMustMatch: cfg.DigestsMustMatch,
	}
	if !cfg.Standalone {
		o.Config, o.ConfigVersion = node.ConfigText, cfg.Ensemble.Version
	}
	var err error
	s.replica, err = replica.New(o, replica.Recovered{
		Recovered: zab.Recovered{
			AcceptedEpoch: found.AcceptedEpoch, CurrentEpoch: found.CurrentEpoch,
			LastZxid: found.LastZxid, Recent: found.Recent,
		},
		Tree: found.Tree, Backlog: found.Backlog.Entries,
	}, s)
	return s, err
}
