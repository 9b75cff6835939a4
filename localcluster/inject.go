package localcluster

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"

	"zkctl/inject"
	"zkctl/inject/scenario"
	embedded "zkctl/localcluster/member"
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
	case scenario.Elect:
		if f.Forced != "" {
			return p, fail(CodeUsage, "leave --force out", "elect --force: no process can be made to vote for a member")
		}
		selector, err := inject.ParseSelector(cmp.Or(f.Target, inject.RoleLeader.String()))
		if err != nil {
			return p, selectorError(err)
		}
		p.fault.Kind, p.open = inject.Elect, selector.Random()
		p.plan = func(members []inject.Member, random *rand.Rand) (inject.Plan, error) {
			return s.planElection(members, selector, random)
		}
	case scenario.Disk:
		return s.readOwn(f, inject.Disk)
	case scenario.Clock:
		return s.readOwn(f, inject.Clock)
	case scenario.Expire:
		if _, err := parseSession(f.Target); err != nil {
			return p, err
		}
		p = planned{plan: planExpiry}
		p.fault.Kind, p.fault.Detail = inject.Expire, f.Target
	default:
		return p, fail(CodeUsage, "`zkctl help` lists the commands for faults", "%s is no fault that the supervisor causes by this request", f.Verb)
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
	case what.fault.Momentary():
		err = s.injectMoment(ctx, &report, r.Line)
	case what.fault.Kind == inject.Elect:
		report.Fault, err = s.inject(ctx, what.fault, electionTime, r.Line)
	default:
		report.Fault, err = s.inject(ctx, what.fault, f.For, r.Line)
	}
	return report, err
}

// injectMoment causes a fault that is over as soon as it has begun. The caller holds acting.
func (s *Supervisor) injectMoment(ctx context.Context, report *FaultReport, why string) error {
	s.mu.Lock()
	recorded := s.ledger.Add(report.Fault, time.Now().UTC(), 0)
	s.mu.Unlock()
	s.events.add(Event{Kind: EventFault, Fault: &recorded, Why: why})
	var err error
	switch recorded.Kind {
	case inject.Reset:
		var broken int
		broken, err = s.mesh.Reset(recorded.Links)
		report.Broken = &broken
	case inject.Expire:
		err = s.expireSession(ctx, recorded)
	case inject.Elect:
		err = joinErrors(s.each(recorded.Members, func(m *member) error { return s.order(ctx, m, embedded.Order{Do: embedded.OrderResign}) }))
	}
	s.mu.Lock()
	over, _ := s.ledger.Heal(inject.Healing{IDs: []string{recorded.ID}})
	s.mu.Unlock()
	s.recordHeals(over, "it is over at once")
	recorded.Until = &recorded.Since
	report.Fault = recorded
	return err
}
