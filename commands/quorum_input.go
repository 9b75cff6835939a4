package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"zkctl/probe"
	"zkctl/quorum"
	"zkctl/quorum/zoocfg"
)

// subject is the ensemble that a question is about, wherever it was described.
type subject struct {
	name       string // how to call it in a table: "majority of 5 voters"
	system     *quorum.System
	membership quorum.Membership
	notes      []string         // what is to be said of the description itself
	warnings   []quorum.Warning // of the servers' addresses
}

// newSubject names a system for people.
func newSubject(system *quorum.System, m quorum.Membership) *subject {
	s := &subject{system: system, membership: m}
	voters := quorum.Plural(len(system.Voters()), "voter")
	switch system.Kind() {
	case quorum.Weighted:
		s.name = "weighted, " + voters
	case quorum.Hierarchical:
		s.name = fmt.Sprintf("hierarchical, %s in %s", voters, quorum.Plural(len(m.Groups), "group"))
	default:
		s.name = "majority of " + voters
	}
	return s
}

// sourceOptions are the flags that describe an ensemble.
type sourceOptions struct {
	nodes           int
	hasNodes        bool // --nodes is given, 0 included
	config, hosts   string
	observers       int
	groups, weights string
}

// describes reports whether any flag describes an ensemble.
func (o sourceOptions) describes() bool {
	return o.hasNodes || o.config != "" || o.hosts != "" || o.groups != ""
}

// described is the ensemble in question; zones alone describe one, too.
func (o *quorumOptions) described(ctx context.Context) (*subject, error) {
	if !o.source.describes() {
		if o.zones == "" {
			return nil, withHint(usagef("which ensemble? give --nodes, --config, --hosts or --groups (or --compare, or --target)"),
				"zkctl quorum --nodes 3")
		}
		zones, err := parseZones(o.zones)
		if err != nil {
			return nil, err
		}
		for _, z := range zones {
			for _, id := range z.Members {
				o.source.nodes = max(o.source.nodes, int(min(id, quorum.MaxVoters+1)))
			}
		}
		o.source.hasNodes = true
	}
	return o.subject(ctx, o.source)
}

// planEnd reads N or a file: one end of a change.
func (p *program) planEnd(flag, text string) (s *subject, err error) {
	if n, notNumber := strconv.Atoi(text); notNumber == nil {
		s, err = flagSubject(sourceOptions{nodes: n, hasNodes: true})
	} else {
		s, err = p.fileSubject(text)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return s, nil
}

// subject reads the ensemble that the flags describe. Flags that name a file or
// hosts exclude those that spell the ensemble out.
func (p *program) subject(ctx context.Context, o sourceOptions) (*subject, error) {
	sources := 0
	for _, given := range []bool{o.hasNodes, o.config != "", o.hosts != ""} {
		if given {
			sources++
		}
	}
	switch {
	case sources > 1:
		return nil, usagef("give one of --nodes, --config and --hosts")
	case o.config != "" || o.hosts != "":
		if o.observers != 0 || o.groups != "" || o.weights != "" {
			return nil, usagef("--observers, --groups and --weights go with --nodes: a configuration has its own")
		}
		if o.hosts != "" {
			return p.liveSubject(ctx, o.hosts)
		}
		return p.fileSubject(o.config)
	}
	return flagSubject(o)
}

// flagSubject spells an ensemble out: voters 1..n, observers after them.
func flagSubject(o sourceOptions) (*subject, error) {
	groups, err := parseGroups(o.groups)
	if err != nil {
		return nil, err
	}
	weights, err := parseWeights(o.weights)
	if err != nil {
		return nil, err
	}
	switch {
	case o.hasNodes && o.nodes < 1 || o.nodes > quorum.MaxVoters:
		return nil, usagef("--nodes %d is not between 1 and %d: %s", o.nodes, quorum.MaxVoters, oneByte)
	case o.observers < 0 || o.observers > quorum.MaxVoters:
		return nil, usagef("--observers %d is not between 0 and %d: %s", o.observers, quorum.MaxVoters, oneByte)
	}
	m := quorum.Membership{Groups: groups, Weights: weights}
	for id := 1; id <= o.nodes; id++ {
		m.Voters = append(m.Voters, int64(id))
	}
	if !o.hasNodes { // the groups say who there is
		for _, g := range groups {
			m.Voters = append(m.Voters, g.Members...)
		}
		slices.Sort(m.Voters)
		m.Voters = slices.Compact(m.Voters)
	}
	last := slices.Max(m.Voters)
	for k := range o.observers {
		m.Observers = append(m.Observers, last+int64(k)+1)
	}
	for id, w := range weights {
		grouped := slices.ContainsFunc(groups, func(g quorum.Group) bool { return slices.Contains(g.Members, id) })
		if !grouped && !slices.Contains(m.Voters, id) && !slices.Contains(m.Observers, id) {
			return nil, usagef("--weights %d=%d: there is no server %d", id, w, id)
		}
	}
	if len(m.Voters) == 1 && len(m.Observers) > 0 {
		return nil, unhealthyf("refused by zookeeper: one voter runs stand-alone, which takes no observers (unless standaloneEnabled=false): use --nodes 3")
	}
	system, err := m.System()
	switch {
	case errors.Is(err, quorum.ErrRefused) && len(groups) == 0:
		return nil, withHint(exitf(exitUnhealthy, "refused by zookeeper: %w", err),
			"weighted voting is one group of all: --groups %s", strings.Trim(strings.ReplaceAll(fmt.Sprint(m.Voters), " ", ":"), "[]"))
	case errors.Is(err, quorum.ErrRefused):
		return nil, exitf(exitUnhealthy, "refused by zookeeper: %w", err)
	case err != nil:
		return nil, err
	}
	return newSubject(system, m), nil
}

// oneByte is why there are no more servers.
const oneByte = "a server's id is one byte of its sessions' ids"

// fileSubject reads a zoo.cfg, or standard input for "-", and the dynamic file
// that it may name.
func (p *program) fileSubject(path string) (*subject, error) {
	config, members, err := p.readConfig(path)
	if err != nil {
		return nil, err
	}
	var s *subject
	ensemble, err := config.Ensemble()
	if err == nil {
		s, err = ensembleSubject(ensemble)
	}
	if err != nil {
		return nil, refusal(err, members)
	}
	_, complete := config.Lookup("dataDir") // else it is a part of a zoo.cfg, or a template
	switch {
	case complete:
		if err := config.CheckStart(ensemble); err != nil {
			return nil, refusal(err, path)
		}
	case !config.OnlyMembers():
		s.notes = append(s.notes, "dataDir is not set: this is a part of a zoo.cfg, and zookeeper would not start with it as it stands")
	}
	if slices.ContainsFunc(ensemble.Servers, func(s zoocfg.Server) bool { return len(s.Addresses) > 1 }) {
		s.notes = append(s.notes, "for several addresses of a server, zookeeper wants the switch on its command line, too: -Dzookeeper.multiAddress.enabled=true")
	}
	return s, nil
}

// readConfig reads and checks a configuration, and names the file in which the
// members stand. What cannot be understood is refused (exit 3) by its line.
func (p *program) readConfig(path string) (config *zoocfg.Config, members string, err error) {
	text, err := p.readInput(path)
	if err != nil {
		return nil, "", fmt.Errorf("read the configuration: %w", err)
	}
	if config, err = zoocfg.ParseFile(text); err == nil {
		err = config.Check()
	}
	if err != nil {
		return nil, "", refusal(err, path)
	}
	if twice := config.Contradictions(); len(twice) > 0 {
		return nil, "", refusal(twice[0], path)
	}
	name, ok := config.DynamicFile()
	if !ok {
		return config, path, nil
	}
	// ZooKeeper takes a relative path from the folder in which it is started. The calculator is
	// used in other folders than the server, so it looks beside the zoo.cfg next.
	members = name
	if text, err = os.ReadFile(members); err != nil && !filepath.IsAbs(name) && path != "-" {
		beside := filepath.Join(filepath.Dir(path), name)
		if found, err2 := os.ReadFile(beside); err2 == nil {
			members, text, err = beside, found, nil
		}
	}
	if err != nil {
		entry, _ := config.Lookup("dynamicConfigFile")
		return nil, "", refusal(&zoocfg.Error{Line: entry.Line, Text: "dynamicConfigFile: " + err.Error(), Err: err}, path)
	}
	dynamic, err := zoocfg.Parse(text)
	if err == nil {
		config, err = config.WithDynamic(dynamic, members)
	}
	if err != nil {
		return nil, "", refusal(err, members)
	}
	return config, members, nil
}

// refusal turns what is wrong with a configuration into exit 3, and names the file and the line.
// What is only too large keeps its own code.
func refusal(err error, path string) error {
	path = inputName(path)
	separator := ": "
	if line := (*zoocfg.Error)(nil); errors.As(err, &line) && line.Line > 0 {
		separator = ", "
	}
	if errors.Is(err, quorum.ErrTooLarge) {
		return fmt.Errorf("%s%s%w", path, separator, err)
	}
	return exitf(exitUnhealthy, "%s%s%w", path, separator, err)
}

// liveSubject asks a running ensemble for its own configuration.
func (p *program) liveSubject(ctx context.Context, hosts string) (*subject, error) {
	addrs, err := probe.ParseHosts(hosts)
	if err != nil {
		return nil, usagef("--hosts: %w", err)
	}
	e := probe.Discover(ctx, addrs)
	if e.Config == nil {
		return nil, withHint(fmt.Errorf("no server of %s told its configuration: none answers, or it runs stand-alone, or is older than ZooKeeper 3.5", hosts),
			"zkctl probe %s says more", hosts)
	}
	return ensembleSubject(e.Config)
}

func ensembleSubject(e *zoocfg.Ensemble) (*subject, error) {
	system, err := e.System()
	if err != nil {
		return nil, err
	}
	m := quorum.Membership{Voters: e.Voters(), Observers: e.Observers(), Addresses: map[int64]string{}}
	if system.Kind() != quorum.Majority {
		m.Groups, m.Weights = e.Groups, e.Weights
	}
	for _, s := range e.Servers {
		m.Addresses[s.ID] = fmt.Sprint(s.Addresses)
	}
	s := newSubject(system, m)
	switch {
	case e.Oracle != "" && len(m.Voters) == 2:
		s.notes = append(s.notes, "with oraclePath, a leader left alone goes on while the oracle's file begins with 1; "+
			"the numbers here hold without it, and if it ever says 1 to both servers they decide differently")
	case e.Oracle != "":
		s.notes = append(s.notes, "oraclePath has no effect but to override groups and weights: the oracle is asked with exactly two voters")
	}
	s.warnings = e.Lint(system)
	return s, nil
}
