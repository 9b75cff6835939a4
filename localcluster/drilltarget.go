package localcluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zkctl/inject"
	"zkctl/inject/drill"
	"zkctl/inject/history"
	"zkctl/inject/scenario"
	"zkctl/probe"
	"zkctl/quorum"
)

// DrillOptions say on which ensemble a drill runs.
type DrillOptions struct {
	Home Home
	// Name is that of an ensemble that runs, which the drill breaks, heals and leaves up. Fresh makes an ensemble of
	// that name for the drill and deletes it afterwards.
	Name    string
	Fresh   bool
	Program string
	// Progress is called with each step of the start.
	Progress func(string)
}

// NewDrillTarget is the world of the processes of one ensemble. Of an ensemble that is there, s gets the size.
func NewDrillTarget(o DrillOptions, s *scenario.Scenario) (drill.Target, error) {
	if !o.Fresh {
		spec, err := LoadSpec(o.Home.Folder(o.Name))
		if err != nil {
			return nil, err
		}
		s.Ensemble = scenario.Ensemble{Nodes: len(spec.Voters()), Observers: len(spec.Observers()), Tick: spec.Tick()}
	}
	request := Request{Nodes: s.Ensemble.Nodes, Observers: s.Ensemble.Observers, Tick: s.Ensemble.Tick}
	engine := cmp.Or(s.Ensemble.Engine, Embedded.String())
	var err error
	if request.Engines, err = ParseEngineMix(engine); err != nil {
		return nil, err
	}
	for key, value := range s.Ensemble.Settings {
		request.Settings = append(request.Settings, key+"="+value)
	}
	slices.Sort(request.Settings)
	describe := o.Name
	if o.Fresh {
		describe = fmt.Sprintf("%s, %d voters", engine, s.Ensemble.Nodes)
		if n := s.Ensemble.Observers; n > 0 {
			describe += fmt.Sprintf(", %d observers", n)
		}
	}
	return drill.Processes(describe, refuseSteps, func(ctx context.Context, _ *scenario.Scenario) (drill.Ensemble, error) {
		if o.Fresh {
			if _, err := Up(ctx, UpOptions{
				Home: o.Home, Name: o.Name, Request: request, Wait: drillStartTime, Program: o.Program, Progress: o.Progress,
			}); err != nil {
				_, gone := Down(context.WithoutCancel(ctx), o.Home, o.Name, true, false)
				return nil, errors.Join(err, gone)
			}
		}
		return newDrillEnsemble(o)
	}), nil
}

const drillStartTime = 30 * time.Second

// refuseSteps lists the steps that no ensemble of processes can carry out.
func refuseSteps(s *scenario.Scenario) []scenario.Refusal {
	var list []scenario.Refusal
	for _, step := range s.Steps {
		reason := ""
		f := step.Fault
		switch {
		case step.When.Point != "":
			reason = "no member reports the points of the protocol"
		case f.Verb == scenario.Kill && (f.Lose != scenario.LoseNothing || f.Silent || f.Wipe):
			reason = "a process that is killed keeps what it has written"
		case slices.Contains([]scenario.Verb{scenario.Kill, scenario.Restart, scenario.Pause, scenario.Partition, scenario.Slow, scenario.Client}, f.Verb):
		default:
			reason = fmt.Sprintf("%s is not possible on processes", f.Verb)
		}
		if reason != "" {
			list = append(list, scenario.Refusal{Step: step, Reason: reason})
		}
	}
	return list
}

// drillEnsemble is drill.Ensemble over the requests of a Client.
type drillEnsemble struct {
	options DrillOptions
	folder  Folder
	spec    *Spec
	client  *Client
	system  *quorum.System
}

func newDrillEnsemble(o DrillOptions) (*drillEnsemble, error) {
	folder := o.Home.Folder(o.Name)
	spec, err := LoadSpec(folder)
	if err != nil {
		return nil, err
	}
	client, err := Dial(folder)
	if err != nil {
		return nil, err
	}
	system, err := spec.system()
	return &drillEnsemble{o, folder, spec, client, system}, err
}

func (e *drillEnsemble) Members(ctx context.Context) ([]inject.Member, error) {
	return e.client.Members(ctx)
}

func (e *drillEnsemble) Clients(context.Context) (map[int64]string, error) {
	list := map[int64]string{}
	for _, m := range e.spec.Members {
		list[m.ID] = m.Client()
	}
	return list, nil
}

func (e *drillEnsemble) Inject(ctx context.Context, f scenario.Fault, seed uint64) (drill.FaultRecord, error) {
	switch f.Verb {
	case scenario.Partition:
		r, err := e.client.Partition(ctx, PartitionRequest{Partition: f.Partition(), Seed: &seed, Lease: f.For.Seconds()})
		return recordOf(r.Fault), err
	case scenario.Slow:
		r, err := e.client.Slow(ctx, SlowRequest{Links: f.Target, Channel: f.Channel, Shape: f.Shape, Seed: &seed, Lease: f.For.Seconds()})
		return recordOf(r.Fault), err
	}
	act := ActRequest{Verb: string(f.Verb), Selector: f.Target, Seed: &seed, Signal: f.Signal, Lease: f.For.Seconds()}
	if f.Verb == scenario.Restart && f.For > 0 { // it stays down meanwhile
		act.Verb, act.Signal = string(scenario.Kill), "TERM"
	}
	began := time.Now()
	r, err := e.client.Act(ctx, act)
	switch {
	case err != nil:
		return drill.FaultRecord{}, err
	case r.Fault != nil:
		return recordOf(*r.Fault), nil
	case f.Verb == scenario.Restart:
		return drill.FaultRecord{Members: r.Members, From: began.UnixNano(), To: time.Now().UnixNano(), Effect: true}, nil
	}
	return drill.FaultRecord{Members: r.Members, From: began.UnixNano(), Why: "it changed nothing"}, nil
}

func recordOf(f inject.Fault) drill.FaultRecord {
	return drill.FaultRecord{ID: f.ID, Members: f.Members, Links: f.Links.Strings(), From: f.Since.UnixNano(), Effect: f.ID != ""}
}

func (e *drillEnsemble) Plant(context.Context, scenario.Step, uint64) error {
	return errors.New("no member reports the points of the protocol")
}

func (e *drillEnsemble) Heal(ctx context.Context) error {
	_, err := e.client.Heal(ctx, HealRequest{Healing: inject.Healing{Processes: true}})
	return err
}

func (e *drillEnsemble) Wait(ctx context.Context, condition string) error {
	timeout := drillStartTime
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	_, err := e.client.Wait(ctx, WaitRequest{For: condition, Timeout: timeout.Seconds()})
	return err
}

func (e *drillEnsemble) Follow(ctx context.Context, each func(drill.Event, *drill.FaultRecord)) error {
	more := func() bool { return ctx.Err() == nil }
	return Tail(ctx, e.folder.EventsFile(), more, func(line []byte) error {
		var one Event
		if json.Unmarshal(line, &one) != nil {
			return nil // a torn line; what was lost is an event of its own
		}
		event, fault := e.translate(one)
		each(event, fault)
		return nil
	})
}

// translate puts an event into the words of a drill. Roles and epochs are found by asking every member once a tick.
func (e *drillEnsemble) translate(one Event) (drill.Event, *drill.FaultRecord) {
	d := drill.Event{At: one.Time.UnixNano(), Kind: drill.EventKind(one.Kind), Member: one.Member, Epoch: one.Epoch, Text: one.Why}
	switch one.Kind {
	case EventRole:
		d.Role, d.Sampled = one.To, e.spec.Tick()
		switch one.To {
		case probe.RoleLooking.String():
			d.Kind = drill.EventElecting
		case probe.RoleLeader.String():
			d.Kind = drill.EventElected
		}
	case EventElection:
		d.Kind, d.Sampled = drill.EventEstablished, e.spec.Tick()
	case EventLost:
		d.Text = fmt.Sprintf("%d events could not be written", one.Lost)
	case EventFault, EventHeal:
		if one.Fault == nil {
			break
		}
		f := recordOf(*one.Fault)
		d.Text = strings.TrimSpace(one.Fault.ID + " " + one.Why)
		if one.Kind == EventHeal {
			f.To = d.At
		}
		return d, &f
	}
	return d, nil
}

func (e *drillEnsemble) Disks(context.Context) (logs []history.MemberLog, trees map[int64]history.View, err error) {
	trees = map[int64]history.View{}
	for _, m := range e.spec.Members {
		log, tree, err := ReadMember(e.folder.Member(m.ID).DataDir())
		if err != nil {
			return nil, nil, fmt.Errorf("member %d: %w", m.ID, err)
		}
		log.Member, log.Voter = m.ID, !m.Observer
		logs, trees[m.ID] = append(logs, log), tree
	}
	return logs, trees, nil
}

func (e *drillEnsemble) Quorum(has func(member int64) bool) bool {
	return e.system.IsQuorum(has)
}

func (e *drillEnsemble) Tick() time.Duration { return e.spec.Tick() }

func (e *drillEnsemble) Foreign() bool { return !e.options.Fresh }

func (e *drillEnsemble) Folder() drill.Folder {
	f := drill.Folder{Events: e.folder.EventsFile(), Logs: map[int64]string{}, Data: map[int64]string{}}
	for _, m := range e.spec.Members {
		f.Logs[m.ID], f.Data[m.ID] = e.folder.Member(m.ID).LogFile(), e.folder.Member(m.ID).DataDir()
	}
	return f
}

func (e *drillEnsemble) Close(ctx context.Context, keep bool) error {
	if keep || !e.options.Fresh {
		return nil
	}
	_, err := Down(ctx, e.options.Home, e.options.Name, true, false)
	return err
}
