package localcluster

import (
	"context"
	"net"
	"time"

	"zkctl/inject"
	"zkctl/inject/link"
	"zkctl/probe"
	"zkctl/quorum"
)

// surveyTimeout bounds a request to one member. A member on the same machine that has not answered by then is
// stuck.
const surveyTimeout = 500 * time.Millisecond

// surveyor asks the members. Embedded members are asked over sockets of their own, so that the supervisor's
// questions do not count among a client's connections (maxClientCnxns): they take no client's place, and are
// answered when clients have taken all.
func (s *Supervisor) surveyor() probe.Surveyor {
	return probe.Surveyor{System: s.system, Timeout: surveyTimeout, Dial: s.dialMember}
}

// dialMember connects to a member by the address of its client port.
func (s *Supervisor) dialMember(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	for _, m := range s.members {
		if m.socket == "" || m.spec.Client() != address {
			continue
		}
		if conn, err := d.DialContext(ctx, "unix", m.socket); err == nil {
			return conn, nil
		}
		break // it does not listen yet, or its socket was removed
	}
	return d.DialContext(ctx, network, address)
}

// survey asks every member what it is doing, and judges the answers
// together. The supervisor adds only what it knows of the processes: a member whose process has ended or is
// stopped is not asked, one whose process runs and does not listen yet is looking, and one whose process runs and
// does not answer, or refuses the question, is unasked: nothing follows from that.
func (s *Supervisor) survey(ctx context.Context) *probe.Report {
	var members []probe.Member
	var ask []probe.Server
	s.reconcile()
	s.mu.Lock()
	for _, m := range s.members {
		server := probe.Server{ID: m.spec.ID, Client: m.spec.Client(), Observer: m.spec.Observer}
		switch m.state {
		case stateRunning:
			ask = append(ask, server)
		case statePaused:
			members = append(members, absent(server, probe.RolePaused, probe.ReasonSilent))
		default:
			members = append(members, absent(server, probe.RoleDown, probe.ReasonRefused))
		}
	}
	s.mu.Unlock()
	surveyor := s.surveyor()
	for _, m := range surveyor.Survey(ctx, ask).Members {
		if m.Role == probe.RoleDown && m.Reason == probe.ReasonRefused {
			m.Role = probe.RoleLooking
		} else if m.Role == probe.RoleDown {
			m.Role = probe.RoleUnasked
		}
		members = append(members, m)
	}
	return probe.Judge(members, s.system)
}

// assess is survey with what the supervisor knows of the links. Right after a cut a leader still says
// that it leads and its followers that they follow, since none of them can know better before
// syncLimit is over. But nothing is acknowledged any more, so a wait for a leader must not count this
// one.
func (s *Supervisor) assess(ctx context.Context) *probe.Report {
	members := s.survey(ctx).Members
	cut := map[[2]int64]bool{}
	for lane, condition := range s.mesh.Conditions() {
		if condition.Cut && lane.Channel == link.Quorum {
			cut[[2]int64{lane.From, lane.To}] = true
		}
	}
	if len(cut) > 0 {
		cutOff(members, s.system, func(a, b int64) bool { return cut[[2]int64{a, b}] || cut[[2]int64{b, a}] })
	}
	return probe.Judge(members, s.system)
}

// cutOff makes leaders that cannot reach a quorum looking, and followers and observers that cannot reach the
// leader. Of two leaders the one of the later epoch counts.
func cutOff(members []probe.Member, system *quorum.System, cut func(a, b int64) bool) {
	var leader *probe.Member
	for i := range members {
		m := &members[i]
		if m.Role != probe.RoleLeader {
			continue
		}
		if !system.IsQuorum(func(id int64) bool { return !cut(m.ID, id) }) {
			m.Role, m.Reason, m.Detail = probe.RoleLooking, probe.ReasonNotServing, isCutOff
		} else if leader == nil || m.Epoch > leader.Epoch {
			leader = m
		}
	}
	for i := range members {
		m := &members[i]
		learns := m.Role == probe.RoleFollower || m.Role == probe.RoleObserver
		if learns && leader != nil && cut(m.ID, leader.ID) {
			m.Role, m.Reason, m.Detail = probe.RoleLooking, probe.ReasonNotServing, isCutOff
		}
	}
}

// isCutOff is the detail of a member whose links are cut, and which has not noticed yet.
const isCutOff = "cut off"

// absent is a member that cannot answer.
func absent(server probe.Server, role probe.Role, reason probe.Reason) probe.Member {
	return probe.Member{ID: server.ID, Client: server.Client, Observer: server.Observer, Role: role, Reason: reason}
}

// roleName is a member's role as `status` shows it. A stand-alone server is a leader, and a server that claims
// to lead an epoch that is over is looking.
func roleName(report *probe.Report, m *probe.Member) string {
	switch {
	case m.Role == probe.RoleStandalone && len(report.Members) == 1:
		return probe.RoleLeader.String()
	case m.Role == probe.RoleUnasked && report.Leader != nil && *report.Leader == m.ID:
		return probe.RoleLeader.String() // the others follow it
	case m.Role == probe.RoleUnasked:
		return m.Role.String()
	case m.Role == probe.RoleLeader && (report.Leader == nil || *report.Leader != m.ID), !m.Role.Serves() && m.Role != probe.RoleDown && m.Role != probe.RolePaused:
		return probe.RoleLooking.String()
	}
	return m.Role.String()
}

// selectable is a member's role as selectors know it.
func selectable(name string) inject.Role {
	for _, r := range []inject.Role{inject.RoleLeader, inject.RoleFollower, inject.RoleObserver} {
		if r.String() == name {
			return r
		}
	}
	return inject.RoleNone
}
