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
			s.endElections(ctx, report)
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
// change of a role. Of a member that reports its roles itself only the first is asked for, which it may have had
// when it was paused.
func (s *Supervisor) noteRoles(report *probe.Report) {
	for _, m := range s.members {
		said := report.Member(m.spec.ID)
		role := roleName(report, said)
		s.mu.Lock()
		was := m.role
		worth := m.state == stateRunning && said.Role != probe.RolePaused && said.Role != probe.RoleDown &&
			role != probe.RoleUnasked.String() && role != was && (was != "" || role != probe.RoleLooking.String()) &&
			(was == "" || m.link == nil)
		if worth {
			m.role = role
		}
		s.mu.Unlock()
		if worth {
			s.events.add(Event{Kind: EventRole, Member: m.spec.ID, From: was, To: role, Sampled: s.spec.askInterval().Seconds()})
		}
	}
}

// noteElections records the epochs that have begun since the last poll, and that no leader has reported. Each leader has
// an epoch of its own, and each member keeps the one that it has joined in a file, so an election that began and ended
// between two polls is in the timeline, too; the leader of such an epoch is not known. An epoch that no leader has
// established yet is left for its leader to report, or for a later poll.
func (s *Supervisor) noteElections(report *probe.Report) {
	newest := s.newestEpoch()
	if report.Leader == nil || report.Epoch < newest {
		newest--
	}
	for epoch := s.claimEpochs(newest); epoch <= newest; epoch++ {
		e := Event{Kind: EventElection, Epoch: epoch, Sampled: s.spec.askInterval().Seconds()}
		if report.Leader != nil && report.Epoch == epoch {
			e.Member = *report.Leader
		}
		s.events.add(e)
	}
}

// claimEpochs returns the first epoch up to newest that is not in the timeline; when it is above newest, all are. The
// caller records them.
func (s *Supervisor) claimEpochs(newest int64) (first int64) {
	const most = 100 // a damaged file must not fill the timeline
	s.mu.Lock()
	defer s.mu.Unlock()
	first = max(s.epoch, newest-most) + 1
	s.epoch = max(s.epoch, newest)
	return first
}

// newestEpoch is the newest that any member has joined.
func (s *Supervisor) newestEpoch() (newest int64) {
	for _, m := range s.members {
		newest = max(newest, currentEpoch(m.folder))
	}
	return newest
}
