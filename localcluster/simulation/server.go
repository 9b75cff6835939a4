package simulation

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"zkctl/inject/drill"
	"zkctl/localcluster/datatree"
	"zkctl/localcluster/replica"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// server is a process that runs a replica.Server, as package member does in
// production, and the machine that it runs on. The last group of fields belongs
// to the process and begins anew with each start.
type server struct {
	w    *World
	id   zab.ServerID
	rng  *rand.Rand
	fs   *storage.MemFS
	disk disk

	up       bool
	life     int  // how many processes there have been
	silent   bool // down with the whole machine: its connections do not end, they fall silent
	paused   bool
	keptDown bool     // start has no effect
	shut     int      // how many faults close its quorum port
	deferred []func() // what arrived while it was paused
	clock    replica.DriftClock
	failures int // starts in a row that failed because of the disk

	replica    *replica.Server
	status     zab.Status     // the core's
	tree       *datatree.Tree // the core's
	activity   *sessionActivity
	unreported map[int64]bool // learner: sessions heard from since its last PING; nil elsewhere
	links      map[zab.LinkID]linkEnd
	accepted   uint64
	conns      []*clientConn // in the order of arrival
}

type linkEnd struct {
	conn *quorumConn
	side int
}

// epochMillis is the wall clock at virtual time 0.
const epochMillis = 1_700_000_000_000

func newServer(w *World, id zab.ServerID) *server {
	s := &server{w: w, id: id, rng: w.random()}
	s.fs = storage.NewMemFS(s.rng.Uint64())
	s.disk.init(s)
	return s
}

const dataDir = "/data"

// start starts a process. If its disk fails, as a fault wants, it starts again later, as
// an operator or a supervisor would do it.
func (s *server) start() {
	if s.up || s.keptDown || s.w.violation != nil {
		return
	}
	store, found, err := storage.Open(storage.Options{
		FS: s.fs, DataDir: dataDir, Recent: s.w.setup.History,
		// All servers here compute digests alike: one that differs is a defect.
		DigestsMustMatch: true,
	})
	if err != nil {
		s.startFailed(err)
		return
	}
	s.failures = 0
	s.life++
	s.up, s.silent, s.paused, s.deferred = true, false, false, nil
	s.clock.Restart(s.w.now)
	s.links, s.conns, s.activity, s.unreported = map[zab.LinkID]linkEnd{}, nil, nil, nil
	s.disk.open(store, found)
	s.tree = found.Tree
	s.w.recording.member(drill.EventStarted, s)
	s.w.note("%d: starts, zxid %v, accepted %d, current %d", s.id, found.LastZxid, found.AcceptedEpoch, found.CurrentEpoch)
	if !s.w.oracle.recovered(s, found) {
		return
	}
	s.replica, err = replica.New(s.options(), replica.Recovered{
		Recovered: zab.Recovered{
			AcceptedEpoch: found.AcceptedEpoch, CurrentEpoch: found.CurrentEpoch, LastZxid: found.LastZxid, Recent: found.Recent,
		},
		Tree: found.Tree,
	}, s)
	if err != nil {
		s.w.fail(invRecovery, "server %d does not start: %v", s.id, err)
		return
	}
	s.status = s.replica.Status()
	s.step(zab.Start{})
	s.w.renewVotes(s)
	s.scheduleTick()
}

func (s *server) startFailed(err error) {
	if !s.disk.injected(err) {
		s.w.fail(invRecovery, "server %d does not start: %v", s.id, err)
		return
	}
	// The error was injected. A power loss during a start is a crash like any other.
	s.w.note("%d: cannot start: %v", s.id, err)
	if errors.Is(err, storage.ErrPowerLost) {
		s.fs.Crash(s.disk.survival)
	} else {
		s.fs.Crash(storage.KillProcess)
	}
	s.failures++
	s.w.after(time.Duration(s.failures)*100*time.Millisecond, s.start)
}

func (s *server) options() replica.Options {
	setup := &s.w.setup
	o := replica.Options{
		Zab: zab.Config{
			ID: s.id, Voters: s.w.system, Tick: setup.Tick,
			InitLimit: setup.InitLimit, SyncLimit: setup.SyncLimit, History: setup.History,
			LastCounter: uint32(setup.EpochEnd),
		},
		MinSessionTimeout: 2 * setup.Tick, MaxSessionTimeout: 20 * setup.Tick,
		SnapCount: setup.SnapCount, ReapInterval: 5 * setup.Tick,
		// The clock must never go back, as SessionIDs demands: two processes that start
		// at the same instant would make the same ids, and a client that wakes up could
		// share its session with another one.
		SessionSeed: epochMillis + s.w.now.Milliseconds() + int64(s.life),
		Tracer:      s.tracer(),
	}
	for id := setup.Voters + 1; id <= setup.Voters+setup.Observers; id++ {
		o.Zab.Observers = append(o.Zab.Observers, zab.ServerID(id))
	}
	return o
}

// end ends the process. The survival decides what its disk keeps. If the whole machine
// is gone, and not only the process, the end is silent: its connections are not closed.
func (s *server) end(survival storage.Survival, silent bool) {
	if !s.up {
		return
	}
	s.up, s.silent = false, silent
	s.w.recording.member(drill.EventExited, s)
	s.w.note("%d: dies (%v)", s.id, survival)
	s.dropClients()
	s.w.dropLinks(s)
	s.w.dropVotes(s)
	s.disk.die(survival)
	s.replica, s.tree, s.activity, s.deferred = nil, nil, nil, nil
}

// handle runs something in the process: now, or when it resumes if it is paused.
func (s *server) handle(do func()) {
	switch {
	case !s.up || s.w.violation != nil:
	case s.paused:
		s.deferred = append(s.deferred, do)
	default:
		s.replica.Handle(func() { s.replica.CarryOn(); do() })
		s.afterMessage()
	}
}

// after schedules something for this process.
func (s *server) after(d time.Duration, do func()) {
	life := s.life
	s.w.after(d, func() {
		if s.life == life {
			s.handle(do)
		}
	})
}

func (s *server) pause() {
	if s.up && !s.paused {
		s.w.recording.member(drill.EventPaused, s)
		s.w.note("%d: paused", s.id)
		s.paused = true
	}
}

// resume ends a pause, and handles in order all that has arrived meanwhile.
func (s *server) resume() {
	if !s.up || !s.paused {
		return
	}
	s.w.recording.member(drill.EventResumed, s)
	s.w.note("%d: resumes", s.id)
	s.paused = false
	deferred := s.deferred
	s.deferred = nil
	for _, do := range deferred {
		s.handle(do)
	}
}

func (s *server) scheduleTick() {
	life := s.life
	s.w.after(time.Duration(float64(replica.TickInterval(s.w.setup.Tick))/s.clock.Rate()), func() {
		if s.life != life || !s.up {
			return
		}
		if !s.paused {
			s.replica.Tick()
			s.afterMessage()
		}
		s.scheduleTick()
	})
}

// afterMessage ends a process whose replica has failed.
func (s *server) afterMessage() {
	if !s.up || s.replica.Err() == nil {
		return
	}
	s.w.note("%d: %v", s.id, s.replica.Err())
	s.crashed(s.replica.Err())
}

// crashed ends the process because its disk failed, or lost power.
func (s *server) crashed(err error) {
	if !s.disk.injected(err) {
		s.w.fail(invRecovery, "server %d gave up: %v", s.id, err)
		return
	}
	if errors.Is(err, storage.ErrPowerLost) {
		s.end(s.disk.survival, s.disk.survival != storage.KillProcess)
	} else {
		s.end(s.disk.afterError, false)
	}
	s.w.after(s.disk.downtime, s.start)
}

// step gives the core one input.
func (s *server) step(in zab.Input) {
	if s.replica != nil && s.w.violation == nil {
		s.replica.Step(in)
	}
}

// describe is the text of a packet in the event log.
func describe(p wire.QuorumPacket) string {
	switch p.Type {
	case wire.PacketAckEpoch:
		epoch, _ := wire.DecodeInt32(p.Data)
		return fmt.Sprintf("%v %v epoch=%d", p.Type, p.Zxid, epoch)
	case wire.PacketRequest, wire.PacketRevalidate, wire.PacketSync:
		return p.Type.String()
	}
	return fmt.Sprintf("%v %v", p.Type, p.Zxid)
}
