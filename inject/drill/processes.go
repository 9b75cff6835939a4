package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"zkctl/inject"
	"zkctl/inject/history"
	"zkctl/inject/scenario"
	"zkctl/probe"
)

// Processes makes a Target of what starts ensembles of processes. Refuse may be nil.
func Processes(describe string, refuse func(*scenario.Scenario) []scenario.Refusal,
	start func(context.Context, *scenario.Scenario) (Ensemble, error)) Target {
	return &processes{describe: describe, refuse: refuse, start: start}
}

type processes struct {
	describe string
	refuse   func(*scenario.Scenario) []scenario.Refusal
	start    func(context.Context, *scenario.Scenario) (Ensemble, error)
	dial     probe.DialFunc // of the clients; nil is TCP
}

func (p *processes) Describe() string { return p.describe }

func (p *processes) Refuse(s *scenario.Scenario) []scenario.Refusal {
	if p.refuse == nil {
		return nil
	}
	return p.refuse(s)
}

func (p *processes) Start(ctx context.Context, s *scenario.Scenario, seed uint64, out Recorder) (World, error) {
	root := fmt.Sprintf("/drill-%d", seed)
	if s.Workload.Command != "" {
		root = "/" // a user's program works where it likes
	}
	actions, err := newActions(root, s.Workload.Mix)
	if err != nil {
		return nil, err
	}
	e, err := p.start(ctx, s)
	if err != nil {
		return nil, err
	}
	w := &processWorld{
		scenario: s, seed: seed, out: out, ensemble: e, root: root, actions: actions, dial: p.dial,
		stop: make(chan struct{}), healed: make(chan struct{}), ended: make(chan string, 100), faults: map[string]*FaultRecord{}, early: map[string]int64{},
	}
	members, err := e.Members(ctx)
	if err != nil {
		return nil, errors.Join(err, e.Close(context.WithoutCancel(ctx), false))
	}
	for _, m := range members { // of an ensemble that was up before no event will say it
		if m.Role != inject.RoleNone {
			out.Event(Event{At: out.Now(), Kind: EventRole, Member: m.ID, Role: m.Role.String()})
		}
	}
	w.live, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.running.Go(func() { w.follow(w.live) })
	return w, nil
}

// processWorld is a run on an ensemble of processes.
type processWorld struct {
	scenario *scenario.Scenario
	seed     uint64
	out      Recorder
	ensemble Ensemble
	root     string
	actions  *actions
	dial     probe.DialFunc

	live     context.Context // ends the clients and the follower
	cancel   context.CancelFunc
	running  sync.WaitGroup
	clients  []*client
	command  *workload // a user's program; nil: none
	workload *WorkloadEnd
	conns    atomic.Int64
	enough   gateOfWrites
	stop     chan struct{} // closed when the clients should finish
	healed   chan struct{} // closed when faults should end
	ended    chan string   // ids of faults that have ended
	used     bool          // there may be nodes of the workload
	struck   int           // faults, for seeds and ids
	healing  int64         // when Heal began; 0: not yet

	mu     sync.Mutex
	faults map[string]*FaultRecord
	early  map[string]int64 // ends of faults that are not in faults yet
	marks  []Event          // exited and paused
}

func (w *processWorld) Root() string { return w.root }

// follow passes on what the ensemble reports, on the clock of the run.
func (w *processWorld) follow(ctx context.Context) {
	err := w.ensemble.Follow(ctx, func(e Event, f *FaultRecord) {
		e.At = w.moment(e.At)
		if e.At < 0 {
			return // of an ensemble that was up before
		}
		w.out.Event(e)
		w.note(e)
		if f != nil && f.To != 0 {
			w.end(f.ID, w.moment(f.To))
		}
	})
	if err != nil && ctx.Err() == nil {
		w.out.Event(Event{At: w.out.Now(), Kind: EventLost, Text: err.Error()})
	}
}

// moment is the time in the run of a moment of the wall clock.
func (w *processWorld) moment(nanoseconds int64) int64 { return w.out.At(time.Unix(0, nanoseconds)) }

func (w *processWorld) note(e Event) {
	if e.Kind == EventExited || e.Kind == EventPaused {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.marks = append(w.marks, e)
	}
}

// loadTime is how long the clients may take to write enough.
const loadTime = 15 * time.Second

// Load implements World.
func (w *processWorld) Load(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, loadTime+w.scenario.Warmup, errors.New("the clients did not write enough in time"))
	defer cancel()
	addresses, err := w.ensemble.Clients(ctx)
	if err != nil {
		return fmt.Errorf("find the members' client ports: %w", err)
	}
	var members []member
	for id, addr := range addresses {
		members = append(members, member{id, addr})
	}
	slices.SortFunc(members, func(a, b member) int { return int(a.id - b.id) })
	if w.scenario.Workload.Command != "" {
		return w.startCommand(ctx, members)
	}
	goal := w.scenario.Workload.MinAcked
	w.used = true
	if err := w.setUp(ctx, members); err != nil {
		return fmt.Errorf("create the nodes of the workload: %w", err)
	}
	w.enough.init(goal) // what was written to set the workload up is no work
	for n := 1; n <= w.scenario.Workload.Clients; n++ {
		c := w.newClient(n, members)
		w.clients = append(w.clients, c)
		ctx, cancel := context.WithCancel(w.live)
		c.end = cancel
		w.running.Go(func() {
			defer cancel()
			c.run(ctx)
		})
	}
	warm := time.NewTimer(w.scenario.Warmup)
	defer warm.Stop()
	select {
	case <-warm.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-w.enough.met:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d writes of %d: %w", int64(goal)-w.enough.left.Load(), goal, context.Cause(ctx))
	}
}

// startCommand starts the user's program, and returns when it has had the time to warm up.
func (w *processWorld) startCommand(ctx context.Context, members []member) error {
	var hosts []string
	for _, m := range members {
		hosts = append(hosts, m.addr)
	}
	var err error
	if w.command, err = startWorkload(w.scenario.Workload.Command, strings.Join(hosts, ",")); err != nil {
		return err
	}
	warm := time.NewTimer(w.scenario.Warmup)
	defer warm.Stop()
	select {
	case <-warm.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Workload is how the user's program has ended; nil: there was none.
func (w *processWorld) Workload() *WorkloadEnd { return w.workload }

// gateOfWrites opens when so many writes have been acknowledged.
type gateOfWrites struct {
	left atomic.Int64
	met  chan struct{}
}

func (g *gateOfWrites) init(goal int) {
	g.left.Store(int64(goal))
	g.met = make(chan struct{})
	if goal == 0 {
		close(g.met)
	}
}

func (g *gateOfWrites) acked() {
	if g.left.Add(-1) == 0 {
		close(g.met)
	}
}

// newClient is a client with a random source of its own: what it does hangs on the seed and on what it is answered, and
// not on the other clients.
func (w *processWorld) newClient(n int, members []member) *client {
	random := rand.New(rand.NewPCG(w.seed, uint64(n)))
	c := &client{
		number: n, out: w.out, random: random, members: slices.Clone(members), timeout: w.scenario.Workload.Session,
		actions: w.actions, conns: &w.conns, dial: w.dial, stop: w.stop, enough: &w.enough, width: 1,
		watches: newWatchTable(), done: make(chan struct{}),
	}
	random.Shuffle(len(c.members), func(i, j int) { c.members[i], c.members[j] = c.members[j], c.members[i] })
	if n%4 == 0 {
		c.width = 4 // replies must come in order, which one operation at a time would never show
	}
	c.pause = time.Duration(float64(time.Second) * float64(w.scenario.Workload.Clients) / w.scenario.Workload.Rate)
	return c
}

// setUp creates the nodes of the workload, with a client that does nothing else.
func (w *processWorld) setUp(ctx context.Context, members []member) error {
	c := w.newClient(w.scenario.Workload.Clients+1, members)
	left := w.actions.setup()
	for {
		conn := c.connect(ctx)
		if conn == nil {
			return context.Cause(ctx)
		}
		var err error
		for len(left) > 0 && (err == nil || exists(err)) {
			if _, err = conn.do(ctx, left[0]); err == nil || exists(err) {
				left = left[1:]
			}
		}
		if len(left) == 0 {
			_, _ = conn.do(ctx, closeSession()) // the history has what became of it
		}
		conn.s.Drop()
		c.session = conn.s.Credentials()
		if len(left) == 0 {
			return nil
		}
	}
}

// healTime is how long the ensemble may take until every member serves again.
const healTime = 30 * time.Second

// Heal implements World.
func (w *processWorld) Heal(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, healTime, errors.New("not in time"))
	defer cancel()
	w.mu.Lock()
	w.healing = w.out.Now()
	w.mu.Unlock()
	close(w.healed)
	if err := w.ensemble.Heal(ctx); err != nil {
		return fmt.Errorf("heal: %w", err)
	}
	err := w.ensemble.Wait(ctx, "healthy")
	w.mu.Lock()
	var open []string
	for id, f := range w.faults {
		if f.To == 0 {
			open = append(open, id)
		}
	}
	w.mu.Unlock()
	slices.Sort(open)
	for _, id := range open {
		w.end(id, w.out.Now())
	}
	if err != nil {
		return fmt.Errorf("not every member serves after the faults were healed: %w", err)
	}
	return nil
}

// Close implements World.
func (w *processWorld) Close(ctx context.Context, keep bool) error {
	w.cancel()
	w.running.Wait()
	var err error
	if w.command != nil {
		err = w.command.close()
	}
	if w.used && w.ensemble.Foreign() {
		err = errors.Join(err, w.cleanUp(ctx))
	}
	return errors.Join(err, w.ensemble.Close(ctx, keep))
}

// windows are the faults as the judge wants them.
func (w *processWorld) windows(members []int64) []history.Window {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []history.Window
	for _, f := range w.faults {
		if w.scenario.Steps[f.Step].Fault.Verb == scenario.Client {
			continue // it disturbs no member
		}
		to := f.To
		if to == 0 {
			to = w.out.Now()
		}
		list = append(list, history.Window{
			From: f.From, To: to, Members: slices.Clone(f.Members), Clock: w.scenario.Steps[f.Step].Fault.Verb == scenario.Clock,
		})
		cut := cutOff(members, f.Links, w.ensemble.Quorum)
		if len(cut) == 0 || !f.Effect || w.scenario.Steps[f.Step].Fault.Verb != scenario.Partition {
			continue
		}
		// When the links open is known within a tick: what is acknowledged then may be after it.
		to = min(to, w.healing) - int64(w.ensemble.Tick())
		if to > f.Settled {
			list = append(list, history.Window{From: f.Settled, To: to, Members: cut, Cut: true})
		}
	}
	slices.SortFunc(list, func(a, b history.Window) int { return int(a.From - b.From) })
	return list
}

// Folder is where the ensemble's files are, for a bundle.
func (w *processWorld) Folder() Folder { return w.ensemble.Folder() }
