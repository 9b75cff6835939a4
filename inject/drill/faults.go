package drill

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"zkctl/inject/scenario"
)

// strike is a step that is due.
type strike struct {
	at   time.Duration // since the faults began
	step int
	left int // of `every`: how many more follow; -1: until the end
}

// agenda are the strikes to come, the next one first; of two at the same time that of the earlier step.
type agenda []strike

func (a *agenda) add(s strike) {
	i, _ := slices.BinarySearchFunc(*a, s, func(x, y strike) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.step, y.step))
	})
	*a = slices.Insert(*a, i, s)
}

// newAgenda has the steps with a time of their own.
func newAgenda(steps []scenario.Step) *agenda {
	a := new(agenda)
	for i, s := range steps {
		switch {
		case s.When.Point != "" || s.When.Step != "":
		case s.When.Every != 0:
			a.add(strike{s.When.At, i, s.When.Times - 1})
		default:
			a.add(strike{at: s.When.At, step: i})
		}
	}
	return a
}

// Inject implements World.
func (w *processWorld) Inject(ctx context.Context) error {
	for i, s := range w.scenario.Steps {
		if s.When.Point != "" {
			if err := w.ensemble.Plant(ctx, s, w.nextSeed(i)); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
	}
	began := time.Now()
	over := time.NewTimer(w.scenario.Duration)
	defer over.Stop()
	next := time.NewTimer(0)
	defer next.Stop()
	todo := newAgenda(w.scenario.Steps)
	for {
		next.Reset(w.scenario.Duration + time.Hour) // no strike is left
		if len(*todo) > 0 {
			next.Reset((*todo)[0].at - time.Since(began))
		}
		select {
		case <-over.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case id := <-w.ended:
			w.follows(todo, w.stepOf(id), true, time.Since(began))
		case <-next.C:
			one := (*todo)[0]
			*todo = (*todo)[1:]
			if every := w.scenario.Steps[one.step].When.Every; every != 0 && one.left != 0 {
				todo.add(strike{one.at + every, one.step, one.left - 1})
			}
			if err := w.strike(ctx, one.step); err != nil {
				return err
			}
			w.follows(todo, one.step, false, time.Since(began))
		}
	}
}

// follows puts the steps that wait for the begin or the end of a step's fault on the agenda.
func (w *processWorld) follows(todo *agenda, step int, ended bool, now time.Duration) {
	if step < 0 || w.scenario.Steps[step].Label == "" {
		return
	}
	for i, s := range w.scenario.Steps {
		if s.When.Step == w.scenario.Steps[step].Label && s.When.Ended == ended {
			todo.add(strike{at: now + s.When.At, step: i})
		}
	}
}

// nextSeed is the seed for the choices of a step's next strike.
func (w *processWorld) nextSeed(step int) uint64 {
	w.struck++
	return rand.New(rand.NewPCG(w.seed, uint64(step)<<32|uint64(w.struck))).Uint64N(1_000_000)
}

// strike causes a step's fault. One that fails is recorded as a fault without effect: the drill goes on, and its verdict
// is unknown.
func (w *processWorld) strike(ctx context.Context, step int) error {
	s := w.scenario.Steps[step]
	from := w.out.Now()
	var f FaultRecord
	var err error
	seed := w.nextSeed(step)
	if s.Fault.Verb == scenario.Client {
		f, err = w.strikeClients(s.Fault, seed)
	} else if fault, unnamed := w.withSession(s.Fault); unnamed != nil {
		err = unnamed
	} else {
		f, err = w.ensemble.Inject(ctx, fault, seed)
		if f.From != 0 {
			from = w.moment(f.From)
		}
		if f.To != 0 {
			f.To = w.moment(f.To)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f.Step, f.Line, f.From, f.Settled = step, s.Fault.String(), from, w.out.Now()
	if err != nil {
		f.Effect, f.Why, f.To = false, err.Error(), f.Settled
	}
	if f.ID == "" {
		f.ID = fmt.Sprintf("s%d", w.struck) // no fault of the supervisor's, whose ids begin with f
	}
	w.mu.Lock()
	if at, ok := w.early[f.ID]; ok && f.To == 0 {
		f.To = at
	}
	over := f.To
	f.To = 0
	w.faults[f.ID] = &f
	w.out.Fault(f)
	w.mu.Unlock()
	if over != 0 {
		w.end(f.ID, over)
	}
	return nil
}

// end notes that a fault has ended, and what is known by now of its effect.
func (w *processWorld) end(id string, at int64) {
	w.mu.Lock()
	f := w.faults[id]
	if f == nil || f.To != 0 {
		if f == nil {
			w.early[id] = at
		}
		w.mu.Unlock()
		return
	}
	f.To = max(at, f.From)
	w.out.Fault(*f)
	w.mu.Unlock()
	select {
	case w.ended <- id:
	default: // Inject has returned, or so many have ended at once that none waits for this one
	}
}

func (w *processWorld) stepOf(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.faults[id]; f != nil {
		return f.Step
	}
	return -1
}

// withSession puts the session of a client of the workload in the place of client:N, which only a drill knows.
func (w *processWorld) withSession(f scenario.Fault) (scenario.Fault, error) {
	number, ok := strings.CutPrefix(f.Target, "client:")
	if f.Verb != scenario.Expire || !ok {
		return f, nil
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(w.clients) {
		return f, fmt.Errorf("expire %s: there are clients 1 to %d", f.Target, len(w.clients))
	}
	id := w.clients[n-1].sessionID()
	if id == 0 {
		return f, fmt.Errorf("expire %s: the client is not connected at that moment", f.Target)
	}
	f.Target = fmt.Sprintf("0x%x", uint64(id))
	return f, nil
}

// strikeClients does something to clients of the workload.
func (w *processWorld) strikeClients(f scenario.Fault, seed uint64) (FaultRecord, error) {
	chosen, err := w.choose(f.Target, seed)
	if err != nil {
		return FaultRecord{}, err
	}
	record := FaultRecord{Effect: true}
	var idle []string
	var lifts []func()
	for _, c := range chosen {
		if !c.up() {
			idle = append(idle, strconv.Itoa(c.number))
			continue
		}
		switch {
		case f.Client.Sever:
			c.sever()
		case f.Client.Abandon:
			c.abandon()
		case f.Client.Sleep:
			lifts = append(lifts, c.gate.shut())
		}
	}
	if len(idle) > 0 {
		record.Effect, record.Why = false, "not connected at that moment: client "+strings.Join(idle, ", ")
	}
	if len(lifts) == 0 {
		record.To = w.out.Now()
		return record, nil
	}
	record.ID = fmt.Sprintf("s%d", w.struck)
	wake := func() {
		for _, lift := range lifts {
			lift()
		}
	}
	w.running.Go(func() {
		defer wake()
		var lease <-chan time.Time
		if f.For > 0 {
			lease = time.After(f.For)
		}
		select {
		case <-lease:
			w.end(record.ID, w.out.Now())
		case <-w.healed:
		case <-w.live.Done():
		}
	})
	return record, nil
}

// choose are the clients that a target names: a number, all, or half of them.
func (w *processWorld) choose(target string, seed uint64) ([]*client, error) {
	switch target {
	case "all":
		return w.clients, nil
	case "half":
		order := rand.New(rand.NewPCG(seed, 0)).Perm(len(w.clients))
		var half []*client
		for _, i := range slices.Sorted(slices.Values(order[:(len(order)+1)/2])) {
			half = append(half, w.clients[i])
		}
		return half, nil
	}
	n, err := strconv.Atoi(target)
	if err != nil || n < 1 || n > len(w.clients) {
		return nil, fmt.Errorf("client %s: there are clients 1 to %d", target, len(w.clients))
	}
	return w.clients[n-1 : n], nil
}

// cutOff are the members that can acknowledge no write while lanes are cut: those that neither have a quorum in reach
// nor reach a member that has. Links are lanes as package inject prints them: 1>2, or 1>2/quorum.
func cutOff(members []int64, links []string, quorum func(has func(int64) bool) bool) []int64 {
	cut := map[string]bool{}
	for _, l := range links {
		lane, channel, _ := strings.Cut(l, "/")
		if channel == "" || channel == "quorum" {
			cut[lane] = true
		}
	}
	if len(cut) == 0 {
		return nil
	}
	open := func(a, b int64) bool {
		return a == b || !cut[fmt.Sprintf("%d>%d", a, b)] && !cut[fmt.Sprintf("%d>%d", b, a)]
	}
	var off []int64
	for _, m := range members {
		can := slices.ContainsFunc(members, func(leader int64) bool {
			return open(m, leader) && quorum(func(id int64) bool { return open(leader, id) })
		})
		if !can {
			off = append(off, m)
		}
	}
	return off
}

func sortedIDs[V any](m map[int64]V) []int64 { return slices.Sorted(maps.Keys(m)) }
