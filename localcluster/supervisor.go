package localcluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"zkctl/inject"
	"zkctl/inject/link"
	embedded "zkctl/localcluster/member"
	"zkctl/quorum"
)

// Supervisor owns one running ensemble: the members' processes, the links between them, the faults
// and the timeline. The folder's lock ensures that there is at most one for a folder. When it ends, in whatever
// way, no process of the ensemble goes on running.
type Supervisor struct {
	folder Folder
	spec   *Spec
	system *quorum.System // of the voters
	name   string         // what this program is called, for the members it starts
	self   string         // the program
	apache apacheEngine

	lock     *fileLock
	events   *eventLog
	launcher *launcher
	guard    *guard
	mesh     *link.Mesh
	listener *net.UnixListener // the control socket
	socket   os.FileInfo       // its file, as it was made
	specFile os.FileInfo       // spec.json when it last held spec; only watchFolder uses it
	blocked  []string          // files in whose places directories are; only watchFolder uses it
	server   *http.Server      // of the control socket

	// acting is held while something is changed: one change at a time, so that a restart and the end of a
	// lease do not interfere. Reading does not need it.
	acting sync.Mutex
	doing  string // the change that is being made, guarded by mu

	members  []*member     // in the order of the spec
	leases   chan struct{} // wakes the goroutine that ends leases
	stop     context.CancelFunc
	stopping <-chan struct{} // closed when stop was called
	ended    chan struct{}   // closed when the members are gone

	mu     sync.Mutex // guards the ledger, the epoch and the mutable part of each member
	ledger inject.Ledger
	ending []inject.Fault // on record still, while a heal ends them: a member that it starts has none of them
	epoch  int64          // the newest in the timeline

	serving  sync.WaitGroup // the control server
	watching sync.WaitGroup // the goroutines of watch
	reaping  sync.WaitGroup // one reap for each process
}

// Supervise runs the ensemble in folder until ctx is done or `down` asks it to stop. started is
// called once, when the members' processes have been started (they may not serve yet). When it fails
// before that, nothing is left running. name is what this program is called, for the members.
func Supervise(ctx context.Context, folder Folder, name string, started func()) error {
	spec, err := LoadSpec(folder)
	if err != nil {
		return err
	}
	s := &Supervisor{folder: folder, spec: spec, name: name, leases: make(chan struct{}, 1), ended: make(chan struct{})}
	ctx, s.stop = context.WithCancel(ctx)
	s.stopping = ctx.Done()
	defer s.stop()
	steps := s.lifecycle(ctx)
	if err := doSteps(steps, func(string) {}); err != nil {
		return err
	}
	started()
	<-ctx.Done()
	return undoSteps(steps)
}

// lifecycle is how an ensemble comes up, and, read backwards, how it goes down.
func (s *Supervisor) lifecycle(ctx context.Context) []step {
	return []step{
		{"take the lock", s.takeLock, s.dropLock},
		{"read what the ensemble is made of", s.readSpec, nil},
		{"find the engines", s.findEngines, nil},
		{"check the ports", func() error { return s.spec.awaitPorts() }, nil},
		{"open the timeline", s.openEvents, s.closeEvents},
		{"open the links", s.openMesh, s.closeMesh},
		{"open the control socket", s.listen, s.closeSocket},
		{"start the members", s.startAll, s.endAll},
		{"answer requests", s.serve, nil},
		{"watch the members", func() error { return s.watch(ctx) }, s.endWatch},
	}
}

func (s *Supervisor) takeLock() error {
	lock, err := takeFreeLock(s.folder.LockFile())
	if err != nil {
		return err
	}
	if lock == nil {
		return fail(CodeFailed, "", "%w: %s", errRunning, s.spec.Name)
	}
	s.lock = lock
	return lock.sign()
}

// readSpec reads the spec under the lock: from now on only this supervisor may change it.
func (s *Supervisor) readSpec() (err error) {
	if s.spec, err = LoadSpec(s.folder); err != nil {
		return err
	}
	if s.system, err = s.spec.system(); err != nil {
		return err
	}
	for _, m := range s.spec.Members {
		own := &member{spec: m, folder: s.folder.Member(m.ID)}
		if m.Engine == Embedded {
			own.socket, _ = own.folder.WordSocket() // without one it is asked over its client port
		}
		s.members = append(s.members, own)
	}
	s.epoch = s.newestEpoch()
	return nil
}

// takeFreeLock takes a lock that no other supervisor holds; nil means that one does. Commands hold the
// lock for an instant to see whether there is a supervisor; that must not keep one from starting.
func takeFreeLock(path string) (*fileLock, error) { return awaitFile(path, 100*time.Millisecond) }

// errRunning is why a second supervisor ends.
var errRunning = errors.New("the ensemble is running already")

func (s *Supervisor) dropLock() error {
	err := s.lock.file.Truncate(0) // another process will have the number one day
	s.lock.unlock()
	return err
}

func (s *Supervisor) findEngines() (err error) {
	if s.self, err = executable(); err != nil {
		return err
	}
	for _, m := range s.spec.Members {
		if m.Engine == Apache {
			s.apache, err = findApache(os.Getenv)
			return err
		}
	}
	return nil
}

// openEvents goes on with the timeline where an earlier supervisor left it.
func (s *Supervisor) openEvents() error {
	before, err := readOwnEvents(s.folder)
	if err != nil {
		return err
	}
	if s.events, err = openEventLog(s.folder.EventsFile(), eventsBound, before, time.Now); err != nil {
		return err
	}
	left := findOpen(before)
	left.close(s.events.add, supervisorDied)
	s.ledger.Resume(left.issued)
	return nil
}

func (s *Supervisor) closeEvents() error {
	s.recordHeals(s.ledger.Active(), "down")
	s.events.add(Event{Kind: EventDown})
	return s.events.close()
}

func (s *Supervisor) openMesh() error {
	ports := map[link.Lane]int{}
	for _, l := range s.spec.Links {
		channels, err := link.ParseChannels(l.Channel)
		if err != nil {
			return err
		}
		for _, c := range channels {
			ports[link.Lane{From: l.From, To: l.To, Channel: c}] = l.Port
		}
	}
	var peers []link.Peer
	for _, m := range s.spec.Members {
		peers = append(peers, link.Peer{
			ID: m.ID, Quorum: loopback(m.QuorumPort), Election: loopback(m.ElectionPort), Client: loopback(m.ClientPort),
		})
	}
	mesh, err := link.NewMesh(link.MeshOptions{Peers: peers, Port: func(l link.Lane) int { return ports[l] }})
	if err != nil {
		return err
	}
	s.mesh = mesh
	s.events.add(Event{Kind: EventUp, PID: os.Getpid()})
	return nil
}

func (s *Supervisor) closeMesh() error { return s.mesh.Close() }

// startAll starts all members at the same time: they need each other to serve.
func (s *Supervisor) startAll() (err error) {
	s.launcher = newLauncher()
	if s.guard, err = startGuard(s.name); err != nil {
		s.launcher.close()
		return err
	}
	if err := joinErrors(s.each(s.ids(), func(m *member) error { return s.startMember(m, "up") })); err != nil {
		return joinNonNil(err, s.endAll())
	}
	return nil
}

func (s *Supervisor) ids() []int64 {
	var ids []int64
	for _, m := range s.members {
		ids = append(ids, m.spec.ID)
	}
	return ids
}

// endAll ends every member, all at once, then the launcher and the guard.
func (s *Supervisor) endAll() error {
	s.acting.Lock()
	defer s.acting.Unlock()
	var all sync.WaitGroup
	for _, m := range s.members {
		all.Go(func() { s.endMember(m, askToEnd, endGrace, "down") })
	}
	all.Wait()
	s.reaping.Wait()
	s.launcher.close()
	s.guard.close()
	close(s.ended)
	return nil
}

// watch starts the goroutines that run until the end: recording roles, ending leases, and keeping the folder whole.
func (s *Supervisor) watch(ctx context.Context) error {
	s.watching.Go(func() { s.watchRoles(ctx) })
	s.watching.Go(func() { s.watchLeases(ctx) })
	s.watching.Go(func() { s.watchFolder(ctx) })
	return nil
}

func (s *Supervisor) endWatch() error {
	s.watching.Wait()
	return nil
}

// member finds a member by id.
func (s *Supervisor) member(id int64) (*member, error) {
	for _, m := range s.members {
		if m.spec.ID == id {
			return m, nil
		}
	}
	return nil, fail(CodeMissing, "", "there is no member %d", id)
}

// startMember starts a member that is stopped.
func (s *Supervisor) startMember(m *member, why string) error {
	if err := m.prepare(s.spec); err != nil {
		return err
	}
	p, link, err := s.launch(m)
	if err != nil {
		return fmt.Errorf("member %d: %w", m.spec.ID, err)
	}
	s.guard.watch(p.pid)
	s.mu.Lock()
	m.link = link
	m.process, m.state, m.expected, m.outside, m.why, m.role, m.reason, m.dataGone = p, stateRunning, false, false, "", "", "", false
	s.mu.Unlock()
	s.events.add(Event{Kind: EventStarted, Member: m.spec.ID, PID: p.pid, Why: why})
	if link != nil {
		s.reaping.Go(func() { link.read(func(r embedded.Report) { s.reported(m, r) }) })
	}
	s.reaping.Go(func() { s.reap(m, p, link) })
	s.applyOwnAtStart(m, link)
	return nil
}

// launch begins a member's process. One of the embedded engine gets a connection over which it reports.
func (s *Supervisor) launch(m *member) (*process, *memberLink, error) {
	what := m.command(s.self, s.name, s.apache)
	if m.spec.Engine != Embedded {
		p, err := s.launcher.start(what)
		return p, nil, err
	}
	link, theirs, err := newMemberLink()
	if err != nil {
		return nil, nil, err
	}
	defer theirs.Close() // the process has its own descriptor
	what.control = theirs
	p, err := s.launcher.start(what)
	if err != nil {
		_ = link.conn.Close()
		return nil, nil, err
	}
	return p, link, nil
}

// reap records the end of a member's process, expected or not.
func (s *Supervisor) reap(m *member, p *process, link *memberLink) {
	<-p.ended
	if link != nil {
		link.close() // its last words come before its end
	}
	s.guard.forget(p.pid)
	e := Event{Kind: EventExited, Member: m.spec.ID, PID: p.pid, Signal: p.how.signal}
	if p.how.signal == "" {
		e.ExitCode = &p.how.code
	}
	reason := ""
	if p.how.code > 0 {
		reason = m.exitReason(p)
	}
	s.mu.Lock()
	e.Expected, e.Why = m.expected, m.why
	if m.expected {
		reason = "" // the request that ended it says why
	}
	if m.process == p {
		m.state, m.role, m.reason = stateStopped, "", reason
	}
	over := s.ledger.Recover(inject.Pause, m.spec.ID)
	s.mu.Unlock()
	s.events.add(e)
	s.recordHeals(over, "its process ended")
	close(p.reaped)
}

// endMember ends a member's process and returns when its end is on record.
func (s *Supervisor) endMember(m *member, ask syscall.Signal, grace time.Duration, why string) {
	s.mu.Lock()
	p, alive := m.process, m.state != stateStopped
	if alive {
		m.expected, m.why = true, why
	}
	s.mu.Unlock()
	if alive {
		p.end(ask, grace)
		<-p.reaped
	}
}
