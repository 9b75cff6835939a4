package localcluster

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"zkctl/inject/link"
	"zkctl/probe"
	"zkctl/probe/wire"
	"zkctl/quorum"
	"zkctl/quorum/zoocfg"
)

// The states of an ensemble, as far as its supervisor goes.
const (
	StateRunning = "running"
	StateStopped = "stopped"
	StateUnknown = "unknown" // in a list: it could not be asked
)

// Status is what `status` prints: the ensemble at one moment.
type Status struct {
	Name    string          `json:"name"`
	State   string          `json:"state"`
	Health  probe.Health    `json:"health"`
	Quorum  probe.Quorum    `json:"quorum"`
	Leader  *int64          `json:"leader"`
	Epoch   int64           `json:"epoch"`
	Connect string          `json:"connect"`
	Members []MemberStatus  `json:"members"`
	Faults  []ActiveFault   `json:"faults"`
	Reasons []probe.Finding `json:"reasons"` // why it is not healthy, and remarks
	// Killed is set when it is stopped because its supervisor was killed.
	Killed *Killed `json:"killed,omitempty"`
}

// MemberStatus is one member at one moment.
type MemberStatus struct {
	ID           int64   `json:"id"`
	Role         string  `json:"role"`
	Engine       Engine  `json:"engine"`
	Version      string  `json:"version"`
	PID          int     `json:"pid"` // 0 when it is down
	Client       string  `json:"client"`
	ClientLink   string  `json:"client_link,omitempty"` // for clients that take part in faults; empty when stopped
	QuorumPort   int     `json:"quorum_port"`
	ElectionPort int     `json:"election_port"`
	Admin        *string `json:"admin"` // null when it is off
	Zxid         string  `json:"zxid"`
	Epoch        int64   `json:"epoch"`
	Connections  int64   `json:"connections"`
	Outstanding  int64   `json:"outstanding"`
	ClientsAhead int64   `json:"clients_ahead"` // refused again and again: they have seen a later history
	Uptime       float64 `json:"uptime_seconds"`
	DataDir      string  `json:"data_dir"`
	Reason       string  `json:"reason"` // why it does not serve, empty when it does
}

// newStatus is the verdict of a report, without its members.
func newStatus(spec *Spec, state string, report *probe.Report, faults []ActiveFault) Status {
	return Status{
		Name: spec.Name, State: state, Connect: spec.Connect(), Faults: faults,
		Health: report.Health, Quorum: report.Quorum, Leader: report.Leader, Epoch: report.Epoch, Reasons: report.Reasons,
	}
}

// Status is the ensemble at this moment; it asks every member.
func (s *Supervisor) Status(ctx context.Context) (Status, error) {
	report := s.assess(ctx)
	faults := s.Faults()
	status := newStatus(s.spec, StateRunning, report, active(faults, time.Now()))
	if status.Leader == nil {
		status.Reasons = append(status.Reasons, votesOnly(faults, s.spec.Voters())...)
	}
	for _, m := range s.members {
		member := s.memberStatus(m, report)
		member.ClientLink = s.mesh.Address(link.Clients, m.spec.ID, link.Client)
		status.Members = append(status.Members, member)
		// Where a process has ended the supervisor knows more than that the member does not answer.
		for i, f := range status.Reasons {
			if f.Code == probe.CodeDown && slices.Equal(f.Members, []int64{member.ID}) && member.Role == probe.RoleDown.String() {
				status.Reasons[i].Text = fmt.Sprintf("server %d is down: %s", member.ID, member.Reason)
			}
			if f.Code == probe.CodeDown && slices.Equal(f.Members, []int64{member.ID}) && member.Reason == stoppedOutside {
				status.Reasons[i].Text = fmt.Sprintf("server %d is paused: %s, and `zkctl resume %d` lets it go on", member.ID, stoppedOutside, member.ID)
			}
		}
	}
	for _, m := range s.members {
		if m.lostData() {
			status.Reasons = append(status.Reasons, probe.Finding{Code: CodeDataGone, Members: []int64{m.spec.ID}, Text: fmt.Sprintf(
				"server %d has lost its data folder %s: it ends at its next write, and is not started without it", m.spec.ID, m.folder.DataDir())})
			status.Health = min(status.Health, probe.HealthDegraded)
		}
	}
	for _, path := range s.blockedFiles() {
		status.Reasons = append(status.Reasons, probe.Finding{Code: CodeBlocked, Members: []int64{}, Text: blockedText(path)})
	}
	return status, ctx.Err()
}

// CodeBlocked is the finding that a directory is in the place of a file that the supervisor writes.
const CodeBlocked probe.Code = "blocked"

// CodeDataGone is the finding that a member's data folder is gone.
const CodeDataGone probe.Code = "data-gone"

func (s *Supervisor) memberStatus(m *member, report *probe.Report) MemberStatus {
	status := m.spec.status(s.spec, m.folder)
	s.mu.Lock()
	state, process, why, outside := m.state, m.process, m.reason, m.outside
	s.mu.Unlock()
	if state == stateStopped {
		if process != nil {
			status.Reason = strings.TrimSuffix("exited: "+process.how.String()+": "+why, ": ")
		}
		return status
	}
	status.PID, status.Uptime = process.pid, time.Since(process.started).Seconds()
	if state == statePaused {
		status.Role, status.Reason = probe.RolePaused.String(), "paused"
		if outside {
			status.Reason = stoppedOutside
		}
		return status
	}
	said := report.Member(m.spec.ID)
	status.Role, status.Reason = roleName(report, said), said.Reason.String()
	if said.Detail == isCutOff {
		status.Reason = isCutOff
	}
	if !said.Role.Serves() {
		return status
	}
	status.Version, status.Zxid = said.Version, said.Zxid.String()
	status.Connections, status.Outstanding = said.Connections, said.Outstanding
	if status.Role == probe.RoleLooking.String() {
		status.Reason = "leads no quorum" // deposed, and has not noticed yet
	}
	return status
}

// status is what is known of a member without asking it.
func (m MemberSpec) status(s *Spec, folder MemberFolder) MemberStatus {
	status := MemberStatus{
		ID: m.ID, Role: probe.RoleDown.String(), Engine: m.Engine, Client: m.Client(), QuorumPort: m.QuorumPort,
		ElectionPort: m.ElectionPort, Zxid: wire.Zxid(0).String(), DataDir: folder.DataDir(), Epoch: currentEpoch(folder),
		Reason: "not started",
	}
	if s.Settings["admin.enableServer"] == "true" {
		admin := loopback(m.AdminPort)
		status.Admin = &admin
	}
	return status
}

// currentEpoch is the epoch that a member last joined: both engines keep it in a file of its own,
// which may be newer than the epoch of the last transaction.
func currentEpoch(folder MemberFolder) int64 {
	text, err := readRegular(filepath.Join(folder.DataDir(), "version-2", "currentEpoch"))
	if err != nil {
		return 0
	}
	epoch, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return epoch
}

// system is the quorum system of the members' configuration; a stand-alone server is a majority of one.
func (s *Spec) system() (*quorum.System, error) {
	if s.standalone() {
		return quorum.NewMajority(s.Voters()...)
	}
	ensemble, err := zoocfg.ParseEnsemble([]byte(s.configText(s.Members[0], "")))
	if err != nil {
		return nil, err
	}
	return ensemble.System()
}

// stoppedStatus is the status of an ensemble without a supervisor.
func stoppedStatus(folder Folder, spec *Spec) (Status, error) {
	system, err := spec.system()
	if err != nil {
		return Status{}, err
	}
	var members []probe.Member
	var statuses []MemberStatus
	for _, m := range spec.Members {
		server := probe.Server{ID: m.ID, Client: m.Client(), Observer: m.Observer}
		members = append(members, absent(server, probe.RoleDown, probe.ReasonRefused))
		status := m.status(spec, folder.Member(m.ID))
		status.Reason = "the ensemble is stopped"
		statuses = append(statuses, status)
	}
	status := newStatus(spec, StateStopped, probe.Judge(members, system), []ActiveFault{})
	status.Members, status.Killed = statuses, folder.killed()
	if status.Killed != nil {
		for i := range status.Members {
			status.Members[i].Reason = "the supervisor was killed"
		}
	}
	return status, nil
}
