package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zkctl/probe"
	"zkctl/quorum"
	"zkctl/quorum/zoocfg"
)

// maxNodes bounds --nodes: what the calculations are meant for, with room.
const maxNodes = 100_000

// subject is the ensemble that a question is about, wherever it was described.
type subject struct {
	name       string // how to call it in a table: "majority of 5 voters"
	kind       string // majority, weighted, hierarchical, reconfiguration
	system     quorum.System
	membership quorum.Membership
	oracle     string           // oraclePath, "" without
	config     *zoocfg.Config   // when it came from a file
	notes      []string         // what is to be said of the description itself
	warnings   []quorum.Warning // of the servers' addresses
}

// sourceOptions are the flags that describe an ensemble.
type sourceOptions struct {
	nodes     int
	hasNodes  bool // --nodes is given, 0 included
	config    string
	hosts     string
	observers int
	groups    string
	weights   string
	oracle    bool
}

// describes reports whether any flag describes an ensemble.
func (o sourceOptions) describes() bool {
	return o.hasNodes || o.config != "" || o.hosts != "" || o.groups != ""
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
		if o.observers != 0 || o.groups != "" || o.weights != "" || o.oracle {
			return nil, usagef("--observers, --groups, --weights and --oracle go with --nodes: a configuration has its own")
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
	case o.hasNodes && o.nodes < 1 || o.nodes > maxNodes:
		return nil, usagef("--nodes %d is not between 1 and %d", o.nodes, maxNodes)
	case o.observers < 0 || o.observers > maxNodes:
		return nil, usagef("--observers %d is not between 0 and %d", o.observers, maxNodes)
	}
	var m quorum.Membership
	if !o.hasNodes { // the groups say who there is
		seen := map[int64]bool{}
		for _, g := range groups {
			for _, id := range g.Members {
				if !seen[id] {
					m.Voters = append(m.Voters, id)
				}
				seen[id] = true
			}
		}
		slices.Sort(m.Voters)
	}
	for id := 1; id <= o.nodes; id++ {
		m.Voters = append(m.Voters, int64(id))
	}
	last := slices.Max(m.Voters)
	for k := range o.observers {
		m.Observers = append(m.Observers, last+int64(k)+1)
	}
	for id := range weights {
		if !slices.Contains(m.Voters, id) && !slices.Contains(m.Observers, id) && !inGroup(groups, id) {
			return nil, usagef("--weights %d=%d: there is no server %d", id, weights[id], id)
		}
	}
	m.Groups, m.Weights = groups, weights
	if len(m.Voters) == 1 && len(m.Observers) > 0 {
		return nil, unhealthyf("refused by zookeeper: one voter runs stand-alone, where nobody can observe (unless standaloneEnabled=false): use --nodes 3")
	}
	oracle := ""
	if o.oracle {
		oracle = "(given by --oracle)"
		m.Groups, m.Weights = nil, nil // ZooKeeper's oracle overrides them
	}
	system, err := m.System()
	if err != nil {
		if errors.Is(err, quorum.ErrRefused) && len(groups) == 0 && len(weights) > 0 {
			return nil, withHint(exitf(exitUnhealthy, "refused by zookeeper: %w", err),
				"weighted voting is one group of all: --groups %s", strings.ReplaceAll(idText(m.Voters), ",", ":"))
		}
		return nil, refusal(err, "")
	}
	return newSubject(system, m, oracle, nil), nil
}

func inGroup(groups []quorum.Group, id int64) bool {
	return slices.ContainsFunc(groups, func(g quorum.Group) bool { return slices.Contains(g.Members, id) })
}

// fileSubject reads a zoo.cfg, or standard input for "-", and the dynamic file
// that it may name.
func (p *program) fileSubject(path string) (*subject, error) {
	config, members, err := p.readConfig(path)
	if err != nil {
		return nil, err
	}
	ensemble, err := config.Ensemble()
	if err != nil {
		return nil, refusal(err, members)
	}
	s, err := ensembleSubject(ensemble)
	if err != nil {
		return nil, refusal(err, members)
	}
	s.config = config
	switch {
	case config.Complete():
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
// members stand. Whatever cannot be understood is refused (exit 3) by its line.
func (p *program) readConfig(path string) (config *zoocfg.Config, members string, err error) {
	text, err := p.readInput(path)
	if err != nil {
		return nil, "", fmt.Errorf("read the configuration: %w", err)
	}
	if config, err = zoocfg.Parse(text); err != nil {
		return nil, "", refusal(err, path)
	}
	if err := config.Check(); err != nil {
		return nil, "", refusal(err, path)
	}
	if twice := config.Contradictions(); len(twice) > 0 {
		return nil, "", refusal(twice[0], path)
	}
	name, ok := config.DynamicFile()
	if !ok {
		return config, path, nil
	}
	members, text, err = p.readDynamic(name, path)
	if err != nil {
		entry, _ := config.Lookup("dynamicConfigFile")
		return nil, "", refusal(&zoocfg.Error{Line: entry.Line, Text: "dynamicConfigFile: " + err.Error(), Err: err}, path)
	}
	dynamic, err := zoocfg.Parse(text)
	if err != nil {
		return nil, "", refusal(err, members)
	}
	if config, err = config.WithDynamic(dynamic, members); err != nil {
		return nil, "", refusal(err, members)
	}
	return config, members, nil
}

// readDynamic reads the file that a zoo.cfg names. ZooKeeper takes a relative path
// from the folder in which it is started, and so is it looked for first; but the
// calculator is used in other folders than the server, so next it is looked for beside
// the zoo.cfg. (The engine of zkctl does the same, and ZooKeeper itself writes absolute paths.)
func (p *program) readDynamic(name, static string) (found string, text []byte, err error) {
	text, err = os.ReadFile(name)
	if err == nil || filepath.IsAbs(name) || static == "-" {
		return name, text, err
	}
	beside := filepath.Join(filepath.Dir(static), name)
	if text, besideErr := os.ReadFile(beside); besideErr == nil {
		return beside, text, nil
	}
	return name, nil, err
}

// readInput reads a file, or standard input for "-".
func (p *program) readInput(path string) ([]byte, error) {
	if path == "-" {
		text, err := io.ReadAll(p.In)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return text, nil
	}
	return os.ReadFile(path)
}

// refusal turns what is wrong with a configuration into exit 3, or, for one
// spelled out in flags (no path), into exit 2 where ZooKeeper would not refuse it.
func refusal(err error, path string) error {
	var line *zoocfg.Error
	switch {
	case path == "" && !errors.Is(err, quorum.ErrRefused):
		return err
	case path == "":
		return exitf(exitUnhealthy, "refused by zookeeper: %w", err)
	case path == "-":
		path = "standard input"
	}
	if errors.As(err, &line) && line.Line > 0 {
		return exitf(exitUnhealthy, "%s, %w", path, err)
	}
	return exitf(exitUnhealthy, "%s: %w", path, err)
}

// liveSubject asks a running ensemble for its own configuration: the first host
// that answers.
func (p *program) liveSubject(ctx context.Context, hosts string) (*subject, error) {
	addrs, err := probe.ParseHosts(hosts)
	if err != nil {
		return nil, usagef("--hosts: %w", err)
	}
	var failures []error
	for _, addr := range addrs {
		text, err := liveConfig(ctx, addr)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		for _, err := range failures {
			p.progress("%v", err)
		}
		ensemble, err := zoocfg.ParseEnsemble(text)
		if err != nil {
			return nil, refusal(err, "/zookeeper/config of "+addr)
		}
		if len(ensemble.Servers) == 0 {
			return nil, unhealthyf("/zookeeper/config of %s names no servers: it runs stand-alone, or is older than ZooKeeper 3.5", addr)
		}
		s, err := ensembleSubject(ensemble)
		if err != nil {
			return nil, refusal(err, "/zookeeper/config of "+addr)
		}
		return s, nil
	}
	return nil, fmt.Errorf("no server of %s told its configuration: %w", hosts, errors.Join(failures...))
}

// liveConfig reads /zookeeper/config from one server.
func liveConfig(ctx context.Context, addr string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	session, err := probe.Dial(ctx, addr, probe.Options{})
	if err != nil {
		return nil, err
	}
	// A session that cannot be closed ends by itself; the answer is there already.
	defer func() { _ = session.Close(ctx) }()
	text, _, _, err := session.Get(ctx, "/zookeeper/config")
	if err != nil {
		return nil, fmt.Errorf("read /zookeeper/config of %s: %w", addr, err)
	}
	return text, nil
}

func ensembleSubject(e *zoocfg.Ensemble) (*subject, error) {
	system, err := e.System()
	if err != nil {
		return nil, err
	}
	m := quorum.Membership{Voters: e.Voters(), Observers: e.Observers(), Addresses: map[int64]string{}}
	if _, hierarchical := system.(*quorum.Hierarchical); hierarchical {
		m.Groups, m.Weights = e.Groups, e.Weights
	}
	for _, s := range e.Servers {
		var hosts []string
		for _, a := range s.Addresses {
			hosts = append(hosts, fmt.Sprintf("%s:%d:%d", a.Host, a.QuorumPort, a.ElectionPort))
		}
		m.Addresses[s.ID] = strings.Join(hosts, "|")
	}
	s := newSubject(system, m, e.Oracle, nil)
	s.warnings, err = e.Lint(system)
	return s, err
}

func newSubject(system quorum.System, m quorum.Membership, oracle string, config *zoocfg.Config) *subject {
	s := &subject{system: system, membership: m, oracle: oracle, config: config}
	s.kind, s.name = classify(system)
	return s
}

// classify names the kind of a system, for programs and for people.
func classify(s quorum.System) (kind, name string) {
	n := len(s.Voters())
	switch s := s.(type) {
	case *quorum.Hierarchical:
		declared, effective := s.Groups()
		if declared == 1 {
			return "weighted", fmt.Sprintf("weighted, %s", count(n, "voter"))
		}
		name = fmt.Sprintf("hierarchical, %s in %s", count(n, "voter"), count(declared, "group"))
		if effective != declared {
			name += fmt.Sprintf(", %d of which weigh anything", effective)
		}
		return "hierarchical", name
	case *quorum.Joint:
		return "reconfiguration", fmt.Sprintf("reconfiguration in flight, %s", count(n, "voter"))
	}
	return "majority", fmt.Sprintf("majority of %s", count(n, "voter"))
}
