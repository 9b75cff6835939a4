package probe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"zkctl/quorum"
)

// Judge draws the conclusions from what the members said. It is a function of its
// arguments alone, so that its rules can be read and tested as a table. A nil system
// is a majority of the members that are no observers.
//
// A server's word is not enough to be the leader: for some time after a partition a
// deposed leader still says "Mode: leader". So the leader of the latest epoch counts,
// and it counts only together with followers with which it makes a quorum. It may have
// lost them a moment ago; only a write could show that.
func Judge(members []Member, system *quorum.System) *Report {
	j := judgement{Report: Report{Members: members, Reasons: []Finding{}}}
	if system == nil {
		var err error
		if system, err = majorityOf(members); err != nil {
			j.find(CodeNoVoters, nil, "the ensemble has no voters: %v", err)
			return &j.Report
		}
	}
	j.system, j.voters = system, system.Voters()
	j.Quorum.Size = len(j.voters)
	// An error means that counting would take too long, for systems that are no
	// configuration of ZooKeeper's; 0 is the honest answer then, too.
	if t, err := quorum.Tolerance(system); err == nil {
		j.Quorum.Needed = t.Quorum
	}
	if len(members) == 1 && len(j.voters) == 1 && members[0].Role == RoleStandalone {
		j.judgeStandalone()
	} else {
		j.judgeLeaders()
	}
	j.judgeMembers()
	j.Health = j.verdict()
	return &j.Report
}

type judgement struct {
	Report
	system *quorum.System
	voters []int64

	proven    bool // a quorum was seen at work
	undecided bool // the members that could not be asked may make a quorum
	flaws     int  // findings that keep the ensemble from being healthy
}

func majorityOf(members []Member) (*quorum.System, error) {
	var ids []int64
	for _, m := range members {
		if !m.Observer {
			ids = append(ids, m.ID)
		}
	}
	return quorum.NewMajority(ids...)
}

func (j *judgement) find(code Code, members []int64, format string, args ...any) {
	if members == nil {
		members = []int64{}
	}
	j.Reasons = append(j.Reasons, Finding{code, members, fmt.Sprintf(format, args...)})
	if code != CodeMixedReleases && code != CodeRolesHidden {
		j.flaws++
	}
}

func (j *judgement) judgeStandalone() {
	m := j.Members[0]
	j.proven = true
	j.Leader, j.Epoch, j.Quorum.Have = &m.ID, m.Epoch, 1
}

// judgeLeaders finds the established leader, if there is one.
func (j *judgement) judgeLeaders() {
	leaders := j.inRole(RoleLeader)
	if len(leaders) == 0 {
		if !j.judgeUnasked() {
			j.judgeHidden()
		}
		return
	}
	// The latest epoch first; within one, which must not happen, the largest id.
	slices.SortFunc(leaders, func(a, b *Member) int {
		return cmp.Or(cmp.Compare(b.Epoch, a.Epoch), cmp.Compare(b.ID, a.ID))
	})
	top := *leaders[0]
	if len(leaders) > 1 {
		j.judgeRivals(leaders)
	}
	if !j.system.CanLead(top.ID) {
		j.find(CodeCannotLead, []int64{top.ID}, "server %d leads, but cannot: it is no voter, or has no weight", top.ID)
	}
	backed := map[int64]bool{top.ID: true}
	for i := range j.Members {
		m := &j.Members[i]
		// A member that does not say its role, but opened a session, took part in a write.
		if m.Role == RoleFollower || m.Role == RoleUnknown {
			backed[m.ID] = true
		}
		// A leader that allows mntr only does not say its zxid, so its epoch is not known.
		if m.Role.Serves() && m.Epoch > top.Epoch && top.Zxid != 0 {
			j.find(CodeStaleLeader, []int64{top.ID}, "server %d leads epoch %d, but server %d is in epoch %d already",
				top.ID, top.Epoch, m.ID, m.Epoch)
			j.undecided = j.withUnasked(backed)
			return
		}
	}
	for _, id := range j.voters {
		if backed[id] {
			j.Quorum.Have++
		}
	}
	tied := len(leaders) > 1 && leaders[1].Epoch == top.Epoch
	quorum := j.system.IsQuorum(func(id int64) bool { return backed[id] })
	switch {
	case !quorum && !tied && j.withUnasked(backed):
		j.undecided = true
		j.Leader, j.Epoch = &top.ID, top.Epoch // no member speaks against it
	case !quorum:
		j.find(CodeNotBacked, []int64{top.ID}, "server %d says that it leads, but has no quorum of followers", top.ID)
	case !tied:
		j.proven = true
		j.Leader, j.Epoch = &top.ID, top.Epoch
	}
}

func (j *judgement) judgeRivals(leaders []*Member) {
	top, ids := leaders[0], idsOf(leaders)
	if leaders[1].Epoch == top.Epoch {
		j.find(CodeSplitBrain, ids, "servers %s all lead epoch %d: this must never happen", list(ids), top.Epoch)
		return
	}
	j.find(CodeTwoLeaders, ids, "servers %s all say that they lead; server %d is in the latest epoch", list(ids), top.ID)
}

// withUnasked reports whether members and those that could not be asked are a quorum together.
func (j *judgement) withUnasked(members map[int64]bool) bool {
	unasked := map[int64]bool{}
	for _, m := range j.inRole(RoleUnasked) {
		unasked[m.ID] = true
	}
	return len(unasked) > 0 && j.system.IsQuorum(func(id int64) bool { return members[id] || unasked[id] })
}

// judgeUnasked judges when no member says that it leads, and one of those that could not be asked may lead. The
// members that follow must follow one of these: if each would make a quorum with the followers there is one,
// and if it can be only one that is the leader. It returns false when there is no such member.
func (j *judgement) judgeUnasked() bool {
	follow, serve, epoch := map[int64]bool{}, map[int64]bool{}, int64(0)
	for i := range j.Members {
		if m := &j.Members[i]; m.Role == RoleFollower || m.Role == RoleUnknown {
			serve[m.ID], follow[m.ID] = true, m.Role == RoleFollower
			epoch = max(epoch, m.Epoch)
		}
	}
	var leaders []int64
	each := true // of the possible leaders has a quorum
	for _, m := range j.inRole(RoleUnasked) {
		if j.system.CanLead(m.ID) {
			leaders = append(leaders, m.ID)
			each = each && j.system.IsQuorum(func(id int64) bool { return follow[id] || id == m.ID })
		}
	}
	if len(leaders) == 0 || !j.withUnasked(serve) {
		return false
	}
	for _, id := range j.voters {
		if serve[id] {
			j.Quorum.Have++
		}
	}
	j.Epoch = epoch
	j.proven, j.undecided = each && j.Quorum.Have > 0, true
	if j.proven {
		j.Quorum.Have++ // the leader
		if len(leaders) == 1 {
			j.Leader = &leaders[0]
		}
	}
	return true
}

// judgeHidden judges when no member says that it leads. If members do not say their
// roles, a session proves that there is a quorum: to open one is a write.
func (j *judgement) judgeHidden() {
	hidden := j.inRole(RoleUnknown)
	if len(hidden) == 0 {
		j.find(CodeNoLeader, nil, "no member leads")
		return
	}
	ids := idsOf(hidden)
	j.find(CodeRolesHidden, ids, "servers %s serve, but do not allow srvr: which of them leads is not known", list(ids))
	j.proven = true
	for i := range j.Members {
		m := &j.Members[i]
		if (m.Role == RoleUnknown || m.Role == RoleFollower) && slices.Contains(j.voters, m.ID) {
			j.Quorum.Have++
		}
		if m.Role.Serves() {
			j.Epoch = max(j.Epoch, m.Epoch)
		}
	}
}

// judgeMembers looks at each member for itself.
func (j *judgement) judgeMembers() {
	releases := map[string][]int64{}
	for i := range j.Members {
		m := &j.Members[i]
		if m.Version != "" {
			releases[m.Version] = append(releases[m.Version], m.ID)
		}
		self := []int64{m.ID}
		switch {
		case m.Role == RoleDown || m.Role == RolePaused:
			j.find(CodeDown, self, "server %d is %s: %s", m.ID, m.Role, m.because())
		case m.Role == RoleLooking:
			j.find(CodeLooking, self, "server %d takes part in no quorum: %s", m.ID, m.because())
		case m.Role == RoleUnasked:
			j.find(CodeUnasked, self, "server %d runs, and could not be asked: %s; it may serve all the same (%s)", m.ID, m.because(), m.Reason.Hint())
		case m.Role == RoleStandalone && max(len(j.Members), len(j.voters)) > 1:
			j.find(CodeStandalone, self, "server %d serves alone, as if there were no others", m.ID)
		case m.Role == RoleObserver && slices.Contains(j.voters, m.ID):
			j.find(CodeUnexpected, self, "server %d observes, but should vote", m.ID)
		case m.Role == RoleFollower && !slices.Contains(j.voters, m.ID):
			j.find(CodeUnexpected, self, "server %d follows as a voter would, but is none", m.ID)
		}
		if m.Session != nil && !m.Session.OK() && m.Role.Serves() {
			j.find(CodeSession, self, "server %d says that it serves, but a client fails to %s: %s", m.ID, m.Session.Layer, m.Session.Reason)
		}
	}
	if len(releases) > 1 {
		var texts []string
		for _, release := range slices.Sorted(maps.Keys(releases)) {
			texts = append(texts, fmt.Sprintf("%s on %s", release, list(releases[release])))
		}
		j.find(CodeMixedReleases, nil, "releases differ: %s", strings.Join(texts, ", "))
	}
}

func (m *Member) because() string {
	if m.Reason == ReasonNone {
		return "it does not say why"
	}
	return m.Reason.String()
}

func (j *judgement) verdict() Health {
	switch {
	case j.proven && j.flaws == 0:
		return HealthHealthy
	case j.proven:
		return HealthDegraded
	case j.undecided:
		return HealthUnknown
	}
	for _, m := range j.Members {
		if m.Role != RoleDown && m.Role != RolePaused {
			return HealthNoQuorum
		}
	}
	return HealthDown
}

func (j *judgement) inRole(role Role) []*Member {
	var in []*Member
	for i := range j.Members {
		if j.Members[i].Role == role {
			in = append(in, &j.Members[i])
		}
	}
	return in
}

func idsOf(members []*Member) []int64 {
	var ids []int64
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return ids
}

func list(ids []int64) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d", id)
	}
	return b.String()
}
