package localcluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zkctl/inject"
	"zkctl/inject/drill"
	"zkctl/inject/history"
	"zkctl/inject/scenario"
	embedded "zkctl/localcluster/member"
	"zkctl/probe"
	"zkctl/quorum"
)

// DrillOptions say on which ensemble a drill runs.
type DrillOptions struct {
	Home Home
	// Name is that of an ensemble that runs: the drill breaks it, heals it, and leaves it up. With Fresh there must be
	// none of that name: the drill makes it and deletes it afterwards. Meanwhile it is one like all others, so that it can
	// be watched, and a drill that was killed leaves nothing that `zkctl ls` does not show.
	Name     string
	Fresh    bool
	Program  string       // as in UpOptions
	Progress func(string) // is called with each step of the start
}

// drillStartTime is how long the members of a fresh ensemble may take until all serve.
const drillStartTime = 30 * time.Second

// purgeKey is how often members delete old logs and snapshots, in hours; they also do when they start.
const purgeKey = "autopurge.purgeInterval"

// drillRequest is the ensemble that a scenario asks for.
func drillRequest(e scenario.Ensemble) (Request, error) {
	r := Request{Nodes: e.Nodes, Observers: e.Observers, Tick: e.Tick}
	for key, value := range e.Settings {
		r.Settings = append(r.Settings, key+"="+value)
	}
	if _, given := e.Settings[purgeKey]; !given {
		r.Settings = append(r.Settings, purgeKey+"=0") // the logs are the evidence
	}
	slices.Sort(r.Settings)
	var err error
	r.Engines, err = ParseEngineMix(cmp.Or(e.Engine, Embedded.String()))
	return r, err
}

// drillSpec is what the ensemble of a drill is made of, or would be.
func drillSpec(o DrillOptions, s *scenario.Scenario) (*Spec, error) {
	if !o.Fresh {
		return LoadSpec(o.Home.Folder(o.Name))
	}
	if err := CheckName(o.Name); err != nil {
		return nil, err
	}
	request, err := drillRequest(s.Ensemble)
	if err != nil {
		return nil, err
	}
	return newSpec(o.Name, request, time.Now())
}

// drillEnsemble is one ensemble under a drill: it puts the drill's words into the requests of a Client.
type drillEnsemble struct {
	DrillOptions
	folder Folder
	spec   *Spec
	client *Client
	system *quorum.System
	bootAt int64 // what time it was on the wall clock when the monotonic one began
}

// openDrill brings the ensemble of a drill up, or finds the one that runs.
func openDrill(ctx context.Context, o DrillOptions, s *scenario.Scenario) (drill.Ensemble, error) {
	if o.Fresh {
		if err := startFresh(ctx, o, s.Ensemble); err != nil {
			return nil, err
		}
	}
	e := &drillEnsemble{DrillOptions: o, folder: o.Home.Folder(o.Name)}
	err := e.open()
	if err != nil {
		if o.Fresh {
			err = joinNonNil(err, e.Close(context.WithoutCancel(ctx), false))
		}
		return nil, err
	}
	return e, nil
}

// startFresh makes an ensemble; when it fails there is none afterwards. One that exists stays as it is.
func startFresh(ctx context.Context, o DrillOptions, wanted scenario.Ensemble) error {
	request, err := drillRequest(wanted)
	if err != nil {
		return err
	}
	exists := fail(CodeFailed, "if it is left from a drill: zkctl down --purge --name "+o.Name, "the ensemble %s exists already", o.Name)
	if _, err := LoadSpec(o.Home.Folder(o.Name)); err == nil {
		return exists
	} else if CodeOf(err) != CodeMissing {
		return err
	}
	result, err := Up(ctx, UpOptions{
		Home: o.Home, Name: o.Name, Request: request, Wait: drillStartTime, Program: o.Program, Progress: o.Progress,
	})
	switch {
	case err == nil && !result.Created:
		return exists // another drill was faster
	case err != nil && result.Created:
		_, gone := Down(context.WithoutCancel(ctx), o.Home, o.Name, true, false)
		return joinNonNil(err, gone)
	}
	return err
}

func (e *drillEnsemble) open() (err error) {
	e.bootAt = time.Now().UnixNano() - embedded.Monotonic()
	if e.spec, err = LoadSpec(e.folder); err != nil {
		return err
	}
	if e.system, err = e.spec.system(); err != nil {
		return err
	}
	e.client, err = Dial(e.folder)
	return err
}

func (e *drillEnsemble) Members(ctx context.Context) ([]inject.Member, error) {
	return e.client.Members(ctx)
}

// Clients are the links in front of the members, so that faults reach the clients, too.
func (e *drillEnsemble) Clients(ctx context.Context) (map[int64]string, error) {
	status, err := e.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	addresses := map[int64]string{}
	for _, m := range status.Members {
		addresses[m.ID] = m.ClientLink
	}
	return addresses, nil
}

// Inject causes a fault. What the members are made to do is on record when it returns.
func (e *drillEnsemble) Inject(ctx context.Context, f scenario.Fault, seed uint64) (drill.FaultRecord, error) {
	act := ActRequest{Verb: string(f.Verb), Selector: f.Target, Seed: &seed, Signal: f.Signal, Wipe: f.Wipe, Lease: f.For.Seconds()}
	switch f.Verb {
	case scenario.Partition, scenario.Slow, scenario.Reset, scenario.Refuse, scenario.Elect, scenario.Expire,
		scenario.Disk, scenario.Clock:
		r, err := e.client.Inject(ctx, InjectRequest{Line: f.String(), Seed: &seed})
		record := faultRecord(r.Fault)
		if r.Fault.Momentary() {
			record.To = record.From
		}
		if r.Broken != nil && *r.Broken == 0 {
			record.Effect, record.Why = false, "there was no connection to break"
		}
		return record, err
	case scenario.Kill, scenario.Pause:
	case scenario.Restart:
		// A member that stays down for a while is one that was asked to end, and that a lease starts again.
		if f.For > 0 {
			act.Verb, act.Signal = string(scenario.Kill), signalName(askToEnd)
		}
	default:
		return drill.FaultRecord{}, fmt.Errorf("%s: no process can be made to do this", f.Verb)
	}
	began := time.Now()
	r, err := e.client.Act(ctx, act)
	switch {
	case err != nil:
		return drill.FaultRecord{}, err
	case r.Fault != nil:
		return faultRecord(*r.Fault), nil
	}
	record := drill.FaultRecord{Members: r.Members, From: began.UnixNano(), To: time.Now().UnixNano(), Effect: r.Verb == string(scenario.Restart)}
	if !record.Effect {
		record.Why = "it changed nothing"
		for _, result := range r.Results {
			record.Why += fmt.Sprintf("; member %d %s", result.Member, result.Outcome)
		}
	}
	return record, nil
}

// faultRecord is a fault in a drill's words.
func faultRecord(f inject.Fault) drill.FaultRecord {
	if f.ID == "" {
		return drill.FaultRecord{}
	}
	return drill.FaultRecord{ID: f.ID, Members: f.Members, Links: f.Links.Strings(), From: f.Since.UnixNano(), Effect: true}
}

func (e *drillEnsemble) Plant(context.Context, scenario.Step, uint64) error {
	return errors.New("no member reports the points of the protocol")
}

func (e *drillEnsemble) Heal(ctx context.Context) error {
	_, err := e.client.Heal(ctx, HealRequest{Healing: inject.Healing{Processes: true}})
	return err
}

// Wait waits until the deadline of ctx. A member that dies meanwhile is not waited for.
func (e *drillEnsemble) Wait(ctx context.Context, condition string) error {
	timeout := drillStartTime
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	_, err := e.client.Wait(ctx, WaitRequest{For: condition, Timeout: timeout.Seconds(), Fragile: condition == probe.HealthHealthy.String()})
	return err
}

// Disks reads what is on the members' disks. Of a member whose data cannot be read the log says why, as does the error.
func (e *drillEnsemble) Disks(context.Context) (logs []history.MemberLog, trees map[int64]history.View, err error) {
	trees = map[int64]history.View{}
	var errs []error
	for _, m := range e.spec.Members {
		log, tree, err := ReadMember(e.folder.Member(m.ID).DataDir())
		log.Member, log.Voter = m.ID, !m.Observer
		if err != nil {
			log.Problem = err.Error()
			errs = append(errs, fmt.Errorf("member %d: %w", m.ID, err))
		} else {
			trees[m.ID] = tree
		}
		logs = append(logs, log)
	}
	return logs, trees, errors.Join(errs...)
}

func (e *drillEnsemble) Quorum(has func(member int64) bool) bool { return e.system.IsQuorum(has) }

func (e *drillEnsemble) Tick() time.Duration { return e.spec.Tick() }

// Foreign tells that the ensemble was there before the drill.
func (e *drillEnsemble) Foreign() bool { return !e.Fresh }

func (e *drillEnsemble) Folder() drill.Folder {
	f := drill.Folder{Events: e.folder.EventsFile(), Logs: map[int64]string{}, Data: map[int64]string{}}
	for _, m := range e.spec.Members {
		f.Logs[m.ID], f.Data[m.ID] = e.folder.Member(m.ID).LogFile(), e.folder.Member(m.ID).DataDir()
	}
	return f
}

// Close deletes a fresh ensemble, and heals another one, which need not have been healed when the drill was interrupted.
func (e *drillEnsemble) Close(ctx context.Context, keep bool) error {
	if !e.Fresh {
		return e.Heal(ctx)
	}
	if keep {
		return nil
	}
	_, err := Down(ctx, e.Home, e.Name, true, false)
	return err
}
