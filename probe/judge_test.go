package probe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
	"zkctl/quorum"
)

// members reads a line such as "1:leader@2.0 2:follower@1.7 3:down/refused 4o:observer"
// for tests: id, "o" for a configured observer, role, epoch.counter, reason.
func members(t *testing.T, line string) []Member {
	t.Helper()
	var out []Member
	for word := range strings.FieldsSeq(line) {
		id, rest, _ := strings.Cut(word, ":")
		rest, reason, _ := strings.Cut(rest, "/")
		role, at, hasZxid := strings.Cut(rest, "@")
		var m Member
		id, m.Observer = strings.TrimSuffix(id, "o"), strings.HasSuffix(id, "o")
		var counter uint32
		_, err := fmt.Sscan(id, &m.ID)
		if err == nil && hasZxid {
			_, err = fmt.Sscanf(at, "%d.%d", &m.Epoch, &counter)
		}
		m.Zxid = wire.MakeZxid(m.Epoch, counter)
		if err != nil || m.Role.UnmarshalText([]byte(role)) != nil || m.Reason.UnmarshalText([]byte(reason)) != nil {
			t.Fatalf("%q: %v", word, err)
		}
		out = append(out, m)
	}
	return out
}

func TestJudge(t *testing.T) {
	hierarchical := func() *quorum.System {
		var groups []quorum.Group
		for g := range int64(3) {
			groups = append(groups, quorum.Group{ID: g + 1, Members: []int64{3*g + 1, 3*g + 2, 3*g + 3}})
		}
		s, err := quorum.NewHierarchical([]int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, groups, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}()
	weighted, err := quorum.NewHierarchical([]int64{1, 2, 3}, []quorum.Group{{ID: 1, Members: []int64{1, 2, 3}}}, map[int64]int64{3: 0})
	if err != nil {
		t.Fatal(err)
	}
	five, err := quorum.MajorityOf(5)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		members string
		system  *quorum.System
		health  Health
		leader  int64 // 0: none
		quorum  Quorum
		codes   []Code
	}{
		{"three", "1:follower@1.7 2:leader@1.7 3:follower@1.7", nil, HealthHealthy, 2, Quorum{3, 2, 3}, nil},
		{"fresh: followers show the zxid of before", "1:follower 2:follower 3:leader@1.0", nil, HealthHealthy, 3, Quorum{3, 2, 3}, nil},
		{"with an observer", "1:follower@1.7 2:leader@1.7 3:follower@1.7 4o:observer@1.7", nil, HealthHealthy, 2, Quorum{3, 2, 3}, nil},
		{"alone by configuration", "1:standalone", nil, HealthHealthy, 1, Quorum{1, 1, 1}, nil},
		{"an ensemble of one", "1:leader@1.0", nil, HealthHealthy, 1, Quorum{1, 1, 1}, nil},

		{"one down", "1:follower@1.7 2:leader@1.7 3:down/refused", nil, HealthDegraded, 2, Quorum{3, 2, 2}, []Code{CodeDown}},
		{"one paused", "1:follower@1.7 2:leader@1.7 3:paused", nil, HealthDegraded, 2, Quorum{3, 2, 2}, []Code{CodeDown}},
		{"one looking", "1:looking/not-serving 2:leader@1.7 3:follower@1.7", nil, HealthDegraded, 2, Quorum{3, 2, 2}, []Code{CodeLooking}},
		{"read-only is looking", "1:looking/read-only 2:leader@1.7 3:follower@1.7", nil, HealthDegraded, 2, Quorum{3, 2, 2}, []Code{CodeLooking}},
		{"an observer down", "1:follower@1.7 2:leader@1.7 3:follower@1.7 4o:down/silent", nil, HealthDegraded, 2, Quorum{3, 2, 3}, []Code{CodeDown}},
		{"a voter observes", "1:follower@1.7 2:leader@1.7 3:observer@1.7", nil, HealthDegraded, 2, Quorum{3, 2, 2}, []Code{CodeUnexpected}},
		{"an observer votes", "1:follower@1.7 2:leader@1.7 3:follower@1.7 4o:follower@1.7", nil, HealthDegraded, 2, Quorum{3, 2, 3}, []Code{CodeUnexpected}},
		{"one stands alone", "1:follower@1.7 2:leader@1.7 3:standalone", nil, HealthDegraded, 2, Quorum{3, 2, 2}, []Code{CodeStandalone}},

		{"all looking", "1:looking/not-serving 2:looking/not-serving 3:looking/not-serving", nil, HealthNoQuorum, 0, Quorum{3, 2, 0}, []Code{CodeNoLeader, CodeLooking, CodeLooking, CodeLooking}},
		{"one left", "1:down/refused 2:down/refused 3:looking/not-serving", nil, HealthNoQuorum, 0, Quorum{3, 2, 0}, []Code{CodeNoLeader, CodeDown, CodeDown, CodeLooking}},
		{"leader alone", "1:down/refused 2:down/refused 3:leader@1.7", nil, HealthNoQuorum, 0, Quorum{3, 2, 1}, []Code{CodeNotBacked, CodeDown, CodeDown}},
		{"observers do not back", "1:down/refused 2:down/silent 3:leader@1.7 4o:observer@1.7 5o:observer@1.7", nil, HealthNoQuorum, 0, Quorum{3, 2, 1}, []Code{CodeNotBacked, CodeDown, CodeDown}},
		{"nor do observers that say they follow", "1:down/refused 2:down/silent 3:leader@1.7 4o:follower@1.7", nil, HealthNoQuorum, 0, Quorum{3, 2, 1}, []Code{CodeNotBacked, CodeDown, CodeDown, CodeUnexpected}},
		{"followers without leader", "1:follower@1.7 2:follower@1.7 3:down/silent", nil, HealthNoQuorum, 0, Quorum{3, 2, 0}, []Code{CodeNoLeader, CodeDown}},
		{"the leader could not be asked", "1:follower@1.7 2:follower@1.7 3:unasked/closed", nil, HealthDegraded, 3, Quorum{3, 2, 3}, []Code{CodeUnasked}},
		{"a follower could not be asked", "1:unasked/closed 2:follower@1.7 3:leader@1.7", nil, HealthDegraded, 3, Quorum{3, 2, 2}, []Code{CodeUnasked}},
		{"the followers could not be asked", "1:unasked/closed 2:unasked/closed 3:leader@1.7", nil, HealthUnknown, 3, Quorum{3, 2, 1}, []Code{CodeUnasked, CodeUnasked}},
		{"none could be asked", "1:unasked/closed 2:unasked/silent 3:unasked/closed", nil, HealthUnknown, 0, Quorum{3, 2, 0}, []Code{CodeUnasked, CodeUnasked, CodeUnasked}},
		{"one of two leads", "1:follower@1.7 2:unasked/closed 3:unasked/closed", nil, HealthDegraded, 0, Quorum{3, 2, 2}, []Code{CodeUnasked, CodeUnasked}},
		{"a follower of an unknown leader is no quorum of five", "3:follower@1.7 4:unasked/closed 5:unasked/closed", five, HealthUnknown, 0, Quorum{5, 3, 1}, []Code{CodeUnasked, CodeUnasked}},
		{"the others look", "1:looking/not-serving 2:looking/not-serving 3:unasked/silent", nil, HealthNoQuorum, 0, Quorum{3, 2, 0}, []Code{CodeNoLeader, CodeLooking, CodeLooking, CodeUnasked}},
		{"the others lead a later epoch", "1:follower@2.1 2:leader@2.1 3:unasked/silent", nil, HealthDegraded, 2, Quorum{3, 2, 2}, []Code{CodeUnasked}},
		{"an observer could not be asked", "1:follower@1.7 2:follower@1.7 3:down/refused 4o:unasked/closed", nil, HealthNoQuorum, 0, Quorum{3, 2, 0}, []Code{CodeNoLeader, CodeDown, CodeUnasked}},
		{"a server alone could not be asked", "1:unasked/closed", nil, HealthUnknown, 0, Quorum{1, 1, 0}, []Code{CodeUnasked}},
		{"all alone", "1:standalone 2:standalone 3:standalone", nil, HealthNoQuorum, 0, Quorum{3, 2, 0}, []Code{CodeNoLeader, CodeStandalone, CodeStandalone, CodeStandalone}},
		{"asked one of five", "3:follower@1.7", five, HealthNoQuorum, 0, Quorum{5, 3, 0}, []Code{CodeNoLeader}},
		{"one of five stands alone", "3:standalone", five, HealthNoQuorum, 0, Quorum{5, 3, 0}, []Code{CodeNoLeader, CodeStandalone}},

		{"deposed leader", "1:follower@2.3 2:leader@2.3 3:leader@1.9", nil, HealthDegraded, 2, Quorum{3, 2, 2}, []Code{CodeTwoLeaders}},
		{"deposed leader, successor not backed yet", "1:looking 2:leader@2.0 3:leader@1.9", nil, HealthNoQuorum, 0, Quorum{3, 2, 1}, []Code{CodeTwoLeaders, CodeNotBacked, CodeLooking}},
		{"deposed leader alone among the next epoch", "1:follower@2.3 2:follower@2.3 3:leader@1.9", nil, HealthNoQuorum, 0, Quorum{3, 2, 0}, []Code{CodeStaleLeader}},
		{"split brain", "1:leader@2.3 2:leader@2.4 3:follower@2.4", nil, HealthNoQuorum, 0, Quorum{3, 2, 2}, []Code{CodeSplitBrain}},
		{"an observer leads", "1:follower@1.7 2:follower@1.7 3o:leader@1.7", nil, HealthDegraded, 3, Quorum{2, 2, 2}, []Code{CodeCannotLead}},
		{"weight 0 leads", "1:follower@1.7 2:follower@1.7 3:leader@1.7", weighted, HealthDegraded, 3, Quorum{3, 2, 3}, []Code{CodeCannotLead}},

		{"groups: four of nine are enough", "1:leader@1.7 2:follower@1.7 3:down 4:follower@1.7 5:follower@1.7 6:down 7:down 8:down 9:down",
			hierarchical, HealthDegraded, 1, Quorum{9, 4, 4}, []Code{CodeDown, CodeDown, CodeDown, CodeDown, CodeDown}},
		{"groups: five of nine are not", "1:leader@1.7 2:follower@1.7 3:follower@1.7 4:follower@1.7 5:down 6:down 7:follower@1.7 8:down 9:down",
			hierarchical, HealthNoQuorum, 0, Quorum{9, 4, 5}, []Code{CodeNotBacked, CodeDown, CodeDown, CodeDown, CodeDown}},

		{"no role is known", "1:unknown@1.7/not-whitelisted 2:unknown@1.7/not-whitelisted 3:unknown@1.7/not-whitelisted", nil,
			HealthHealthy, 0, Quorum{3, 2, 3}, []Code{CodeRolesHidden}},
		{"one does not tell", "1:unknown@1.7/not-whitelisted 2:leader@1.7 3:down/refused", nil, HealthDegraded, 2, Quorum{3, 2, 2}, []Code{CodeDown}},
		{"the leader does not tell", "1:unknown@1.7/not-whitelisted 2:follower@1.7 3:follower@1.7", nil, HealthHealthy, 0, Quorum{3, 2, 3}, []Code{CodeRolesHidden}},

		{"all down", "1:down/refused 2:down/timeout 3:down/silent", nil, HealthDown, 0, Quorum{3, 2, 0}, []Code{CodeNoLeader, CodeDown, CodeDown, CodeDown}},
		{"all paused", "1:paused 2:paused 3:paused", nil, HealthDown, 0, Quorum{3, 2, 0}, []Code{CodeNoLeader, CodeDown, CodeDown, CodeDown}},
		{"no members", "", nil, HealthDown, 0, Quorum{}, []Code{CodeNoVoters}},
		{"only observers", "1o:observer", nil, HealthDown, 0, Quorum{}, []Code{CodeNoVoters}},
		{"an id twice", "1:leader@1.1 1:follower@1.1", nil, HealthDown, 0, Quorum{}, []Code{CodeNoVoters}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Judge(members(t, c.members), c.system)
			var leader int64
			if r.Leader != nil {
				leader = *r.Leader
			}
			var codes []Code
			for _, f := range r.Reasons {
				codes = append(codes, f.Code)
				if f.Text == "" || !r.Has(f.Code) {
					t.Errorf("finding %+v", f)
				}
			}
			if r.Health != c.health || leader != c.leader || r.Quorum != c.quorum || !slices.Equal(codes, c.codes) {
				t.Errorf("%s\n got %s, leader %d, %+v, %v\nwant %s, leader %d, %+v, %v", r.Summary(),
					r.Health, leader, r.Quorum, codes, c.health, c.leader, c.quorum, c.codes)
			}
			if r.Ready() != (c.health == HealthHealthy) || r.HasQuorum() != (c.health >= HealthDegraded) ||
				r.Down() != (c.health == HealthDown) || r.HasLeader() != (c.leader != 0) {
				t.Errorf("ready %t, quorum %t, down %t, leader %t", r.Ready(), r.HasQuorum(), r.Down(), r.HasLeader())
			}
		})
	}
}

func TestSynced(t *testing.T) {
	for line, want := range map[string]bool{
		"1:follower@1.7 2:leader@1.7 3:follower@1.7":              true,
		"1:follower@1.6 2:leader@1.7 3:follower@1.7":              false,
		"1:follower@1.7 2:leader@1.7 3:follower@1.7 4o:observer":  false,
		"1:follower 2:leader@1.0 3:follower":                      true, // nothing written in this epoch
		"1:follower@1.9 2:leader@2.0 3:follower@1.9":              true,
		"1:follower@1.7 2:leader@1.7 3:down":                      false,
		"1:looking 2:looking 3:looking":                           false,
		"1:standalone@0.5":                                        true,
		"1:unknown@1.7 2:unknown@1.7 3:unknown@1.7":               false, // no leader to compare with
		"1:follower@1.7 2:leader@1.7 3:follower@1.7 4o:down/none": false,
	} {
		line = strings.TrimSuffix(line, "/none")
		if got := Judge(members(t, line), nil).Synced(); got != want {
			t.Errorf("%s: synced %t, want %t", line, got, want)
		}
	}
}

func TestSessionFailureDegrades(t *testing.T) {
	m := members(t, "1:follower@1.7 2:leader@1.7 3:follower@1.7")
	m[0].Session = &SessionCheck{Layer: "sync", Reason: ReasonSilent}
	m[1].Session = &SessionCheck{}
	r := Judge(m, nil)
	if r.Health != HealthDegraded || !r.Has(CodeSession) || len(r.Reasons) != 1 {
		t.Errorf("%s", r.Summary())
	}
}

// TestMixedReleases: a remark, and no reason to be unwell.
func TestMixedReleases(t *testing.T) {
	m := members(t, "1:follower@1.7 2:leader@1.7 3:follower@1.7")
	m[0].Version, m[1].Version, m[2].Version = "3.8.0", "3.9.3", "3.8.0"
	r := Judge(m, nil)
	if r.Health != HealthHealthy || !strings.Contains(r.Summary(), "3.8.0 on 1, 3; 3.9.3 on 2") && !strings.Contains(r.Summary(), "3.8.0 on 1, 3, 3.9.3 on 2") {
		t.Errorf("%s", r.Summary())
	}
}

// TestReportJSON pins the fields that scripts read.
func TestReportJSON(t *testing.T) {
	r := Judge(members(t, "1:leader@1.7 2:down/refused 3:follower@1.6"), nil)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"health":"degraded"`, `"quorum":{"size":3,"needed":2,"have":2}`, `"leader":1`, `"epoch":1`,
		`"role":"down"`, `"reason":"refused"`, `"zxid":"0x100000006"`, `"code":"member-down","members":[2]`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil || back.Health != r.Health || back.Members[1].Reason != ReasonRefused {
		t.Errorf("read back as %+v, %v", back, err)
	}
	if text, err = json.Marshal(Judge(nil, nil)); err != nil || !strings.Contains(string(text), `"leader":null`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestEnumNames(t *testing.T) {
	for r := RoleUnknown; r <= RolePaused; r++ {
		var back Role
		if err := back.UnmarshalText([]byte(r.String())); err != nil || back != r {
			t.Errorf("role %d is %q, %v", uint8(r), r, err)
		}
	}
	for h := HealthDown; h <= HealthHealthy; h++ {
		var back Health
		if err := back.UnmarshalText([]byte(h.String())); err != nil || back != h {
			t.Errorf("health %d is %q, %v", uint8(h), h, err)
		}
	}
	if new(Role).UnmarshalText([]byte("king")) == nil || new(Health).UnmarshalText([]byte("fine")) == nil {
		t.Error("a name that is none was read")
	}
	for want, v := range map[string]fmt.Stringer{"role(99)": Role(99), "health(9)": Health(9), "reason(99)": Reason(99)} {
		if v.String() != want {
			t.Errorf("%q, want %q", v, want)
		}
	}
}
