package localcluster

import (
	"zkctl/inject"
	embedded "zkctl/localcluster/member"
	"zkctl/localcluster/zab"
	"zkctl/probe"
)

// reported puts what a member has reported into the timeline, with the time at which it was so for the member. An epoch
// begins for the timeline when its leader says that it is established.
func (s *Supervisor) reported(m *member, r embedded.Report) {
	e := Event{Kind: EventKind(r.Kind), Member: m.spec.ID, Mono: r.Mono, Peer: r.Peer, Epoch: r.Epoch, Zxid: r.Zxid, Sync: r.Sync, Why: r.Reason}
	switch r.Kind {
	case embedded.ReportLost:
		e.Lost = r.Lost
	case embedded.ReportRole:
		e.Epoch, e.To = 0, reportedRole(r.Role)
		s.mu.Lock()
		e.From = m.role
		known := m.state != stateRunning || e.To == m.role || m.role == "" && e.To == probe.RoleLooking.String()
		if !known {
			m.role = e.To
		}
		s.mu.Unlock()
		if known {
			return
		}
	case zab.Established.String():
		e.Kind = EventElection
		epoch := s.claimEpochs(r.Epoch)
		for ; epoch < r.Epoch; epoch++ { // of leaders that do not report
			s.events.add(Event{Kind: EventElection, Epoch: epoch, Sampled: s.spec.askInterval().Seconds()})
		}
		if epoch > r.Epoch {
			return // it was found by asking
		}
	}
	s.events.add(e)
}

// reportedRole is a role as selectors and status name it: a server without peers leads.
func reportedRole(role string) string {
	if role == probe.RoleStandalone.String() {
		return inject.RoleLeader.String()
	}
	return role
}
