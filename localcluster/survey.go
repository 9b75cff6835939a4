package localcluster

import (
	"context"
	"time"

	"zkctl/inject"
	"zkctl/probe"
)

// surveyTimeout bounds what is asked of one member. One on the same machine that has not answered by
// then is stuck.
const surveyTimeout = 500 * time.Millisecond

// survey asks every member what it is doing, over its own client port, and judges the answers
// together. The supervisor believes no log line, and has no opinion of its own about who leads; it
// only adds what it knows of the processes: whom it need not ask, because the process has ended or is
// stopped, and who is not down, because the process runs and just does not listen yet.
func (s *Supervisor) survey(ctx context.Context) *probe.Report {
	var members []probe.Member
	var ask []probe.Server
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
	surveyor := probe.Surveyor{System: s.system, Timeout: surveyTimeout}
	for _, m := range surveyor.Survey(ctx, ask).Members {
		if m.Role == probe.RoleDown {
			m.Role = probe.RoleLooking
		}
		members = append(members, m)
	}
	return probe.Judge(members, s.system)
}

// absent is a member that cannot answer.
func absent(server probe.Server, role probe.Role, reason probe.Reason) probe.Member {
	return probe.Member{ID: server.ID, Client: server.Client, Observer: server.Observer, Role: role, Reason: reason}
}

// roleName is a member's role in the words of `status`. A stand-alone server leads itself, and one
// that claims to lead an epoch that is over leads nobody.
func roleName(report *probe.Report, m *probe.Member) string {
	switch {
	case m.Role == probe.RoleStandalone && len(report.Members) == 1:
		return probe.RoleLeader.String()
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
