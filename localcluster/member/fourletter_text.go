package member

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"zkctl/localcluster/replica"
	"zkctl/localcluster/zab"
	"zkctl/quorum/zoocfg"
)

// javaDouble prints a float as Java's Double.toString does for the numbers
// that occur here: always with a point.
func javaDouble(f float64) string {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// mntrText is `mntr`: ZooKeeper's keys, and after them a few additional ones, in which
// zkctl reads what srvr does not show. It leaves out the hundreds of counters of Java's
// metrics. Monitors read all values but the version and the states as numbers, so
// those are decimal, zxids and digests included.
func (s *server) mntrText() string {
	var b strings.Builder
	put := func(key string, value any) { fmt.Fprintf(&b, "zk_%s\t%v\n", key, value) }
	status, tree := s.replica.Status(), s.replica.Tree()
	put("version", s.cfg.Version)
	put("server_state", s.mode())
	if !s.cfg.Standalone {
		put("peer_state", fmt.Sprintf("%v - %v", status.Role, status.Phase))
	}
	if status.Role == zab.Observing {
		put("observer_master_id", status.Leader)
	}
	counts := tree.Counts()
	put("num_alive_connections", len(s.connections()))
	put("avg_latency", javaDouble(s.stats.latency.average()))
	put("min_latency", s.stats.latency.least)
	put("max_latency", s.stats.latency.most)
	put("outstanding_requests", s.outstanding())
	put("znode_count", counts.Nodes)
	put("watch_count", s.watchCount())
	put("ephemerals_count", counts.Ephemerals)
	put("approximate_data_size", counts.Bytes)
	put("global_sessions", counts.Sessions)
	put("local_sessions", 0)
	put("packets_received", s.stats.received)
	put("packets_sent", s.stats.sent)
	put("uptime", s.Now().Milliseconds())
	open, limit := fileDescriptors()
	put("open_file_descriptor_count", open)
	put("max_file_descriptor_count", limit)
	put("connection_drop_probability", "0.0")
	put("last_client_response_size", s.stats.responses.last)
	put("min_client_response_size", s.stats.responses.least)
	put("max_client_response_size", s.stats.responses.most)
	put("outstanding_tls_handshake", 0)
	put("auth_failed_count", s.stats.authFailed)
	put("non_mtls_remote_conn_count", 0)
	put("non_mtls_local_conn_count", 0)
	s.mntrQuorum(put)
	put("digest_mismatches_count", s.replica.DigestMismatches()+s.stats.replayMismatches)
	put("clients_ahead", s.replica.ClientsAhead())
	put("epoch", status.Epoch)
	put("last_zxid", int64(s.replica.Tree().LastZxid()))
	put("last_logged_zxid", int64(status.LastLogged))
	put("tree_digest", uint64(s.replica.Tree().Digest().Digest))
	return b.String()
}

func (s *server) mntrQuorum(put func(string, any)) {
	if s.cfg.Standalone {
		return
	}
	status := s.replica.Status()
	put("quorum_size", len(s.cfg.Voters.Voters()))
	put("leader_id", status.Leader)
	if status.Role == zab.Leading {
		learners := s.replica.Learners()
		put("learners", learners.Connected)
		put("synced_followers", learners.SyncedFollowers)
		put("synced_non_voting_followers", 0)
		put("synced_observers", learners.SyncedObservers)
		put("pending_syncs", s.replica.PendingSyncs())
		put("leader_uptime", (s.Now() - s.servingSince).Milliseconds())
		put("last_proposal_size", s.stats.proposals.last)
		put("min_proposal_size", s.stats.proposals.least)
		put("max_proposal_size", s.stats.proposals.most)
	}
}

// fileDescriptors counts those of this process where the system shows them.
func fileDescriptors() (open, limit int64) {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1, -1
	}
	return int64(len(names)), descriptorLimit()
}

// confText is `conf`. Behind the last line, of an ensemble, there is no newline.
func (s *server) confText(sizes dirSizes) string {
	var b strings.Builder
	put := func(key string, value any) { fmt.Fprintf(&b, "%s=%v\n", key, value) }
	c := s.cfg
	put("clientPort", portOf(c.ClientAddress))
	put("secureClientPort", -1)
	put("dataDir", filepath.Join(absolute(c.DataDir), "version-2"))
	put("dataDirSize", sizes.data)
	put("dataLogDir", filepath.Join(absolute(c.DataLogDir), "version-2"))
	put("dataLogSize", sizes.log)
	put("tickTime", c.Tick.Milliseconds())
	put("maxClientCnxns", c.MaxClientConnections)
	put("minSessionTimeout", c.MinSessionTimeout.Milliseconds())
	put("maxSessionTimeout", c.MaxSessionTimeout.Milliseconds())
	put("clientPortListenBacklog", -1)
	put("serverId", c.ID)
	if c.Standalone {
		return b.String()
	}
	own, _ := ownServer(c)
	put("initLimit", c.InitLimit)
	put("syncLimit", c.SyncLimit)
	put("electionAlg", 3)
	put("electionPort", own.Addresses[0].ElectionPort)
	put("quorumPort", own.Addresses[0].QuorumPort)
	peerType := 0
	if own.Role == zoocfg.Observer {
		peerType = 1
	}
	put("peerType", peerType)
	b.WriteString("membership: \n" + c.Ensemble.Text())
	return b.String()
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// enviText is `envi`. It keeps the Java keys for programs that parse them, with values of
// this process.
func enviText(version string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "<NA>"
	}
	name, home := "<NA>", "<NA>"
	if u, err := user.Current(); err == nil {
		name, home = u.Username, u.HomeDir
	}
	dir, _ := os.Getwd()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	const mb = 1 << 20
	var b strings.Builder
	b.WriteString("Environment:\n")
	for _, e := range [][2]string{
		{"zookeeper.version", version}, {"host.name", host},
		{"java.version", "none: " + runtime.Version()}, {"java.vendor", "zkctl"}, {"java.home", "<NA>"},
		{"java.class.path", "<NA>"}, {"java.library.path", "<NA>"}, {"java.io.tmpdir", os.TempDir()},
		{"java.compiler", runtime.Compiler}, {"os.name", runtime.GOOS}, {"os.arch", runtime.GOARCH}, {"os.version", "<NA>"},
		{"user.name", name}, {"user.home", home}, {"user.dir", dir},
		{"os.memory.free", fmt.Sprintf("%dMB", (mem.HeapSys-mem.HeapAlloc)/mb)},
		{"os.memory.max", fmt.Sprintf("%dMB", mem.Sys/mb)}, {"os.memory.total", fmt.Sprintf("%dMB", mem.HeapSys/mb)},
	} {
		fmt.Fprintf(&b, "%s=%s\n", e[0], e[1])
	}
	return b.String()
}

// dumpText is `dump`: sessions, their ephemeral nodes, connections.
func (s *server) dumpText() string {
	var b strings.Builder
	b.WriteString("SessionTracker dump:\n")
	b.WriteString(s.sessionDump())
	owners := s.replica.Tree().EphemeralOwners()
	fmt.Fprintf(&b, "ephemeral nodes dump:\nSessions with Ephemerals (%d):\n", len(owners))
	for _, session := range owners {
		fmt.Fprintf(&b, "0x%x:\n", uint64(session))
		for _, path := range s.replica.Tree().Ephemerals(session) {
			fmt.Fprintf(&b, "\t%s\n", path)
		}
	}
	b.WriteString("Connections dump:\nConnections " + s.connectionDump())
	return b.String()
}

// connectionDump groups the connections by the time at which they expire without a
// further sign of life, rounded as in NIOServerCnxnFactory.
func (s *server) connectionDump() string {
	var sets expirySets
	for _, c := range s.connections() {
		timeout := s.cfg.SessionlessTimeout
		if c.Timeout() > 0 {
			timeout = time.Duration(c.Timeout()) * time.Millisecond
		}
		at := c.heard.Add(timeout).Truncate(s.cfg.SessionlessTimeout).Add(s.cfg.SessionlessTimeout)
		sets.add(at, fmt.Sprintf("ip: /%v sessionId: %v", c.remote, replica.SessionName(c.Session())))
	}
	return sets.String()
}

// expirySets is ExpiryQueue.dump.
type expirySets struct {
	members map[int64][]string // by time in milliseconds
	count   int
}

func (e *expirySets) add(at time.Time, member string) {
	if e.members == nil {
		e.members = map[int64][]string{}
	}
	e.members[at.UnixMilli()] = append(e.members[at.UnixMilli()], member)
	e.count++
}

func (e *expirySets) String() string {
	times := make([]int64, 0, len(e.members))
	for at := range e.members {
		times = append(times, at)
	}
	slices.Sort(times)
	var b strings.Builder
	fmt.Fprintf(&b, "Sets (%d)/(%d):\n", len(times), e.count)
	for _, at := range times {
		// Java's Date.toString.
		fmt.Fprintf(&b, "%d expire at %s:\n", len(e.members[at]), time.UnixMilli(at).Format("Mon Jan 02 15:04:05 MST 2006"))
		for _, m := range e.members[at] {
			fmt.Fprintf(&b, "\t%s\n", m)
		}
	}
	return b.String()
}
