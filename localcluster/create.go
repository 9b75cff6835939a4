package localcluster

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"zkctl/quorum/zoocfg"
)

// Request is what `up` is asked for. Fields at their zero value were not asked for: a new ensemble
// gets the default, one that exists keeps what it has.
type Request struct {
	Nodes     int       // voters; 3
	Observers int       // members without a vote; 0
	Engines   EngineMix // embedded
	BasePort  int       // the first of the ensemble's ports; chosen
	Tick      time.Duration
	Settings  []string // key=value, zoo.cfg keys
	Config    []byte   // a zoo.cfg to take membership and settings from
	ConfigAs  string   // what to call that file in errors
}

const (
	defaultNodes = 3
	// maxNodes bounds the number of links, n(n-1)*2, which is also one of ports.
	maxNodes = 50
)

// newSpec designs an ensemble; it has everything but its ports.
func newSpec(name string, r Request, now time.Time) (*Spec, error) {
	s := &Spec{Version: specVersion, Name: name, Created: now.UTC(), Settings: defaultSettings()}
	var err error
	if r.Config != nil {
		err = s.takeConfig(r)
	} else {
		err = s.number(r)
	}
	if err != nil {
		return nil, err
	}
	if n := len(s.Members); n > maxNodes {
		return nil, fail(CodeUsage, "", "%d members are too many for one machine: up to %d", n, maxNodes)
	}
	if err := s.setEngines(r.Engines); err != nil {
		return nil, err
	}
	if r.BasePort != 0 {
		if err := s.checkBase(r.BasePort); err != nil {
			return nil, err
		}
	}
	return s, s.setSettings(r)
}

// number makes the members 1, 2, 3 …, voters first.
func (s *Spec) number(r Request) error {
	if r.Nodes < 0 || r.Observers < 0 {
		return fail(CodeUsage, "", "%d voters and %d observers: numbers from 0 up are needed", r.Nodes, r.Observers)
	}
	nodes := r.Nodes
	if nodes == 0 {
		nodes = defaultNodes
		// `--engine embedded=4,apache=1` says how many there are.
		if n, ok := r.Engines.Count(); ok && n > r.Observers {
			nodes = n - r.Observers
		}
	}
	if nodes > maxNodes || r.Observers > maxNodes-nodes {
		return fail(CodeUsage, "", "%d members are too many for one machine: up to %d", nodes+r.Observers, maxNodes)
	}
	for id := 1; id <= nodes+r.Observers; id++ {
		s.Members = append(s.Members, MemberSpec{ID: int64(id), Observer: id > nodes})
	}
	return nil
}

// takeConfig makes a local copy of the ensemble that a zoo.cfg describes: its members, with their
// ids, roles, groups and weights, and its settings, without its addresses and directories.
func (s *Spec) takeConfig(r Request) error {
	bad := func(err error) error {
		return fail(CodeUsage, "", "%s: %w", r.ConfigAs, err)
	}
	config, err := zoocfg.ParseFile(r.Config)
	if err != nil {
		return bad(err)
	}
	ensemble, err := config.Ensemble()
	if err != nil {
		return bad(err)
	}
	for _, server := range ensemble.Servers {
		s.Members = append(s.Members, MemberSpec{ID: server.ID, Observer: server.Role == zoocfg.Observer})
	}
	switch {
	case len(s.Members) == 0:
		if err := s.number(r); err != nil {
			return err
		}
	case r.Nodes != 0 || r.Observers != 0:
		return fail(CodeUsage, "drop --nodes and --observers, or the server lines of the file", "%s says itself which members there are", r.ConfigAs)
	default:
		if _, err := ensemble.System(); err != nil {
			return bad(err)
		}
	}
	for _, entry := range config.All() {
		if !ownKey(entry.Key) && entry.Key != "version" {
			s.Settings[entry.Key], _ = config.Get(entry.Key)
		}
	}
	return nil
}

// setEngines gives each member its engine.
func (s *Spec) setEngines(mix EngineMix) error {
	engines, err := mix.assign(len(s.Voters()), len(s.Observers()))
	if err != nil {
		return err
	}
	for i := range s.Members {
		s.Members[i].Engine = engines[i]
	}
	return nil
}

func (s *Spec) setSettings(r Request) error {
	if r.Tick != 0 {
		if r.Tick < time.Millisecond || r.Tick.Milliseconds() > math.MaxInt32 {
			return fail(CodeUsage, "", "--tick %s: at least 1ms is needed, and at most 24 days", r.Tick)
		}
		s.Settings["tickTime"] = strconv.FormatInt(r.Tick.Milliseconds(), 10)
	}
	if err := applySettings(s.Settings, r.Settings); err != nil {
		return err
	}
	if err := s.checkEngines(); err != nil {
		return err
	}
	return s.tryConfig()
}

// revise applies a request to an ensemble that exists. Its members and their ports stay: a request for others is
// refused. Settings and engines may change while the ensemble is stopped, since both engines read the same
// files.
func (s *Spec) revise(r Request) (changed bool, err error) {
	again := "leave the flag out, or delete the ensemble first: zkctl down --purge --name " + s.Name
	for _, f := range []struct {
		flag      string
		want, has int
	}{
		{"--nodes", r.Nodes, len(s.Voters())},
		{"--observers", r.Observers, len(s.Observers())},
		{"--base-port", r.BasePort, s.firstPort()},
	} {
		if f.want != 0 && f.want != f.has {
			return false, fail(CodeUsage, again, "%s %d: the ensemble %s exists, with %d", f.flag, f.want, s.Name, f.has)
		}
	}
	if r.Config != nil {
		return false, fail(CodeUsage, again, "--config: the ensemble %s exists", s.Name)
	}
	members, settings := append([]MemberSpec(nil), s.Members...), maps.Clone(s.Settings)
	if len(r.Engines.parts) > 0 {
		if err := s.setEngines(r.Engines); err != nil {
			return false, err
		}
	}
	if err := s.setSettings(r); err != nil {
		return false, err
	}
	for i, m := range members {
		changed = changed || m.Engine != s.Members[i].Engine
	}
	return changed || !maps.Equal(settings, s.Settings), nil
}

// create makes an ensemble's folder, with its ports chosen, under the lock of the register. It fails
// with fs.ErrExist when there is one already, and leaves nothing behind when it fails.
func create(home Home, spec *Spec, base int) (err error) {
	if err := home.create(); err != nil {
		return err
	}
	register, err := openRegister(home)
	if err != nil {
		return err
	}
	defer register.close()
	folder := home.Folder(spec.Name)
	if _, err := os.Stat(folder.SpecFile()); err == nil {
		return fmt.Errorf("ensemble %s: %w", spec.Name, fs.ErrExist)
	}
	if err := register.allocate(spec, folder, base); err != nil {
		return err
	}
	if err := makeFolder(folder); err != nil {
		return noFolder(spec.Name, err)
	}
	if err := spec.save(folder); err != nil {
		return joinRemoval(folder, err)
	}
	register.enter(folder, spec)
	_ = register.save() // the register only helps: binding decides
	return nil
}

// noFolder is the error for an ensemble whose folder cannot be made.
func noFolder(name string, err error) error {
	return fail(CodeFailed, "make the state directory writable, or set ZKCTL_HOME to another", "ensemble %s: %w", name, err)
}

// makeFolder makes an ensemble's folder, or takes over one that a zkctl which was killed at this very moment
// left behind. Any other directory of that name stays as it is, and is an error.
func makeFolder(folder Folder) error {
	err := os.Mkdir(string(folder), 0o700)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	left, err := leftovers(folder)
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := os.Remove(filepath.Join(string(folder), name)); err != nil {
			return err
		}
	}
	return nil
}

// leftovers lists what a zkctl that was killed while it made the folder left in it. A folder that holds
// anything else is an error.
func leftovers(folder Folder) (names []string, err error) {
	entries, err := os.ReadDir(string(folder))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !isTemporary(e.Name(), folder.SpecFile()) {
			return nil, fmt.Errorf("%s exists and is no ensemble: it holds %s", folder, e.Name())
		}
		names = append(names, e.Name())
	}
	return names, nil
}

func joinRemoval(folder Folder, err error) error {
	if remove := os.RemoveAll(string(folder)); remove != nil {
		return fmt.Errorf("%w (and its folder could not be removed: %w)", err, remove)
	}
	return err
}
