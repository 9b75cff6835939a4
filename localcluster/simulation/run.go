package simulation

import (
	"fmt"
	"regexp"
	"runtime/debug"
	"time"

	"zkctl/inject/history"
	"zkctl/localcluster/datatree"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
)

// Result is the outcome of a run.
type Result struct {
	Steps     int
	Simulated time.Duration
	Commits   int
	Leaders   int // established
	Coverage  Coverage
	Violation *Violation
}

// Run carries out a schedule: faults, then healing, then the proof that the
// ensemble serves and that its servers agree.
func Run(s Schedule) Result { return run(s, nil) }

// Trace is Run with the event log of the run: its newest lines, at most limit of
// them (0: all).
func Trace(s Schedule, limit int) (Result, []string) {
	log := &eventLog{limit: limit}
	r := run(s, log)
	return r, log.Lines()
}

func run(s Schedule, log *eventLog) Result {
	w, err := newWorld(s.Seed, s.Setup, log)
	if err != nil {
		return Result{Violation: &Violation{Invariant: string(invRecovery), Text: err.Error()}}
	}
	w.play(s)
	return Result{
		Steps: w.steps, Simulated: w.now, Commits: w.oracle.commits, Leaders: len(w.oracle.leaders),
		Coverage: w.plan.coverage, Violation: w.violation,
	}
}

// play carries out the whole run. A panic of the engine ends it, and is a violation like
// any other.
func (w *World) play(s Schedule) {
	defer w.recover()
	w.begin(s.Faults)
	w.run(s.Setup.Chaos)
	if w.violation == nil {
		w.plan.heal()
		w.prove()
	}
}

// recover makes a panic a violation. It must be deferred itself.
func (w *World) recover() {
	if r := recover(); r != nil {
		w.violation = nil // the panic is the finding to report, and not what led to it
		w.fail(invNoPanic, "%v\n%s", r, addresses.ReplaceAll(debug.Stack(), []byte("_")))
	}
}

// addresses are the parts of a stack trace that differ between two runs of one seed.
var addresses = regexp.MustCompile(`goroutine \d+|0x[0-9a-f]+\??`)

// begin schedules the faults, and starts the servers and clients.
func (w *World) begin(faults []Fault) {
	w.carryOut(faults)
	w.watchStart(w.staggered())
	for _, c := range w.clients {
		c.start()
	}
}

// prove checks a healed ensemble: within bounded numbers of ticks there is one leader and
// all servers have caught up with it, clients can write, and the sessions of dead clients
// are gone. Then all trees are equal, and the disks have the whole history.
func (w *World) prove() {
	ticks := func(n int) time.Duration { return time.Duration(n) * w.setup.Tick }
	bound := 4*(w.setup.InitLimit+w.setup.SyncLimit) + 40
	if !w.until(ticks(bound), w.serving) {
		w.fail(invLiveness, "%d ticks after everything was healed: %s", bound, w.roles())
		return
	}
	for _, c := range w.clients {
		c.finish()
	}
	if !w.until(ticks(100), w.finished) {
		w.fail(invLiveness, "100 ticks after all servers serve, a client cannot write: %s", w.roles())
		return
	}
	bound = 40
	if end := w.setup.EpochEnd; end > 0 {
		// Each epoch that the closing of sessions uses up gives the other sessions their full timeout again.
		bound += 40 * (1 + w.oracle.judge.Model.Sessions()/end)
	}
	if !w.until(ticks(bound), w.sessionsSettled) {
		w.fail(history.SessionsHold, "sessions without a client are alive %d ticks later: there are %d sessions and %d clients", bound, w.oracle.judge.Model.Sessions(), len(w.clients))
		return
	}
	if !w.until(ticks(20), w.inStep) {
		w.fail(invLiveness, "20 ticks later some server has not caught up with %v: %s", w.oracle.tip, w.roles())
		return
	}
	w.compareTrees()
	w.calmRestart()
	if !w.until(ticks(20), w.inStep) {
		w.fail(invLiveness, "20 ticks after an undisturbed failover some server has not caught up with %v: %s", w.oracle.tip, w.roles())
		return
	}
	w.compareTrees()
	w.reopenDisks()
}

// serving tells whether there is one leader and all servers serve.
func (w *World) serving() bool {
	leaders := 0
	for _, s := range w.servers {
		if !s.up || !s.status.Serving {
			return false
		}
		if s.status.Role == zab.Leading {
			leaders++
		}
	}
	return leaders == 1
}

// inStep tells whether all servers have the whole committed history applied and on disk.
func (w *World) inStep() bool {
	for _, s := range w.servers {
		if !s.up || !s.status.Serving || s.status.Applied != w.oracle.tip || s.status.LastLogged != w.oracle.tip || s.disk.busy || len(s.disk.queue) > 0 {
			return false
		}
	}
	return true
}

func (w *World) finished() bool {
	for _, c := range w.clients {
		if !c.gone && (c.last == nil || !c.last.done) {
			return false
		}
	}
	return true
}

// sessionsSettled tells whether no session is alive but those of the clients that are left.
func (w *World) sessionsSettled() bool {
	alive := 0
	for _, c := range w.clients {
		if !c.gone && c.session != 0 {
			alive++
		}
	}
	return w.oracle.judge.Model.Sessions() == alive
}

func (w *World) roles() string {
	text := ""
	for _, s := range w.servers {
		if !s.up {
			text += fmt.Sprintf(" %d: down;", s.id)
			continue
		}
		text += fmt.Sprintf(" %d: %v, %v, leader %d, logged %v, applied %v;", s.id, s.status.Role, s.status.Phase, s.status.Leader, s.status.LastLogged, s.status.Applied)
	}
	return text
}

func (w *World) compareTrees() {
	for _, s := range w.servers {
		if w.violation != nil {
			return
		}
		w.oracle.digest(s, w.oracle.tip)
		if err := w.oracle.judge.Model.Same(datatree.View{Tree: s.tree}); err != nil {
			w.fail(history.Digest, "server %d at %v: %v", s.id, w.oracle.tip, err)
		}
	}
}

// reopenDisks cuts the power of all servers and checks what is left on their disks.
func (w *World) reopenDisks() {
	for _, s := range w.servers {
		if w.violation != nil {
			return
		}
		s.end(storage.LoseUnsynced, true)
		_, found, err := storage.Open(storage.Options{FS: s.fs, DataDir: dataDir, DigestsMustMatch: true})
		switch {
		case err != nil:
			w.fail(invRecovery, "server %d cannot open its disk after the run: %v", s.id, err)
		case found.LastZxid != w.oracle.tip:
			w.fail(invDurable, "server %d has %v on its disk at the end, and should have %v", s.id, found.LastZxid, w.oracle.tip)
		default:
			s.tree = found.Tree
			w.oracle.recovered(s, found)
		}
	}
}
