package simulation

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// server is the shell around the pure parts that package member is in
// production: the same order of steps, with a virtual clock, a disk in memory,
// and links that are queues. What is below the first group lives as long as the
// process does.
type server struct {
	w    *World
	id   zab.ServerID
	rng  *rand.Rand
	fs   *storage.MemFS
	disk disk

	up       bool
	life     int  // how many processes there have been
	silent   bool // down with the whole machine: nobody is told
	paused   bool
	deferred []func() // what happened while paused
	clock    clock
	failures int // starts in a row that failed because of the disk

	node     *zab.Node
	status   zab.Status
	tree     *datatree.Tree
	arrived  *datatree.Tree
	links    map[zab.LinkID]linkEnd
	accepted uint64
	leader   zab.LinkID // dialled last

	lastTick time.Duration
	wasLate  bool
	broken   error

	serving
}

type linkEnd struct {
	conn *quorumConn
	side int
}

// clock is a server's idea of time. Monotonic time runs at rate; the wall
// clock is off by skew on top of that, which nothing may depend on.
type clock struct {
	since time.Duration // virtual time at which the rate changed last
	read  time.Duration // what the clock showed then
	rate  float64
	skew  time.Duration
}

func (c *clock) at(now time.Duration) time.Duration {
	return c.read + time.Duration(float64(now-c.since)*c.rate)
}

func (c *clock) setRate(now time.Duration, rate float64) {
	c.since, c.read, c.rate = now, c.at(now), rate
}

// epochMillis is the wall clock at virtual time 0.
const epochMillis = 1_700_000_000_000

func (s *server) local() time.Duration { return s.clock.at(s.w.now) }

// wallMillis is what goes into transactions.
func (s *server) wallMillis() int64 {
	return epochMillis + (s.w.now + s.clock.skew).Milliseconds()
}

func newServer(w *World, id zab.ServerID) *server {
	s := &server{w: w, id: id, rng: w.random(), clock: clock{rate: 1}}
	s.fs = storage.NewMemFS(s.rng.Uint64())
	s.disk.init(s)
	return s
}

const dataDir = "/data"

// start begins a process. A disk that refuses is no reason to give up: whoever
// runs the server tries again later.
func (s *server) start() {
	if s.up || s.w.violation != nil {
		return
	}
	store, found, err := storage.Open(storage.Options{FS: s.fs, DataDir: dataDir, Recent: s.w.setup.History})
	if err != nil {
		s.startFailed(err)
		return
	}
	s.failures = 0
	s.life++
	s.up, s.silent, s.paused, s.deferred, s.broken = true, false, false, nil, nil
	s.clock = clock{since: s.w.now, rate: s.clock.rate, skew: s.clock.skew}
	s.lastTick, s.wasLate = 0, false
	s.links, s.leader = map[zab.LinkID]linkEnd{}, 0
	s.disk.open(store, found)
	s.tree, s.arrived = found.Tree, nil
	s.serving.reset(s)
	s.w.note("%d: starts, zxid %v, accepted %d, current %d", s.id, found.LastZxid, found.AcceptedEpoch, found.CurrentEpoch)
	if !s.w.oracle.recovered(s, found) {
		return
	}
	s.node, err = zab.New(s.config(), zab.Recovered{
		AcceptedEpoch: found.AcceptedEpoch, CurrentEpoch: found.CurrentEpoch, LastZxid: found.LastZxid, Recent: found.Recent,
	})
	if err != nil {
		s.w.fail(invRecovery, "server %d does not start: %v", s.id, err)
		return
	}
	s.status = s.node.Status()
	s.step(zab.Start{})
	s.w.renewVotes(s)
	s.scheduleTick()
}

func (s *server) startFailed(err error) {
	if !s.disk.suspect(err) {
		s.w.fail(invRecovery, "server %d does not start: %v", s.id, err)
		return
	}
	// What failed was an injected fault; the power failing while it starts
	// is a crash like any other.
	s.w.note("%d: cannot start: %v", s.id, err)
	if errors.Is(err, storage.ErrPowerLost) {
		s.fs.Crash(s.disk.survival)
	} else {
		s.fs.Crash(storage.KillProcess)
	}
	s.failures++
	s.w.after(time.Duration(s.failures)*100*time.Millisecond, s.start)
}

func (s *server) config() zab.Config {
	c := zab.Config{
		ID: s.id, Voters: s.w.system, Tick: s.w.setup.Tick,
		InitLimit: s.w.setup.InitLimit, SyncLimit: s.w.setup.SyncLimit, History: s.w.setup.History,
	}
	for id := s.w.setup.Voters + 1; id <= s.w.setup.Voters+s.w.setup.Observers; id++ {
		c.Observers = append(c.Observers, zab.ServerID(id))
	}
	return c
}

// end ends the process. What its disk keeps is up to the survival; silent means
// that nobody is told, because the machine is gone and not only the process.
func (s *server) end(survival storage.Survival, silent bool) {
	if !s.up {
		return
	}
	s.up, s.silent = false, silent
	s.w.note("%d: dies (%v)", s.id, survival)
	s.dropClients()
	s.w.dropLinks(s)
	s.w.dropVotes(s)
	s.disk.die(survival)
	s.node, s.tree, s.arrived, s.deferred = nil, nil, nil, nil
	s.serving.leading, s.serving.learning = nil, nil
}

// handle lets something happen to the process: now, or when it goes on if it
// is paused.
func (s *server) handle(do func()) {
	switch {
	case !s.up || s.w.violation != nil:
	case s.paused:
		s.deferred = append(s.deferred, do)
	default:
		s.lookAtClock()
		do()
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
		s.w.note("%d: paused", s.id)
		s.paused = true
	}
}

// resume goes on with all that has come meanwhile, in order.
func (s *server) resume() {
	if !s.up || !s.paused {
		return
	}
	s.w.note("%d: goes on", s.id)
	s.paused = false
	for _, do := range s.take() {
		s.handle(do)
	}
}

func (s *server) take() []func() {
	deferred := s.deferred
	s.deferred = nil
	return deferred
}

// tickInterval is how often the core looks at its deadlines; member.coreTick.
func (s *server) tickInterval() time.Duration {
	return min(max(s.w.setup.Tick/20, 5*time.Millisecond), 50*time.Millisecond)
}

func (s *server) scheduleTick() {
	life := s.life
	s.w.after(time.Duration(float64(s.tickInterval())/s.clock.rate), func() {
		if s.life != life || !s.up {
			return
		}
		if !s.paused {
			s.tick()
			s.afterMessage()
		}
		s.scheduleTick()
	})
}

// lookAtClock is what a process that was stopped for a while does first.
func (s *server) lookAtClock() {
	if s.local() > s.lastTick+5*s.tickInterval() {
		s.tick()
	}
}

func (s *server) tick() {
	now := s.local()
	late := now > s.lastTick+5*s.tickInterval() && !s.wasLate
	s.lastTick, s.wasLate = now, late
	s.step(zab.Tick{})
	if s.leading != nil && !late {
		s.expireSessions(now)
		s.reapNodes()
	}
}

// afterMessage ends a process that cannot go on.
func (s *server) afterMessage() {
	if s.broken == nil || !s.up {
		return
	}
	s.w.note("%d: %v", s.id, s.broken)
	s.crashed(s.broken)
}

// crashed ends the process because its disk failed, or lost power.
func (s *server) crashed(err error) {
	if !s.disk.suspect(err) {
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

// step gives the core one input and carries out what it answers; see
// member's server.step, whose order this is.
func (s *server) step(in zab.Input) {
	if s.node == nil || s.w.violation != nil {
		return
	}
	before := s.status
	out := s.node.Step(s.local(), in)
	s.status = s.node.Status()
	s.w.events(s, out.Events)
	if before.Serving && !s.status.Serving {
		s.stopServing()
	}
	s.changeTree(&out)
	if s.broken != nil {
		return
	}
	for _, p := range out.Deliver {
		s.deliver(p)
	}
	if s.status.Serving && !before.Serving {
		s.startServing()
	}
	s.disk.enqueue(out.Persist)
	s.send(&out)
	for _, f := range out.Forward {
		s.forwarded(f)
	}
	s.w.oracle.afterStep(s, &out)
	if len(out.Deliver) > 0 {
		s.snapshotIfDue()
	}
}

func (s *server) changeTree(out *zab.Output) {
	if out.Install != nil {
		s.tree, s.arrived = s.arrived, nil
		s.w.oracle.installed(s, out.Install.Zxid)
	}
	if out.Rollback != nil {
		s.rollBack(out.Rollback.To)
	}
	if s.broken != nil {
		return
	}
	for _, p := range out.FastForward {
		s.apply(p)
	}
}

// rollBack cuts the log and rebuilds the tree, while the event loop waits.
func (s *server) rollBack(to wire.Zxid) {
	s.w.oracle.givesUp(s, to)
	found, err := s.disk.truncate(to)
	if errors.Is(err, storage.ErrNoHistory) && !s.disk.suspect(err) {
		s.step(zab.RollbackFailed{})
		return
	}
	if err != nil {
		s.broken = fmt.Errorf("truncate the log to %v: %w", to, err)
		return
	}
	s.tree = found.Tree
	s.w.oracle.rolledBack(s, to)
	s.step(zab.RolledBack{Last: found.Tree.LastZxid(), Recent: found.Recent})
}

func (s *server) send(out *zab.Output) {
	for _, n := range out.Notify {
		s.w.notify(s, n)
	}
	for _, d := range out.Dial {
		s.leader = d.Link
		s.w.dial(s, d)
	}
	for i := range out.Send {
		s.sendOne(&out.Send[i])
	}
	for _, link := range out.Close {
		s.w.hangUp(s, link)
	}
}

func (s *server) sendOne(o *zab.Send) {
	l, ok := s.links[o.Link]
	if !ok {
		return
	}
	var body []byte
	if o.Snapshot {
		body = encodeTree(s.tree)
	} else if o.Packet.Type == wire.PacketPing && s.status.Role != zab.Leading {
		o.Packet.Data = s.touchTable()
	}
	if s.w.tap != nil {
		s.w.tap(s, o.Packet)
	}
	s.w.sendPacket(l, o.Packet, body)
	if t := o.Packet.Type; t == wire.PacketCommit || t == wire.PacketInform {
		s.sendLate(o.Link, o.Packet.Zxid)
	}
}

// describe is a packet in the event log.
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
