package localcluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// specVersion is raised when spec.json changes so that an older zkctl would misread it.
const specVersion = 1

// Spec is what an ensemble is made of: everything that is decided once, when it is created, and
// remembered, so that `up` after `down` gives the same members on the same ports with the same data.
type Spec struct {
	Version int       `json:"version"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`

	// Members are in ascending order of id, each id > 0 and once.
	Members []MemberSpec `json:"members"`
	// Links has one entry for each ordered pair of members and each channel.
	Links []LinkSpec `json:"links"`
	// Settings are zoo.cfg keys, beyond those that say where the member is: see configText.
	Settings map[string]string `json:"settings"`
}

// MemberSpec is one member: its part in the ensemble, and the ports it listens on (127.0.0.1).
type MemberSpec struct {
	ID           int64  `json:"id"`
	Observer     bool   `json:"observer,omitempty"`
	Engine       Engine `json:"engine"`
	ClientPort   int    `json:"client_port"`
	QuorumPort   int    `json:"quorum_port"`
	ElectionPort int    `json:"election_port"`
	AdminPort    int    `json:"admin_port"` // used when admin.enableServer is set
}

// LinkSpec is the way from one member to another on one channel: From dials Port, where the
// supervisor listens, and comes out at To's own port.
type LinkSpec struct {
	From    int64  `json:"from"`
	To      int64  `json:"to"`
	Channel string `json:"channel"` // "quorum" or "election"
	Port    int    `json:"port"`
}

// The two channels between members: broadcast and election.
const (
	channelQuorum   = "quorum"
	channelElection = "election"
)

// Client is the address that clients dial.
func (m MemberSpec) Client() string { return loopback(m.ClientPort) }

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// Member finds a member by id.
func (s *Spec) Member(id int64) (MemberSpec, bool) {
	for _, m := range s.Members {
		if m.ID == id {
			return m, true
		}
	}
	return MemberSpec{}, false
}

// Voters and Observers are the ids of each kind, ascending.
func (s *Spec) Voters() []int64 { return s.ids(false) }

// Observers are the ids of the members without a vote.
func (s *Spec) Observers() []int64 { return s.ids(true) }

func (s *Spec) ids(observer bool) []int64 {
	var ids []int64
	for _, m := range s.Members {
		if m.Observer == observer {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// Connect is the connect string: the client address of every member, as ZooKeeper's clients take it.
func (s *Spec) Connect() string {
	var text []byte
	for i, m := range s.Members {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, m.Client()...)
	}
	return string(text)
}

// Tick is the ensemble's tickTime.
func (s *Spec) Tick() time.Duration {
	if d, err := parseMillis(s.Settings["tickTime"]); err == nil {
		return d
	}
	return defaultTick
}

// portCount is how many ports the ensemble needs: four a member, one a link.
func (s *Spec) portCount() int {
	n := len(s.Members)
	return 4*n + 2*n*(n-1)
}

// assignPorts lays all the ports of the ensemble out from first on: clients first, because those
// are the ones that people type, then the members' other ports, then the links.
func (s *Spec) assignPorts(first int) {
	port := first
	next := func() int { port++; return port - 1 }
	for i := range s.Members {
		s.Members[i].ClientPort = next()
	}
	for i := range s.Members {
		m := &s.Members[i]
		m.QuorumPort, m.ElectionPort, m.AdminPort = next(), next(), next()
	}
	s.Links = nil
	for _, from := range s.Members {
		for _, to := range s.Members {
			if from.ID == to.ID {
				continue
			}
			s.Links = append(s.Links,
				LinkSpec{From: from.ID, To: to.ID, Channel: channelQuorum, Port: next()},
				LinkSpec{From: from.ID, To: to.ID, Channel: channelElection, Port: next()})
		}
	}
}

// firstPort is where assignPorts began.
func (s *Spec) firstPort() int { return s.Members[0].ClientPort }

// save writes spec.json.
func (s *Spec) save(folder Folder) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := writeAtomically(folder.SpecFile(), append(text, '\n')); err != nil {
		return fmt.Errorf("ensemble %s: %w", s.Name, err)
	}
	return nil
}

// LoadSpec reads an ensemble's spec.json. An ensemble that is not there is CodeMissing.
func LoadSpec(folder Folder) (*Spec, error) {
	text, err := readRegular(folder.SpecFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail(CodeMissing, "`zkctl up` makes one, `zkctl ls` lists them", "there is no ensemble %s", filepath.Base(string(folder)))
	}
	if errors.Is(err, errNotRegular) {
		return nil, damaged(folder, err)
	}
	if err != nil {
		return nil, fail(CodeFailed, "make the state directory readable, or set ZKCTL_HOME to another", "ensemble %s: %w", filepath.Base(string(folder)), err)
	}
	var s Spec
	err = json.Unmarshal(text, &s)
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return nil, damaged(folder, fmt.Errorf("%s is damaged: %w", folder.SpecFile(), err))
	}
	return &s, nil
}

// damaged is the error for a spec that cannot be read, which no supervisor mends at this moment. It must not cost the
// user the data, which needs only members of the same ids.
func damaged(folder Folder, err error) error {
	return fail(CodeFailed, fmt.Sprintf("the data is whole, in %s: put a copy of the file back; or move %s away, make the ensemble anew with the flags "+
		"of its first `zkctl up`, stop it with `zkctl down`, replace its data folders by the old ones, and start it again",
		filepath.Join(string(folder), "members", "*", "data"), folder), "%w", err)
}

// check refuses a spec that a supervisor could not run.
func (s *Spec) check() error {
	if s.Version != specVersion {
		return fmt.Errorf("written by another zkctl: version %d, this one knows %d", s.Version, specVersion)
	}
	if len(s.Members) == 0 {
		return errors.New("no members")
	}
	last := int64(0)
	for _, m := range s.Members {
		if m.ID <= last {
			return fmt.Errorf("member ids must ascend from 1: %d after %d", m.ID, last)
		}
		last = m.ID
		if m.Engine != Embedded && m.Engine != Apache {
			return fmt.Errorf("member %d has no engine", m.ID)
		}
	}
	if len(s.Voters()) == 0 {
		return errors.New("no voters")
	}
	seen := map[int]bool{}
	for _, port := range s.ports() {
		if port.number < 1 || port.number > 65535 || seen[port.number] {
			return fmt.Errorf("port %d (%s) is out of range or used twice", port.number, port.use)
		}
		seen[port.number] = true
	}
	if want := s.portCount(); len(seen) != want {
		return fmt.Errorf("%d ports and links where %d members need %d", len(seen), len(s.Members), want)
	}
	return nil
}

// usedPort is a port with what it is for, so that a clash can be explained.
type usedPort struct {
	number int
	use    string
}

// ports lists every port of the ensemble.
func (s *Spec) ports() []usedPort {
	var all []usedPort
	for _, m := range s.Members {
		who := fmt.Sprintf("member %d", m.ID)
		all = append(all, usedPort{m.ClientPort, who + ", clients"}, usedPort{m.QuorumPort, who + ", quorum"},
			usedPort{m.ElectionPort, who + ", election"}, usedPort{m.AdminPort, who + ", admin"})
	}
	for _, l := range s.Links {
		all = append(all, usedPort{l.Port, fmt.Sprintf("link %d>%d, %s", l.From, l.To, l.Channel)})
	}
	return all
}
