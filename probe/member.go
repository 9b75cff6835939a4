package probe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"zkctl/probe/wire"
)

// Server is a server to ask.
type Server struct {
	ID       int64
	Client   string // host:port of its client port
	Observer bool   // configured as one: it never counts towards a quorum
}

// Role is what a member says that it is doing.
type Role uint8

// The roles. Over the network a paused process looks like one that hangs, so a survey
// never sets RolePaused; the supervisor of the process does. Nor does it set RoleUnasked: whether a process runs
// that cannot be asked is more than a survey knows.
const (
	RoleUnknown    Role = iota // it serves clients, and does not say its role
	RoleDown                   // no answer, or none of ZooKeeper's
	RoleLooking                // it runs, and takes part in no quorum
	RoleStandalone             // it serves alone, knowing of no ensemble
	RoleLeader
	RoleFollower
	RoleObserver
	RolePaused
	RoleUnasked // it runs, and could not be asked: it may serve
)

var roleNames = [...]string{
	RoleUnknown: "unknown", RoleDown: "down", RoleLooking: "looking", RoleStandalone: "standalone",
	RoleLeader: "leader", RoleFollower: "follower", RoleObserver: "observer", RolePaused: "paused", RoleUnasked: "unasked",
}

// String is the role's name as zkctl prints it.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// MarshalText makes a role its name in JSON.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (r *Role) UnmarshalText(text []byte) error {
	for i, name := range roleNames {
		if name == string(text) {
			*r = Role(i)
			return nil
		}
	}
	return fmt.Errorf("unknown role %q", text)
}

// Serves reports whether a member in this role answers clients.
func (r Role) Serves() bool {
	switch r {
	case RoleUnknown, RoleStandalone, RoleLeader, RoleFollower, RoleObserver:
		return true
	}
	return false
}

// Member is what one server said of itself.
type Member struct {
	ID       int64  `json:"id"`
	Client   string `json:"client"`
	Observer bool   `json:"-"` // as configured; Role is what it does
	Role     Role   `json:"role"`
	// Reason says why it does not serve, or why its answer is incomplete.
	Reason Reason `json:"reason"`
	// Detail is the error behind Reason.
	Detail string `json:"detail,omitempty"`

	Version       string    `json:"version"`
	Zxid          wire.Zxid `json:"zxid"`  // the last it applied; 0 when it did not say
	Epoch         int64     `json:"epoch"` // of Zxid
	Connections   int64     `json:"connections"`
	Outstanding   int64     `json:"outstanding"`
	NodeCount     int64     `json:"node_count"`
	LatencyAvg    float64   `json:"latency_avg_seconds"` // of requests, since it started
	LatencyMax    float64   `json:"latency_max_seconds"`
	AnswerSeconds float64   `json:"answer_seconds"` // how long it took to say all this

	// Metrics are mntr's, nil where that is not whitelisted or was not asked for.
	Metrics map[string]string `json:"-"`
	// Session is the outcome of opening one, nil when that was not asked for.
	Session *SessionCheck `json:"session,omitempty"`
}

// SessionCheck is the client's view of a member: open a session, which is a write that
// a quorum has to accept, read, synchronise with the leader, and close.
type SessionCheck struct {
	// Layer is the step that failed: connect, read, sync or close; empty if none did.
	Layer   string    `json:"layer"`
	Reason  Reason    `json:"reason"`
	Detail  string    `json:"detail,omitempty"`
	Zxid    wire.Zxid `json:"zxid"` // the furthest seen
	Seconds float64   `json:"seconds"`
}

// OK reports whether every step succeeded.
func (c *SessionCheck) OK() bool { return c.Layer == "" }

// Metric returns one of mntr's values as a number, and whether it is there: the key
// without its zk_.
func (m *Member) Metric(key string) (float64, bool) {
	v, err := strconv.ParseFloat(m.Metrics["zk_"+key], 64)
	return v, err == nil
}

// UptimeSeconds is how long the server has run, or 0 when it does not say.
func (m *Member) UptimeSeconds() float64 {
	ms, _ := m.Metric("uptime")
	return ms / 1000
}

// examine asks one server everything, one question after the other.
//
//	srvr --ok--> mntr ----------> session, if wanted
//	  |                             ^
//	  +--not whitelisted------------+  (then it is the only way to know)
//	  +--anything else--> down or looking, with the reason
func (s *Surveyor) examine(ctx context.Context, server Server) Member {
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	begin := time.Now()
	m := Member{ID: server.ID, Client: server.Client, Observer: server.Observer}
	if server.Client == "" {
		m.Role, m.Reason, m.Detail = RoleDown, ReasonNoAddress, "its client port is not known"
		return m
	}
	status, err := ask(ctx, s.dial(), server.Client, "srvr", wire.ParseSrvr)
	m.AnswerSeconds = time.Since(begin).Seconds()
	if err != nil {
		m.fail(err)
	} else {
		m.fromSrvr(status)
	}
	hidden := m.Reason == ReasonNotWhitelisted
	if s.Metrics && (m.Role.Serves() || hidden) {
		m.Metrics, err = ask(ctx, s.dial(), server.Client, "mntr", wire.ParseMntr)
		if err == nil && hidden {
			m.fromMetrics()
		}
	}
	if hidden || s.Sessions && m.Role.Serves() {
		m.Session = s.checkSession(ctx, server.Client)
		if hidden {
			m.fromSession()
		}
	}
	return m
}

// fail records why srvr gave no status.
func (m *Member) fail(err error) {
	m.Role, m.Reason, m.Detail = RoleDown, ReasonOf(err), err.Error()
	if m.Reason == ReasonNotServing {
		m.Role = RoleLooking
	}
}

// fromSrvr records the status. A read-only server is one that is looking for a leader and
// lets clients read meanwhile.
func (m *Member) fromSrvr(s wire.Srvr) {
	m.setMode(s.Mode)
	m.Version = s.Release()
	m.Zxid, m.Epoch = s.Zxid, s.Zxid.Epoch()
	m.Connections, m.Outstanding, m.NodeCount = s.Connections, s.Outstanding, s.NodeCount
	m.LatencyAvg, m.LatencyMax = s.LatencyAvg/1000, s.LatencyMax/1000
}

func (m *Member) setMode(mode string) {
	switch mode {
	case wire.ModeStandalone:
		m.Role = RoleStandalone
	case wire.ModeLeader:
		m.Role = RoleLeader
	case wire.ModeFollower:
		m.Role = RoleFollower
	case wire.ModeObserver:
		m.Role = RoleObserver
	case wire.ModeReadOnly:
		m.Role, m.Reason = RoleLooking, ReasonReadOnly
	}
}

// fromMetrics records what mntr says where srvr is not allowed: all but the zxid.
func (m *Member) fromMetrics() {
	m.Reason, m.Detail = ReasonNone, ""
	m.setMode(m.Metrics["zk_server_state"])
	version := wire.Srvr{Version: m.Metrics["zk_version"]}
	m.Version = version.Release()
	for key, to := range map[string]*int64{
		"num_alive_connections": &m.Connections, "outstanding_requests": &m.Outstanding, "znode_count": &m.NodeCount,
	} {
		v, _ := m.Metric(key)
		*to = int64(v)
	}
}

// fromSession records what a client learns of a server that does not allow srvr: its
// zxid, and that it serves, but not its role.
func (m *Member) fromSession() {
	if m.Session.OK() {
		m.Zxid, m.Epoch = m.Session.Zxid, m.Session.Zxid.Epoch()
	}
	switch {
	case m.Role != RoleDown: // mntr has said the role
	case m.Session.OK():
		m.Role = RoleUnknown // the reason is still that srvr is not whitelisted
	case m.Session.Reason == ReasonReadOnly, m.Session.Reason == ReasonClosed:
		// It runs and answered srvr, but takes no session.
		m.Role, m.Reason, m.Detail = RoleLooking, ReasonNotServing, m.Session.Detail
	default:
		m.Reason, m.Detail = m.Session.Reason, m.Session.Detail
	}
}

// checkSession opens a session, uses it and closes it.
func (s *Surveyor) checkSession(ctx context.Context, addr string) *SessionCheck {
	begin := time.Now()
	c := &SessionCheck{Layer: "connect"}
	session, err := Dial(ctx, addr, Options{Dial: s.dial(), Timeout: sessionCheckTimeout})
	if err == nil {
		defer session.Drop()
		for _, step := range []struct {
			layer string
			do    func() (wire.Zxid, error)
		}{
			{"read", func() (wire.Zxid, error) { return readRoot(ctx, session) }},
			{"sync", func() (wire.Zxid, error) { return session.Sync(ctx, "/") }},
			{"close", func() (wire.Zxid, error) { return session.Do(ctx, wire.OpCloseSession, nil, nil) }},
		} {
			var zxid wire.Zxid
			c.Layer = step.layer
			if zxid, err = step.do(); err != nil {
				break
			}
			c.Zxid = max(c.Zxid, zxid)
			c.Layer = ""
		}
	}
	if err != nil {
		c.Reason, c.Detail = ReasonOf(err), err.Error()
		if c.Reason == ReasonNone {
			c.Reason = ReasonServerError
			if ctx.Err() != nil {
				c.Reason = talkReason(ctx, err, false)
			}
		}
	}
	c.Seconds = time.Since(begin).Seconds()
	return c
}

// readRoot reads the root node, which always exists. An answer that refuses access
// counts as an answer.
func readRoot(ctx context.Context, session *Session) (wire.Zxid, error) {
	_, _, zxid, err := session.Exists(ctx, "/")
	if errors.Is(err, wire.ErrNoAuth) {
		return zxid, nil
	}
	return zxid, err
}

// sessionCheckTimeout is short, because a check that breaks off leaves its session on
// the server for this long.
const sessionCheckTimeout = 4 * time.Second
