package localcluster

import (
	"context"
	"math/rand/v2"
	"time"

	"zkctl/inject"
	"zkctl/inject/scenario"
)

// planner chooses the members and the links of a fault with the roles that members have at this moment. It is what one
// kind of fault has of its own; the rest of Inject is the same for all.
type planner func(members []inject.Member, random *rand.Rand) (inject.Plan, error)

// planned is a fault that has been read: what to choose, and what to record.
type planned struct {
	fault inject.Fault
	plan  planner
	open  bool // a choice is left to chance
}

// read finds the planner of a fault.
func (s *Supervisor) read(f scenario.Fault) (planned, error) {
	links := inject.Links{Target: f.Target, Channel: f.Channel}
	p := planned{plan: links.Plan, open: links.Random()}
	switch f.Verb {
	case scenario.Partition:
		p = planned{plan: f.Partition().Plan, open: f.Partition().Random()}
		p.fault.Kind = inject.Cut
	case scenario.Slow:
		p.fault.Kind, p.fault.Shape = inject.Slow, &f.Shape
	case scenario.Reset:
		p.fault.Kind = inject.Reset
	case scenario.Refuse:
		selector, err := inject.ParseSelector(f.Target)
		if err != nil {
			return p, selectorError(err)
		}
		p.fault.Kind, p.open = inject.Refuse, selector.Random()
		p.plan = func(members []inject.Member, random *rand.Rand) (inject.Plan, error) {
			return inject.PlanRefusal(members, selector, random)
		}
	default:
		return p, fail(CodeUsage, "", "%s: the supervisor can only partition, slow, reset and refuse links", f.Verb)
	}
	p.fault.Line = f.String()
	return p, nil
}

// Inject breaks something, as one types it.
func (s *Supervisor) Inject(ctx context.Context, r InjectRequest) (FaultReport, error) {
	f, err := scenario.ParseFault(r.Line)
	if err != nil {
		return FaultReport{}, fail(CodeUsage, "", "%q: %w", r.Line, err)
	}
	what, err := s.read(f)
	if err != nil {
		return FaultReport{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	release, err := s.begin(ctx, r.Line)
	if err != nil {
		return FaultReport{}, err
	}
	defer release()
	members, err := s.Members(ctx)
	if err != nil {
		return FaultReport{}, err
	}
	random, seed := chooser(r.Seed)
	plan, err := what.plan(members, random)
	if err != nil {
		return FaultReport{}, selectorError(err)
	}
	what.fault.Members, what.fault.Links = plan.Members, plan.Lanes
	report := FaultReport{Fault: what.fault, Groups: plan.Groups, Sides: s.sides(plan), DryRun: r.DryRun}
	if what.open {
		report.Seed = &seed
	}
	switch {
	case r.DryRun:
	case what.fault.Kind.Momentary():
		err = s.injectMoment(&report, r.Line)
	default:
		report.Fault, err = s.inject(ctx, what.fault, f.For, r.Line)
	}
	return report, err
}

// injectMoment causes a fault that is over as soon as it has begun. The caller holds acting.
func (s *Supervisor) injectMoment(report *FaultReport, why string) error {
	s.mu.Lock()
	recorded := s.ledger.Add(report.Fault, time.Now().UTC(), 0)
	s.mu.Unlock()
	s.events.add(Event{Kind: EventFault, Fault: &recorded, Why: why})
	broken, err := s.mesh.Reset(recorded.Links)
	report.Broken = &broken
	s.mu.Lock()
	over, _ := s.ledger.Heal(inject.Healing{IDs: []string{recorded.ID}})
	s.mu.Unlock()
	s.recordHeals(over, "it is over at once")
	recorded.Until = &recorded.Since
	report.Fault = recorded
	return err
}
