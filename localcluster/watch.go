package localcluster

import (
	"context"
	"time"

	"zkctl/probe"
)

// askInterval is how often the supervisor asks the members for their roles: once a tick, which is often enough for
// a timeline and little work for the members.
func (s *Spec) askInterval() time.Duration {
	return min(max(s.Tick(), 50*time.Millisecond), time.Second)
}

// watchRoles records when a member has another role than before.
func (s *Supervisor) watchRoles(ctx context.Context) {
	ticker := time.NewTicker(s.spec.askInterval())
	defer ticker.Stop()
	for {
		if report := s.survey(ctx); ctx.Err() == nil {
			s.noteElections(report)
			s.noteRoles(report)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// noteRoles records the roles that changed. A member that takes part in no quorum is "looking". A member that
// has not served since it was started gets its first event when it serves. A question without an answer is no
// change of a role.
func (s *Supervisor) noteRoles(report *probe.Report) {
	for _, m := range s.members {
		said := report.Member(m.spec.ID)
		role := roleName(report, said)
		s.mu.Lock()
		was := m.role
		worth := m.state == stateRunning && said.Role != probe.RolePaused && said.Role != probe.RoleDown &&
			role != probe.RoleUnasked.String() && role != was && (was != "" || role != probe.RoleLooking.String())
		if worth {
			m.role = role
		}
		s.mu.Unlock()
		if worth {
			s.events.add(Event{Kind: EventRole, Member: m.spec.ID, From: was, To: role})
		}
	}
}

// noteElections records every epoch that has begun since the last poll. Each leader has an epoch of its own,
// and each member keeps the one that it has joined in a file, so an election that began and ended between
// two polls is in the timeline, too; the leader of such an epoch is not known.
func (s *Supervisor) noteElections(report *probe.Report) {
	newest := s.newestEpoch()
	const most = 100 // a damaged file must not fill the timeline
	for s.epoch = max(s.epoch, newest-most); s.epoch < newest; {
		s.epoch++
		e := Event{Kind: EventElection, Epoch: s.epoch}
		if report.Leader != nil && report.Epoch == s.epoch {
			e.Member = *report.Leader
		}
		s.events.add(e)
	}
}

// newestEpoch is the newest that any member has joined.
func (s *Supervisor) newestEpoch() (newest int64) {
	for _, m := range s.members {
		newest = max(newest, currentEpoch(m.folder))
	}
	return newest
}
