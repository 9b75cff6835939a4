//go:build unix

package localcluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zkctl/inject/drill"
	"zkctl/inject/scenario"
	"zkctl/probe"
)

const drillPatience = 60 * time.Second

// drilled is an ensemble under a drill, and what Follow has reported of it.
type drilled struct {
	*testing.T
	drill.Ensemble
	ctx    context.Context
	mu     sync.Mutex
	events []drill.Event
	faults []drill.FaultRecord
	more   chan struct{}
}

func openDrilled(t *testing.T, o DrillOptions, ensemble scenario.Ensemble) *drilled {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), drillPatience)
	t.Cleanup(cancel)
	o.Program, o.Progress = "zkctl", func(string) {}
	e, err := openDrill(ctx, o, &scenario.Scenario{Ensemble: ensemble})
	if err != nil {
		t.Fatal(err)
	}
	d := &drilled{T: t, Ensemble: e, ctx: ctx, more: make(chan struct{}, 1)}
	follow, stop := context.WithCancel(ctx)
	var following sync.WaitGroup
	following.Go(func() {
		if err := e.Follow(follow, d.note); err != nil {
			t.Errorf("follow: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		following.Wait()
	})
	return d
}

func (d *drilled) note(e drill.Event, f *drill.FaultRecord) {
	d.mu.Lock()
	d.events = append(d.events, e)
	if f != nil {
		d.faults = append(d.faults, *f)
	}
	d.mu.Unlock()
	select {
	case d.more <- struct{}{}:
	default:
	}
}

// await returns when what Follow has reported satisfies a condition.
func (d *drilled) await(what string, met func(events []drill.Event, faults []drill.FaultRecord) bool) {
	d.Helper()
	for {
		d.mu.Lock()
		ok := met(d.events, d.faults)
		d.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-d.more:
		case <-d.ctx.Done():
			d.Fatalf("not seen: %s; events %+v, faults %+v", what, d.events, d.faults)
		}
	}
}

func (d *drilled) inject(words string) drill.FaultRecord {
	d.Helper()
	f, err := scenario.ParseFault(words)
	if err != nil {
		d.Fatal(err)
	}
	record, err := d.Inject(d.ctx, f, 7)
	if err != nil {
		d.Fatalf("%s: %v", words, err)
	}
	return record
}

// ended tells that the end of a fault was reported, after its begin.
func ended(record drill.FaultRecord) func([]drill.Event, []drill.FaultRecord) bool {
	return func(_ []drill.Event, faults []drill.FaultRecord) bool {
		return slices.ContainsFunc(faults, func(f drill.FaultRecord) bool { return f.ID == record.ID && f.To > f.From && f.From == record.From })
	}
}

// A fresh ensemble is broken, heals, and is gone afterwards, with all that it has written.
func TestDrillOnFreshEnsemble(t *testing.T) {
	home := Home(t.TempDir())
	d := openDrilled(t, DrillOptions{Home: home, Name: "drill-7", Fresh: true}, scenario.Ensemble{Nodes: 3, Tick: 100 * time.Millisecond})
	addresses, err := d.Clients(d.ctx)
	if err != nil || len(addresses) != 3 || d.Tick() != 100*time.Millisecond || d.Foreign() {
		t.Fatalf("%v, tick %v, foreign %v, %v", addresses, d.Tick(), d.Foreign(), err)
	}
	session, err := probe.Dial(d.ctx, addresses[1], probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := session.Create(d.ctx, "/kept", []byte("data"), 0); err != nil {
		t.Fatal(err)
	}
	session.Drop()

	// Clients go through links, so that faults reach them.
	client, err := probe.Dial(d.ctx, addresses[2], probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	reset := d.inject("reset 2 --channel client")
	if !reset.Effect || reset.From == 0 || reset.To != reset.From || !slices.Equal(reset.Links, []string{"clients>2/client", "2>clients/client"}) {
		t.Errorf("%+v", reset)
	}
	if _, _, _, err := client.Get(d.ctx, "/"); err == nil {
		t.Error("a session goes on although its connection was reset")
	}
	client.Drop()
	if none := d.inject("reset 2 --channel client"); none.Effect || none.Why == "" {
		t.Errorf("there is no connection: %+v", none)
	}

	kill := d.inject("kill leader --for 300ms")
	if !kill.Effect || len(kill.Members) != 1 || kill.From == 0 || kill.To != 0 {
		t.Errorf("%+v", kill)
	}
	again := d.inject(fmt.Sprintf("kill %d --for 1ms", kill.Members[0]))
	if again.Effect || !strings.Contains(again.Why, "already") {
		t.Errorf("a kill of a dead member: %+v", again)
	}
	d.await("the end of the kill", ended(kill))
	d.await("another leader", func(events []drill.Event, _ []drill.FaultRecord) bool {
		return slices.ContainsFunc(events, func(e drill.Event) bool {
			return e.Kind == drill.EventElected && e.At > kill.From && e.Member != 0 && e.Sampled == 0
		})
	})
	if err := d.Wait(d.ctx, "healthy"); err != nil {
		t.Fatal(err)
	}
	restart := d.inject("restart 1 --for 200ms")
	if restart.ID == "" || !slices.Equal(restart.Members, []int64{1}) {
		t.Errorf("%+v", restart)
	}
	d.await("the end of the restart", ended(restart))
	cut := d.inject("partition '1|2,3' --channel quorum")
	if !slices.Equal(cut.Links, []string{"1>2/quorum", "1>3/quorum", "2>1/quorum", "3>1/quorum"}) {
		t.Errorf("%+v", cut)
	}
	d.inject("slow all --latency 1ms")
	d.inject("refuse 2")
	d.inject("pause 3")
	if err := d.Heal(d.ctx); err != nil {
		t.Fatal(err)
	}
	d.await("the end of the partition", ended(cut))
	if err := d.Wait(d.ctx, "healthy"); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(d.ctx, "synced"); err != nil {
		t.Fatal(err)
	}
	logs, trees, err := d.Disks(d.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		data, _, _, found := trees[log.Member].Node("/kept")
		if !found || string(data) != "data" || len(log.Txns) == 0 || log.Problem != "" || !log.Voter {
			t.Errorf("member %d: /kept is %q, %d transactions, %s", log.Member, data, len(log.Txns), log.Problem)
		}
	}
	if d.Quorum(func(id int64) bool { return id == 2 }) || !d.Quorum(func(id int64) bool { return id >= 2 }) {
		t.Error("of three members two are a quorum, and one is none")
	}
	if err := d.Close(d.ctx, false); err != nil {
		t.Fatal(err)
	}
	if names, err := home.Names(); len(names) > 0 || err != nil {
		t.Errorf("left: %v, %v", names, err)
	}
}

// An ensemble that runs is left up, and healed, also when the drill was interrupted before it could heal.
func TestDrillOnRunningEnsemble(t *testing.T) {
	home := Home(t.TempDir())
	ctx := context.Background()
	up := UpOptions{Home: home, Name: "used", Request: Request{Nodes: 1, Observers: 1}, Wait: drillPatience, Program: "zkctl", Progress: func(string) {}}
	if _, err := Up(ctx, up); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := Down(ctx, home, "used", true, false); err != nil {
			t.Error(err)
		}
	})
	var s scenario.Scenario
	target, err := NewDrillTarget(DrillOptions{Home: home, Name: "used"}, &s)
	if err != nil || target.Describe() != "used: embedded=2, 1 observer" || s.Ensemble.Nodes != 1 || s.Ensemble.Observers != 1 {
		t.Fatalf("%v, %+v, %v", target, s.Ensemble, err)
	}
	d := openDrilled(t, DrillOptions{Home: home, Name: "used"}, s.Ensemble)
	if !d.Foreign() {
		t.Error("the ensemble was there before the drill")
	}
	d.inject("pause 2")
	if err := d.Close(d.ctx, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(d.ctx, "healthy"); err != nil {
		t.Error(err)
	}
	// Its name is taken for a fresh one, which must not touch it.
	_, err = openDrill(d.ctx, DrillOptions{Home: home, Name: "used", Fresh: true, Program: "zkctl", Progress: func(string) {}}, &s)
	if err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("a fresh ensemble of that name: %v", err)
	}
	if err := d.Wait(d.ctx, "healthy"); err != nil {
		t.Error(err)
	}
}

// What processes cannot do is refused before anything is started, step by step, with the reason.
func TestDrillRefusals(t *testing.T) {
	const head = "name: test\nensemble: {nodes: 3}\nduration: 8s\nfaults:\n"
	for _, c := range []struct{ step, reason string }{
		{"at 1s kill leader", ""},
		{"at 1s restart all --for 1s", ""},
		{"at 1s partition '1|2,3' --channel election", ""},
		{"at 1s slow 1>2 --latency 5ms", ""},
		{"at 1s pause 1-3", ""},
		{"at 1s client all --sever", ""},
		{"at 1s reset 'clients>1' --channel client", ""},
		{"at 1s partition leader --channel client", ""},
		{"at 1s refuse leader --for 1s", ""},
		{"at 1s elect", ""},
		{"at 1s kill follower --wipe --for 1s", ""},
		{"at 1s disk leader --fsync-latency 50ms --for 1s", ""},
		{"at 1s disk 1 --bit-flip", "when it starts"},
		{"at 1s clock all --skew 1h --rate 80%", ""},
		{"at 1s expire client:1", ""},
		{"at 1s elect 2 --force 1,3", "forges votes"},
		{"on diff kill self", "the point diff"},
		{"at 1s kill 1 --lose unsynced", "only a simulation loses power"},
		{"at 1s kill 1 --lose some --silent", "pause it"},
	} {
		s, err := scenario.Parse("test", []byte(head+"  - "+c.step+"\n"))
		if err != nil {
			t.Fatalf("%s: %v", c.step, err)
		}
		target, err := NewDrillTarget(DrillOptions{Home: Home(t.TempDir()), Name: "drill-7", Fresh: true}, s)
		if err != nil {
			t.Fatal(err)
		}
		refused := target.Refuse(s)
		switch {
		case c.reason == "" && len(refused) > 0:
			t.Errorf("%s is refused: %s", c.step, refused[0].Reason)
		case c.reason != "" && (len(refused) != 1 || !strings.Contains(refused[0].Reason, c.reason)):
			t.Errorf("%s: %+v, want a refusal with %q", c.step, refused, c.reason)
		}
	}
}

// What only members of the embedded engine do to themselves is refused where it may fall on another.
func TestDrillRefusesApache(t *testing.T) {
	spec := mustSpec(t, Request{Engines: mustMix(t, "embedded=2,apache=1")})
	for target, refused := range map[string]bool{"1,2": false, "2": false, "3": true, "1-3": true, "leader": true, "one": true, "!3": true} {
		step, err := scenario.ParseStep("at 1s disk '" + target + "' --full")
		if err != nil {
			t.Fatal(err)
		}
		reason := refusal(spec, step)
		if refused != strings.Contains(reason, "member 3 runs Apache ZooKeeper, whose disk zkctl cannot reach") {
			t.Errorf("disk %s: %q", target, reason)
		}
	}
}

// An ensemble that cannot be is an error before anything is started, and so is one that does not run.
func TestDrillOnImpossibleEnsemble(t *testing.T) {
	home := Home(t.TempDir())
	for _, ensemble := range []scenario.Ensemble{
		{Nodes: 3, Engine: "wooden"}, {Nodes: 3, Engine: "embedded=2"}, {Nodes: 99}, {Nodes: 3, Settings: map[string]string{"clientPort": "1"}},
	} {
		_, err := NewDrillTarget(DrillOptions{Home: home, Name: "drill-7", Fresh: true}, &scenario.Scenario{Ensemble: ensemble})
		if CodeOf(err) != CodeUsage {
			t.Errorf("%+v: %v", ensemble, err)
		}
	}
	if _, err := NewDrillTarget(DrillOptions{Home: home, Name: "none"}, &scenario.Scenario{}); CodeOf(err) != CodeMissing {
		t.Errorf("no such ensemble: %v", err)
	}
	if names, err := home.Names(); len(names) > 0 || err != nil {
		t.Errorf("left: %v, %v", names, err)
	}
}
