package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"zkctl/probe/wire"
	"zkctl/quorum"
)

// ensemble makes servers of scripts, with the ids 1, 2, ...
func ensemble(t *testing.T, scripts ...func(context.Context, net.Conn, string)) []Server {
	t.Helper()
	var servers []Server
	for i, script := range scripts {
		servers = append(servers, Server{ID: int64(i) + 1, Client: serve(t, script).addr})
	}
	return servers
}

func TestSurvey(t *testing.T) {
	servers := ensemble(t,
		says(map[string]string{"srvr": status(wire.ModeFollower, 0x100000007)}),
		says(map[string]string{
			"srvr": status(wire.ModeLeader, 0x100000007),
			"mntr": "zk_version\t3.8.0\nzk_server_state\tleader\nzk_synced_followers\t2\nzk_uptime\t1500\n",
		}),
		func(ctx context.Context, conn net.Conn, _ string) { hang(ctx, conn) },
		says(map[string]string{"srvr": wire.NotServingText}),
		says(map[string]string{"srvr": "nginx"}),
	)
	servers = append(servers, Server{ID: 6, Client: refused(t)}, Server{ID: 7}, Server{ID: 8, Client: servers[0].Client, Observer: true})
	five, err := quorum.MajorityOf(3)
	if err != nil {
		t.Fatal(err)
	}
	s := Surveyor{Metrics: true, System: five, Timeout: 300 * time.Millisecond}
	r := s.Survey(context.Background(), servers)
	for i, want := range []struct {
		role   Role
		reason Reason
	}{
		{RoleFollower, ReasonNone},
		{RoleLeader, ReasonNone},
		{RoleDown, ReasonSilent},
		{RoleLooking, ReasonNotServing},
		{RoleDown, ReasonGarbage},
		{RoleDown, ReasonRefused},
		{RoleDown, ReasonNoAddress},
		{RoleFollower, ReasonNone},
	} {
		m := r.Members[i]
		if m.ID != int64(i)+1 || m.Role != want.role || m.Reason != want.reason || (m.Detail == "") != (want.reason == ReasonNone) {
			t.Errorf("server %d: %s, %s, %q; want %+v", m.ID, m.Role, m.Reason, m.Detail, want)
		}
	}
	m := r.Member(2)
	if m.Version != "3.8.0" || m.Zxid != 0x100000007 || m.Epoch != 1 || m.Connections != 3 || m.Outstanding != 2 || m.NodeCount != 5 ||
		m.LatencyAvg != 0.0015 || m.LatencyMax != 0.007 || m.UptimeSeconds() != 1.5 || m.AnswerSeconds <= 0 {
		t.Errorf("%+v", m)
	}
	if v, ok := m.Metric("synced_followers"); v != 2 || !ok {
		t.Errorf("synced followers %v, %t", v, ok)
	}
	if v, ok := r.Member(1).Metric("synced_followers"); ok || r.Member(1).UptimeSeconds() != 0 {
		t.Errorf("metrics of a server that does not allow them: %v", v)
	}
	if r.Health != HealthDegraded || r.Leader == nil || *r.Leader != 2 || r.Epoch != 1 || r.Member(9) != nil {
		t.Errorf("%s", r.Summary())
	}
}

// TestSurveyOfRealAnswers runs the answers of real servers through a whole survey.
func TestSurveyOfRealAnswers(t *testing.T) {
	files, err := filepath.Glob("wire/testdata/fourletter/srvr-*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d answers, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.SplitN(strings.TrimSuffix(filepath.Base(file), ".txt"), "-", 3)
		r := Survey(context.Background(), ensemble(t, says(map[string]string{"srvr": string(text)})))
		m := r.Members[0]
		role := fields[2]
		if role == wire.ModeReadOnly {
			role = RoleLooking.String()
		}
		if m.Version != fields[1] || m.Role.String() != role {
			t.Errorf("%s: %s, %s", file, m.Version, m.Role)
		}
	}
}

// TestSurveyWithoutSrvr: what is left when the operator allows no command, or others.
func TestSurveyWithoutSrvr(t *testing.T) {
	answers := map[wire.OpCode]answer{
		wire.OpExists: always(nil, wire.ErrNoAuth),
		wire.OpSync:   always(&wire.PathResponse{Path: "/"}, wire.OK),
	}
	mute := &keeper{id: 1 << 56, timeout: 4000, zxid: 0x300000009, answers: answers}
	mntrOnly := &keeper{id: 2 << 56, timeout: 4000, zxid: 0x300000009, answers: answers, words: map[string]string{
		"mntr": "zk_version\t3.9.3-abc, built\nzk_server_state\tleader\nzk_num_alive_connections\t4\nzk_znode_count\t6\n",
	}}
	closing := says(nil)
	expired := &keeper{timeout: 0}
	broken := &keeper{id: 5 << 56, timeout: 4000, answers: map[wire.OpCode]answer{wire.OpExists: always(nil, wire.ErrSystem)}}
	s := Surveyor{Metrics: true}
	r := s.Survey(context.Background(), ensemble(t, mute.script, mntrOnly.script, closing, expired.script, broken.script))
	for i, want := range []struct {
		role   Role
		reason Reason
		epoch  int64
		layer  string
	}{
		{RoleUnknown, ReasonNotWhitelisted, 3, ""},
		{RoleLeader, ReasonNone, 3, ""},
		{RoleLooking, ReasonNotServing, 0, "connect"},
		{RoleDown, ReasonSessionRefused, 0, "connect"},
		{RoleDown, ReasonServerError, 0, "read"},
	} {
		m := r.Members[i]
		if m.Role != want.role || m.Reason != want.reason || m.Epoch != want.epoch || m.Session == nil || m.Session.Layer != want.layer {
			t.Errorf("server %d: %+v, session %+v", m.ID, m, m.Session)
		}
	}
	if m := r.Member(2); m.Version != "3.9.3" || m.Connections != 4 || m.NodeCount != 6 {
		t.Errorf("by mntr: %+v", m)
	}
}

func TestSurveyWithSessions(t *testing.T) {
	answers := map[wire.OpCode]answer{
		wire.OpExists: always(&wire.StatResponse{}, wire.OK),
		wire.OpSync:   always(&wire.PathResponse{Path: "/"}, wire.OK),
	}
	leader := &keeper{id: 1, timeout: 4000, zxid: 0x100000007, answers: answers,
		words: map[string]string{"srvr": status(wire.ModeLeader, 0x100000007)}}
	noSync := &keeper{id: 2, timeout: 4000, answers: map[wire.OpCode]answer{wire.OpExists: answers[wire.OpExists]},
		words: map[string]string{"srvr": status(wire.ModeFollower, 0x100000007)}}
	s := Surveyor{Sessions: true}
	r := s.Survey(context.Background(), ensemble(t, leader.script, noSync.script))
	if c := r.Member(1).Session; !c.OK() || c.Zxid != 0x100000007 || c.Seconds <= 0 {
		t.Errorf("leader: %+v", c)
	}
	if c := r.Member(2).Session; c.OK() || c.Layer != "sync" || c.Reason != ReasonClosed {
		t.Errorf("follower: %+v", c)
	}
	if r.Health != HealthDegraded || !r.Has(CodeSession) || r.Member(1).Metrics != nil {
		t.Errorf("%s", r.Summary())
	}
}

// TestAwait waits for an ensemble that comes up.
func TestAwait(t *testing.T) {
	var asked atomic.Int32
	servers := ensemble(t, func(ctx context.Context, conn net.Conn, word string) {
		text := wire.NotServingText
		if asked.Add(1) > 3 {
			text = status(wire.ModeStandalone, 1)
		}
		says(map[string]string{"srvr": text})(ctx, conn, word)
	})
	var s Surveyor
	r, err := s.Await(context.Background(), servers, (*Report).Ready)
	if err != nil || !r.Ready() || asked.Load() != 4 {
		t.Errorf("asked %d times: %s, %v", asked.Load(), r.Summary(), err)
	}
	// In vain: the report says how it stood.
	r, err = s.Await(soon(t), servers, (*Report).Down)
	if !errors.Is(err, context.DeadlineExceeded) || r.Health != HealthHealthy {
		t.Errorf("%s, %v", r.Summary(), err)
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if r, err = s.Await(over, servers, (*Report).Ready); err == nil || r == nil || r.Members[0].Reason != ReasonCancelled {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestDiscover(t *testing.T) {
	config := "server.1=10.0.0.1:2888:3888:participant\nserver.2=10.0.0.2:2888:3888:participant\n" +
		"server.3=10.0.0.3:2888:3888:participant;0.0.0.0:2181\nserver.260=10.0.0.4:2888:3888:observer\nversion=100000000"
	older := "server.1=10.0.0.1:2888:3888:participant\nversion=0"
	member := func(id int64, config string) string {
		k := &keeper{id: id<<56 | 0xabc, timeout: 4000, answers: map[wire.OpCode]answer{
			wire.OpGetData: always(&wire.DataResponse{Data: []byte(config)}, wire.OK),
		}}
		return serve(t, k.script).addr
	}
	one, four := member(1, older), member(260, config)
	down := refused(t)
	e := Discover(context.Background(), []string{four, down, one})
	want := []Server{
		{ID: 1, Client: one},
		{ID: 2},
		{ID: 3, Client: "10.0.0.3:2181"},
		{ID: 260, Client: four, Observer: true},
	}
	if e.Config == nil || !slices.Equal(e.Servers, want) || !slices.Equal(e.System.Voters(), []int64{1, 2, 3}) {
		t.Errorf("%+v, voters %v", e, e.System.Voters())
	}

	// A host that does not answer is known by its name.
	named := strings.Replace(config, "10.0.0.2", "127.0.0.1", 1)
	e = Discover(context.Background(), []string{down, member(1, named)})
	if e.Servers[1].Client != down || e.Servers[3].Client != "" {
		t.Errorf("%+v", e.Servers)
	}

	// No host has a configuration: the hosts are the ensemble.
	old := &keeper{id: 1, timeout: 4000, answers: map[wire.OpCode]answer{wire.OpGetData: always(nil, wire.ErrNoNode)}}
	for _, hosts := range [][]string{{down, "127.0.0.1:1"}, {serve(t, old.script).addr, down}, {member(1, ""), down}, {member(1, "server.1=what"), down}} {
		e = Discover(context.Background(), hosts)
		if e.Config != nil || e.System != nil || len(e.Servers) != 2 || e.Servers[0] != (Server{ID: 1, Client: hosts[0]}) || e.Servers[1].ID != 2 {
			t.Errorf("%v: %+v", hosts, e)
		}
	}
}

func TestParseHosts(t *testing.T) {
	for text, want := range map[string][]string{
		"localhost":                       {"localhost:2181"},
		"a:1,b:2/app":                     {"a:1", "b:2"},
		" a:1 , b , a:1,":                 {"a:1", "b:2181"},
		"[::1]:2182,[::1]":                {"[::1]:2182", "[::1]:2181"},
		"127.0.0.1:2181,127.0.0.1:2182/x": {"127.0.0.1:2181", "127.0.0.1:2182"},
	} {
		if got, err := ParseHosts(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "/", ",", "a:0", "a:70000", "a:b", ":2181", "::1", "a:1:2"} {
		if got, err := ParseHosts(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
