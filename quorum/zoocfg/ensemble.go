package zoocfg

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"zkctl/quorum"
)

// Ensemble is the membership that a configuration declares.
type Ensemble struct {
	Servers []Server        // ascending by ID, distinct
	Groups  []quorum.Group  // ascending by ID; empty for majority quorums
	Weights map[int64]int64 // as written; ids without a line are absent
	Version int64           // the zxid of the reconfiguration that made it, 0 at first
	Oracle  string          // oraclePath, which overrides groups and weights; empty: none

	hierarchical bool           // some line started with group or weight
	alone        bool           // standaloneEnabled, true unless the text says otherwise
	lines        map[string]int // canonical key ("group.1") -> line, for messages
}

// Ensemble extracts the membership. Errors are *Error; they wrap
// quorum.ErrRefused where ZooKeeper would refuse to start.
//
// A configuration without server lines gives an Ensemble without servers: that
// is how a stand-alone server is configured.
func (c *Config) Ensemble() (*Ensemble, error) { return c.ensemble(false) }

// ensemble does the work; live says that the text comes from running servers,
// where switches such as standaloneEnabled have had their say and are not shown.
func (c *Config) ensemble(live bool) (*Ensemble, error) {
	if err := c.checkStatic(); err != nil {
		return nil, err
	}
	if path, ok := c.DynamicFile(); ok {
		return nil, fmt.Errorf("the servers are in the dynamic file %s: read it too", path)
	}
	for _, e := range c.Contradictions() {
		if key, _, _ := strings.Cut(e.Text, "="); isMember(key) || key == "version" {
			return nil, e
		}
	}
	e := &Ensemble{Weights: map[int64]int64{}, lines: map[string]int{}}
	e.Oracle, _ = c.Get("oraclePath")
	standalone, given := c.Get("standaloneEnabled")
	e.alone = !live && (!given || strings.EqualFold(standalone, "true"))
	for _, entry := range c.All() {
		if err := e.add(entry); err != nil {
			return nil, err
		}
	}
	// ZooKeeper takes multiAddress.enabled from its command line alone, as
	// -Dzookeeper.multiAddress.enabled=true. Here the key in the file stands for it.
	multi, _ := c.Get("multiAddress.enabled")
	for _, s := range e.Servers {
		if len(s.Addresses) > 1 && !live && !strings.EqualFold(multi, "true") {
			return nil, refuse(s.Line, "server.%d has %d addresses, but multiAddress.enabled is not true", s.ID, len(s.Addresses))
		}
	}
	slices.SortFunc(e.Servers, func(a, b Server) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(e.Groups, func(a, b quorum.Group) int { return cmp.Compare(a.ID, b.ID) })
	for i := 1; i < len(e.Servers); i++ { // server.1 and server.01
		if e.Servers[i].ID == e.Servers[i-1].ID {
			return nil, &Error{Line: e.Servers[i].Line, Text: fmt.Sprintf("server %d is declared twice, the other time in line %d",
				e.Servers[i].ID, e.Servers[i-1].Line)}
		}
	}
	return e, nil
}

// ParseEnsemble reads a text that holds nothing but membership, as the value of
// /zookeeper/config or the configuration in an election notification does.
func ParseEnsemble(text []byte) (*Ensemble, error) {
	c, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return c.ensemble(true)
}

func (e *Ensemble) add(entry Entry) error {
	if entry.Key == "version" {
		v, err := strconv.ParseInt(entry.Value, 16, 64)
		if err != nil {
			return refuse(entry.Line, "version=%s is not a hexadecimal number", entry.Value)
		}
		e.Version = v
	}
	isServer := strings.HasPrefix(entry.Key, "server.")
	if !isMember(entry.Key) || !isServer && e.Oracle != "" { // QuorumOracleMaj does not look at groups and weights
		return nil
	}
	bad := func(format string, args ...any) *Error {
		return refuse(entry.Line, "%s=%s: %s", entry.Key, entry.Value, fmt.Sprintf(format, args...))
	}
	text := entry.Key[strings.IndexByte(entry.Key, '.')+1:] // the whole key when there is no dot, as in Java
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return bad("%q is not a number", text)
	}
	e.hierarchical = e.hierarchical || !isServer
	kind := "weight"
	switch {
	case isServer && id < 0:
		return &Error{Line: entry.Line, Text: fmt.Sprintf("%s=%s: server ids are zero or more", entry.Key, entry.Value)}
	case isServer:
		kind = "server"
		s, err := parseServer(entry.Value)
		if err != nil {
			refusal := bad("%v", err)
			if errors.Is(err, errUnusable) {
				refusal.Err = err
			}
			return refusal
		}
		s.ID, s.Line = id, entry.Line
		e.Servers = append(e.Servers, s)
	case strings.HasPrefix(entry.Key, "group"):
		kind = "group"
		g := quorum.Group{ID: id}
		for _, text := range javaSplit(entry.Value, ":") {
			member, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return bad("%q is not a server id%s", text, blankHint(text))
			}
			g.Members = append(g.Members, member)
		}
		e.Groups = append(e.Groups, g)
	default:
		if e.Weights[id], err = strconv.ParseInt(entry.Value, 10, 64); err != nil {
			return bad("the weight is not a whole number of 64 bits%s", blankHint(entry.Value))
		}
	}
	e.lines[fmt.Sprintf("%s.%d", kind, id)] = entry.Line
	return nil
}

// Server returns the server with an id.
func (e *Ensemble) Server(id int64) (Server, bool) {
	i, ok := slices.BinarySearchFunc(e.Servers, id, func(s Server, id int64) int { return cmp.Compare(s.ID, id) })
	if !ok {
		return Server{}, false
	}
	return e.Servers[i], true
}

// Voters returns the ids of the participants, ascending.
func (e *Ensemble) Voters() []int64 { return e.idsOf(Participant) }

// Observers returns the ids of the observers, ascending.
func (e *Ensemble) Observers() []int64 { return e.idsOf(Observer) }

func (e *Ensemble) idsOf(role Role) []int64 {
	var ids []int64
	for _, s := range e.Servers {
		if s.Role == role {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// System builds the quorum system as ZooKeeper does: hierarchical as soon as any
// key starts with group or weight, else majority; an oraclePath means majority
// whatever the groups say (QuorumPeerConfig.createQuorumVerifier), and only with
// two voters is the oracle ever asked.
func (e *Ensemble) System() (*quorum.System, error) {
	voters := e.Voters()
	if len(voters) == 0 {
		if n := len(e.Servers); n > 0 {
			return nil, refuse(e.Servers[0].Line, "%d observers and no participant: an ensemble needs voters", n)
		}
		return nil, &Error{Text: "there is no server.N line: one server by itself, which has no quorum (--nodes 1 sizes it)"}
	}
	if len(voters) == 1 && len(e.Servers) > 1 && e.alone {
		return nil, refuse(e.lines[fmt.Sprintf("server.%d", voters[0])], "server %d is the only participant, and there are observers: "+
			"zookeeper runs one voter stand-alone, which takes no observers (unless standaloneEnabled=false)", voters[0])
	}
	system, err := quorum.NewMajority(voters...)
	if e.hierarchical {
		system, err = quorum.NewHierarchical(voters, e.Groups, e.Weights)
	}
	if bad := (*quorum.ConfigError)(nil); errors.As(err, &bad) {
		return nil, &Error{Line: e.lineOf(bad.Key), Text: bad.Text, Err: err}
	}
	return system, err
}

// lineOf is the line to blame for a key: its own, or for a weight that is not
// given that of the group which lists the server; 0 for none.
func (e *Ensemble) lineOf(key string) int {
	if line, ok := e.lines[key]; ok {
		return line
	}
	id, isWeight := strings.CutPrefix(key, "weight.")
	for _, g := range e.Groups {
		if isWeight && slices.ContainsFunc(g.Members, func(member int64) bool { return strconv.FormatInt(member, 10) == id }) {
			return e.lines[fmt.Sprintf("group.%d", g.ID)]
		}
	}
	return 0
}

// Text renders the canonical text: a server.N line each, then groups
// and weights, then version in hexadecimal, without a newline at the end. It is
// what /zookeeper/config holds and what election notifications carry.
func (e *Ensemble) Text() string {
	var b strings.Builder
	for _, s := range e.Servers {
		fmt.Fprintf(&b, "server.%d=%s\n", s.ID, s)
	}
	for _, g := range e.Groups {
		if len(g.Members) == 0 {
			continue // an empty group cannot be written; ZooKeeper drops it here, too
		}
		fmt.Fprintf(&b, "group.%d=%s\n", g.ID, strings.Trim(strings.ReplaceAll(fmt.Sprint(g.Members), " ", ":"), "[]"))
	}
	for _, id := range slices.Sorted(maps.Keys(e.Weights)) {
		fmt.Fprintf(&b, "weight.%d=%d\n", id, e.Weights[id])
	}
	fmt.Fprintf(&b, "version=%x", e.Version)
	return b.String()
}

// isMember reports whether a key declares membership. ZooKeeper tests the bare prefix of groups
// and weights: a line such as "groupsize=3" makes it read the configuration as hierarchical, and
// fail.
func isMember(key string) bool {
	return strings.HasPrefix(key, "server.") || strings.HasPrefix(key, "group") || strings.HasPrefix(key, "weight")
}

func refuse(line int, format string, args ...any) *Error {
	return &Error{Line: line, Text: fmt.Sprintf(format, args...), Err: quorum.ErrRefused}
}

func blankHint(text string) string {
	if text != strings.TrimSpace(text) {
		return " (remove the white space: zookeeper does not trim here)"
	}
	return ""
}
