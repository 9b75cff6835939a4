package link

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
)

// Peer is one member: the addresses on which its own process listens.
type Peer struct {
	ID               int64
	Quorum, Election string
	// Client is empty for a member that has no link for clients.
	Client string
}

func (p Peer) address(c Channel) string {
	switch c {
	case Election:
		return p.Election
	case Client:
		return p.Client
	}
	return p.Quorum
}

// MeshOptions describe the network of an ensemble.
type MeshOptions struct {
	Peers []Peer
	// Port returns the port of 127.0.0.1 on which the link that Lane.From
	// dials to reach Lane.To listens; 0, or a nil Port, takes any free one.
	Port func(Lane) int
	// Seed decides the jitter of every lane.
	Seed uint64
	// Clock is the wall clock when nil.
	Clock Clock
}

// Mesh owns the links between all members: one for each ordered pair and
// channel, so n(n-1)*2 of them; and one in front of each member, for clients. Its
// methods may be called at any time from any goroutine.
type Mesh struct {
	peers map[int64]Peer
	links map[Lane]*Link
	lanes map[Lane]*Direction
}

// NewMesh opens every link. A target need not listen yet.
func NewMesh(o MeshOptions) (*Mesh, error) {
	if o.Clock == nil {
		o.Clock = wallClock{}
	}
	m := &Mesh{
		peers: make(map[int64]Peer),
		links: make(map[Lane]*Link),
		lanes: make(map[Lane]*Direction),
	}
	for _, p := range o.Peers {
		if _, ok := m.peers[p.ID]; ok {
			return nil, fmt.Errorf("mesh: member %d is listed twice", p.ID)
		}
		m.peers[p.ID] = p
	}
	for _, lane := range m.allLanes() {
		m.lanes[lane] = newDirection(o.Clock, o.Seed, lane.seed())
	}
	listeners, err := m.listen(o.Port)
	if err != nil {
		return nil, err
	}
	// All listen before any forwards: an election link must know the address
	// of the link that leads back.
	for lane, listener := range listeners {
		opposite := lane.reverse()
		callBack := ""
		if lane.Channel == Election {
			callBack = listeners[opposite].Addr().String()
		}
		m.links[lane] = New(Options{
			Listener: listener,
			Dial:     dialTCP(m.peers[lane.To].address(lane.Channel)),
			CallBack: callBack,
			Forward:  m.lanes[lane],
			Backward: m.lanes[opposite],
			Clock:    o.Clock,
		})
	}
	return m, nil
}

// listen opens the listeners, or none.
func (m *Mesh) listen(port func(Lane) int) (map[Lane]net.Listener, error) {
	if port == nil {
		port = func(Lane) int { return 0 }
	}
	listeners := make(map[Lane]net.Listener)
	for _, lane := range m.Lanes() {
		if lane.To == Clients {
			continue // no server dials a client
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port(lane)))
		if err != nil {
			for _, opened := range listeners {
				_ = opened.Close()
			}
			return nil, fmt.Errorf("link %s: %w", lane, err)
		}
		listeners[lane] = listener
	}
	return listeners, nil
}

func (m *Mesh) allLanes() []Lane {
	var lanes []Lane
	for from := range m.peers {
		for to := range m.peers {
			if from == to {
				continue
			}
			for _, channel := range Channels() {
				lanes = append(lanes, Lane{From: from, To: to, Channel: channel})
			}
		}
		if m.peers[from].Client != "" {
			lanes = append(lanes, Lane{Clients, from, Client}, Lane{from, Clients, Client})
		}
	}
	return lanes
}

// Lanes lists every lane, sorted.
func (m *Mesh) Lanes() []Lane {
	return slices.SortedFunc(maps.Keys(m.lanes), Lane.Compare)
}

// Address is the address of member to in the configuration of member from: that
// of the link between them, or its own address if they are the same. It is empty
// for a member that does not exist. Clients reach a member through the link from
// Clients to it.
func (m *Mesh) Address(from, to int64, channel Channel) string {
	if from == to {
		return m.peers[to].address(channel)
	}
	if link, ok := m.links[Lane{From: from, To: to, Channel: channel}]; ok {
		return link.Addr().String()
	}
	return ""
}

// Cut silences a lane.
func (m *Mesh) Cut(from, to int64, channel Channel) error {
	d, err := m.lane(from, to, channel)
	if err == nil {
		d.Cut()
	}
	return err
}

// Slow gives a lane a shape; a cut stays a cut.
func (m *Mesh) Slow(from, to int64, channel Channel, shape Shape) error {
	if err := shape.Validate(); err != nil {
		return err
	}
	d, err := m.lane(from, to, channel)
	if err == nil {
		d.Slow(shape)
	}
	return err
}

// Heal makes a lane healthy.
func (m *Mesh) Heal(from, to int64, channel Channel) error {
	d, err := m.lane(from, to, channel)
	if err == nil {
		d.Heal()
	}
	return err
}

// Apply puts every lane into the condition given for it, and heals those not
// mentioned. Several faults may name a lane; the caller works out what they
// together ask for. Nothing is changed when there is an error.
func (m *Mesh) Apply(conditions map[Lane]Condition) error {
	for _, lane := range slices.SortedFunc(maps.Keys(conditions), Lane.Compare) {
		if _, err := m.lane(lane.From, lane.To, lane.Channel); err != nil {
			return err
		}
		if err := conditions[lane].Shape.Validate(); err != nil {
			return fmt.Errorf("lane %s: %w", lane, err)
		}
	}
	// Cuts come first: when one partition follows another, no moment lies
	// between them at which every member sees every other.
	for _, cut := range []bool{true, false} {
		for lane, d := range m.lanes {
			if condition := conditions[lane]; condition.Cut == cut {
				d.Set(condition)
			}
		}
	}
	for lane, l := range m.links {
		l.Refuse(conditions[lane].Refuse)
	}
	return nil
}

// Reset breaks the connections that carry the bytes of any of these lanes, and
// returns how many there were. Both ends see a reset, also where a lane is cut.
func (m *Mesh) Reset(lanes []Lane) (broken int, err error) {
	for _, lane := range lanes {
		if _, err := m.lane(lane.From, lane.To, lane.Channel); err != nil {
			return 0, err
		}
	}
	links := make(map[*Link]struct{}) // a link carries two lanes, and is reset once
	for _, lane := range lanes {
		for _, l := range []*Link{m.links[lane], m.links[lane.reverse()]} {
			if l != nil {
				links[l] = struct{}{}
			}
		}
	}
	for l := range links {
		broken += l.Reset()
	}
	return broken, nil
}

// Conditions lists the lanes that are not healthy.
func (m *Mesh) Conditions() map[Lane]Condition {
	conditions := make(map[Lane]Condition)
	for lane, d := range m.lanes {
		if condition := d.Condition(); condition != (Condition{}) {
			conditions[lane] = condition
		}
	}
	return conditions
}

// Close closes every link and waits for all of them.
func (m *Mesh) Close() error {
	var errs []error
	for _, lane := range m.Lanes() {
		if link, ok := m.links[lane]; ok {
			errs = append(errs, link.Close())
		}
	}
	return errors.Join(errs...)
}

func (m *Mesh) lane(from, to int64, channel Channel) (*Direction, error) {
	lane := Lane{From: from, To: to, Channel: channel}
	if d, ok := m.lanes[lane]; ok {
		return d, nil
	}
	return nil, fmt.Errorf("lane %s: no such pair of members", lane)
}

func (l Lane) reverse() Lane {
	return Lane{From: l.To, To: l.From, Channel: l.Channel}
}

// seed gives the lanes of a mesh different seeds.
func (l Lane) seed() uint64 {
	return uint64(l.From)<<32 ^ uint64(l.To)<<8 ^ uint64(l.Channel)
}
