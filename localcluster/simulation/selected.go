package simulation

import (
	"slices"
	"strconv"

	"zkctl/inject"
	"zkctl/inject/scenario"
	"zkctl/localcluster/zab"
)

// members are the servers as selectors see them. Of two servers that lead, only the one of the
// newer epoch has the role: an old leader that has not noticed is no leader.
func (w *World) members() []inject.Member {
	var leader *server
	for _, s := range w.servers {
		if s.up && !s.paused && s.status.Role == zab.Leading && s.status.Serving && (leader == nil || s.status.Epoch > leader.status.Epoch) {
			leader = s
		}
	}
	var all []inject.Member
	for _, s := range w.servers {
		m := inject.Member{ID: int64(s.id), Observer: int(s.id) > w.setup.Voters, Spared: !s.up || s.paused}
		switch {
		case s == leader:
			m.Role = inject.RoleLeader
		case !s.up || s.paused || !s.status.Serving || s.status.Role == zab.Leading:
		case m.Observer:
			m.Role = inject.RoleObserver
		default:
			m.Role = inject.RoleFollower
		}
		all = append(all, m)
	}
	return all
}

// selected resolves the selector of the fault that is striking. A selector that matches nothing
// now, such as a role that no server has, leaves nothing to strike.
func (p *plan) selected(f Fault, at *server) []*server {
	selector, err := inject.ParseSelector(withSelf(scenario.Fault{Target: f.Select}, at).Target)
	if err != nil {
		p.w.note("FAULT without effect: %v", err)
		return nil
	}
	ids, err := selector.Resolve(p.w.members(), p.running.rng)
	if err != nil {
		p.w.note("FAULT without effect: %v", err)
		return nil
	}
	var servers []*server
	for _, id := range ids {
		servers = append(servers, p.w.server(zab.ServerID(id)))
	}
	return servers
}

// cutPlanned cuts the lanes of a partition of any shape, and tells whether there are any.
func (p *plan) cutPlanned(f Fault, at *server) bool {
	partition := withSelf(f.step(&p.w.setup).Fault, at).Partition()
	plan, err := partition.Plan(p.w.members(), p.running.rng)
	if err != nil {
		p.w.note("FAULT without effect: %v", err)
		return false
	}
	p.hits(plan.Members...)
	for _, lane := range plan.Lanes {
		way := pair{zab.ServerID(lane.From), zab.ServerID(lane.To)}
		p.endAfter(f.For, p.w.cut(way, channelOf(lane.Channel.String())))
	}
	return true
}

// chosenClients are the clients that a fault strikes, in the order of their numbers. Half of them are
// rather one more than one less.
func (p *plan) chosenClients(f Fault) []*client {
	all := p.w.clients
	switch f.N {
	case AllClients:
		return all
	case HalfClients:
		order := p.running.rng.Perm(len(all))[:(len(all)+1)/2]
		slices.Sort(order)
		var half []*client
		for _, i := range order {
			half = append(half, all[i])
		}
		return half
	}
	return all[f.N-1 : f.N]
}

func withSelf(x scenario.Fault, at *server) scenario.Fault {
	if at == nil {
		return x
	}
	return x.WithSelf(strconv.Itoa(int(at.id)))
}
