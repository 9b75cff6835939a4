package zab

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"zkctl/probe/wire"
	"zkctl/quorum"
)

// world is a whole ensemble in one goroutine: nodes, disks, channels and a
// clock that moves only when a test says so. It stands in for the shell and
// carries out every Output in the documented order.
type world struct {
	servers map[ServerID]*server
	ids     []ServerID
	voters  int

	lastCounter uint32 // of an epoch; 0: as it is in production

	now     time.Duration
	votes   map[pair][]wire.Notification // election channel: queues per direction
	conns   []*conn
	accepts uint64
	blocked map[pair]bool // cut directions
	trace   func(format string, args ...any)
	check   func(s *server, out Output) // called after every Step

	snapshots map[LinkID]map[ServerID][]wire.Proposal // SNAP streams that arrived, by link and receiver
}

type pair struct{ from, to ServerID }

// disk is what survives a crash.
type disk struct {
	accepted, current int64
	log               []wire.Proposal // the whole history, snapshot included
	floor             wire.Zxid       // of the oldest snapshot: no state before it can be had again
}

type server struct {
	id      ServerID
	node    *Node // nil while crashed
	disk    disk
	pending []Write         // issued, not durable
	tree    []wire.Proposal // what was applied, in order
	stuck   bool            // the disk is slow: pending stays pending
}

type conn struct {
	dialer, listener ServerID
	link             [2]LinkID  // as the dialer and as the listener call it
	queue            [2][]frame // to the listener, to the dialer
	closed           [2]bool    // by the dialer, by the listener
	open             bool       // Connected was given
	told             [2]bool    // Disconnected was given or is moot
}

type frame struct {
	packet wire.QuorumPacket
	tree   []wire.Proposal // behind a SNAP
}

func newWorld(voters, observers int) *world {
	w := &world{
		servers: map[ServerID]*server{}, voters: voters,
		votes: map[pair][]wire.Notification{}, blocked: map[pair]bool{},
		trace: func(string, ...any) {}, check: func(*server, Output) {},
		snapshots: map[LinkID]map[ServerID][]wire.Proposal{},
	}
	for i := 1; i <= voters+observers; i++ {
		id := ServerID(i)
		w.ids = append(w.ids, id)
		w.servers[id] = &server{id: id}
	}
	return w
}

const testTick = 200 * time.Millisecond

func (w *world) start(id ServerID) error {
	s := w.servers[id]
	majority, err := quorum.MajorityOf(w.voters)
	if err != nil {
		return err
	}
	s.tree = slices.Clone(s.disk.log)
	var last wire.Zxid
	if len(s.disk.log) > 0 {
		last = s.disk.log[len(s.disk.log)-1].Zxid
	}
	// Half of the log is remembered, so that SNAP happens as well.
	s.node, err = New(Config{
		ID: id, Voters: majority, Observers: w.ids[w.voters:],
		Tick: testTick, InitLimit: 10, SyncLimit: 5, History: 4,
		LastCounter: w.lastCounter,
	}, Recovered{
		AcceptedEpoch: s.disk.accepted, CurrentEpoch: s.disk.current, LastZxid: last,
		Recent: s.disk.log[max(0, len(s.disk.log)-4):],
	})
	if err != nil {
		return err
	}
	w.step(s, Start{})
	for _, other := range w.ids {
		if other != id && w.servers[other].node != nil {
			w.step(s, PeerUp{other})
			w.step(w.servers[other], PeerUp{id})
		}
	}
	return nil
}

// crash loses memory and everything that is not durable.
func (w *world) crash(id ServerID) {
	s := w.servers[id]
	s.node, s.pending, s.tree = nil, nil, nil
	for _, other := range w.ids {
		delete(w.votes, pair{id, other})
		delete(w.votes, pair{other, id})
		if o := w.servers[other]; o.node != nil {
			w.step(o, PeerDown{id})
		}
	}
	for _, c := range w.conns {
		if c.dialer == id {
			c.closed[0], c.told[0] = true, true
		}
		if c.listener == id {
			c.closed[1], c.told[1] = true, true
		}
	}
}

func (w *world) step(s *server, in Input) {
	if s.node == nil {
		return
	}
	out := s.node.Step(w.now, in)
	w.apply(s, out)
	w.check(s, out)
	if out.Rollback != nil {
		w.rollback(s, out.Rollback.To)
	}
}

func (w *world) rollback(s *server, to wire.Zxid) {
	w.persistAll(s)
	if to < s.disk.floor {
		w.step(s, RollbackFailed{})
		return
	}
	for len(s.disk.log) > 0 && s.disk.log[len(s.disk.log)-1].Zxid > to {
		s.disk.log = s.disk.log[:len(s.disk.log)-1]
	}
	s.disk.log = slices.Clip(s.disk.log)
	s.tree = slices.Clone(s.disk.log)
	var last wire.Zxid
	if n := len(s.disk.log); n > 0 {
		last = s.disk.log[n-1].Zxid
	}
	w.step(s, RolledBack{Last: last, Recent: s.disk.log[max(0, len(s.disk.log)-4):]})
}

func (w *world) apply(s *server, out Output) {
	if out.Install != nil {
		s.tree = w.snapshots[out.Install.Link][s.id]
	}
	s.tree = append(slices.Clip(s.tree), out.FastForward...)
	s.tree = append(slices.Clip(s.tree), out.Deliver...)
	s.pending = append(s.pending, out.Persist...)
	for _, e := range out.Events {
		w.trace("%d: %v", s.id, e)
	}
	for _, p := range out.Deliver {
		w.trace("%d: deliver %v %s", s.id, p.Zxid, p.Data)
	}
	for _, p := range out.FastForward {
		w.trace("%d: fast-forward %v %s", s.id, p.Zxid, p.Data)
	}
	for _, x := range out.Notify {
		if o := w.servers[x.To]; o != nil && o.node != nil {
			w.votes[pair{s.id, x.To}] = append(w.votes[pair{s.id, x.To}], x.Notification)
		}
	}
	for _, d := range out.Dial {
		w.conns = append(w.conns, &conn{dialer: s.id, listener: d.Leader, link: [2]LinkID{d.Link, 0}})
	}
	for _, x := range out.Send {
		if c, side := w.find(s.id, x.Link); c != nil && !c.closed[side] {
			f := frame{packet: x.Packet}
			if x.Snapshot {
				f.tree = slices.Clone(s.tree)
			}
			c.queue[side] = append(c.queue[side], f)
		}
	}
	for _, l := range out.Close {
		if c, side := w.find(s.id, l); c != nil {
			c.closed[side], c.told[side] = true, true
		}
	}
}

func (w *world) find(id ServerID, l LinkID) (*conn, int) {
	for _, c := range w.conns {
		if c.dialer == id && c.link[0] == l {
			return c, 0
		}
		if c.listener == id && c.link[1] == l {
			return c, 1
		}
	}
	return nil, 0
}

// persist makes the first count pending writes durable.
func (w *world) persist(s *server, count int) {
	if count == 0 {
		return
	}
	for _, p := range s.pending[:count] {
		switch p.Kind {
		case WriteAcceptedEpoch:
			s.disk.accepted = p.Epoch
		case WriteCurrentEpoch:
			s.disk.current = p.Epoch
		case WriteAppend:
			s.disk.log = append(slices.Clip(s.disk.log), p.Proposal)
		case WriteSnapshot:
			// The tree may have moved on; the snapshot holds it up to Zxid.
			i := sort.Search(len(s.tree), func(i int) bool { return s.tree[i].Zxid > p.Zxid })
			s.disk.log, s.disk.floor = slices.Clone(s.tree[:i]), p.Zxid
		}
	}
	seq := s.pending[count-1].Seq
	s.pending = slices.Clone(s.pending[count:])
	w.step(s, Persisted{seq})
}

func (w *world) persistAll(s *server) {
	for len(s.pending) > 0 {
		w.persist(s, len(s.pending))
	}
}

// breakLinks breaks every connection between two servers; keep tells how many
// of the packets under way in each direction still arrive.
func (w *world) breakLinks(a, b ServerID, keep func(queued int) int) {
	for _, c := range w.conns {
		if c.dialer == a && c.listener == b || c.dialer == b && c.listener == a {
			c.closed = [2]bool{true, true}
			for side, q := range c.queue {
				c.queue[side] = q[:keep(len(q))]
			}
		}
	}
}

func keepNone(int) int { return 0 }

// moves lists what could happen next, in a fixed order: a write becomes
// durable, a vote or packet arrives, a connection opens or breaks.
func (w *world) moves() []func() {
	var m []func()
	for _, id := range w.ids {
		s := w.servers[id]
		if s.node != nil && len(s.pending) > 0 && !s.stuck {
			m = append(m, func() { w.persist(s, len(s.pending)) })
		}
	}
	for _, from := range w.ids {
		for _, to := range w.ids {
			if p := (pair{from, to}); len(w.votes[p]) > 0 && !w.blocked[p] {
				m = append(m, func() { w.deliverVote(p) })
			}
		}
	}
	w.conns = slices.DeleteFunc(w.conns, func(c *conn) bool { return c.told == [2]bool{true, true} })
	for _, c := range w.conns {
		m = append(m, w.connMoves(c)...)
	}
	return m
}

func (w *world) deliverVote(p pair) {
	x := w.votes[p][0]
	w.votes[p] = w.votes[p][1:]
	w.trace("%d>%d vote %v leader=%d zxid=%v round=%d epoch=%d", p.from, p.to, x.State, x.Leader, x.Zxid, x.ElectionEpoch, x.PeerEpoch)
	w.step(w.servers[p.to], Notified{p.from, x})
}

func (w *world) connMoves(c *conn) (m []func()) {
	forth, back := pair{c.dialer, c.listener}, pair{c.listener, c.dialer}
	if !c.open {
		if w.blocked[forth] || w.blocked[back] || c.told[0] {
			return nil
		}
		return []func(){func() { w.open(c) }}
	}
	for side, dir := range []pair{forth, back} {
		receiver := 1 - side
		switch {
		case w.blocked[dir] || c.told[receiver]:
		case len(c.queue[side]) > 0 && (!c.closed[receiver] || c.closed[side]):
			m = append(m, func() { w.deliverPacket(c, side) })
		case c.closed[side] || c.closed[receiver]:
			m = append(m, func() {
				c.told[receiver], c.closed[receiver] = true, true
				w.step(w.servers[dir.to], Disconnected{c.link[receiver]})
			})
		}
	}
	return m
}

func (w *world) open(c *conn) {
	if w.servers[c.listener].node == nil {
		c.told = [2]bool{true, true}
		w.step(w.servers[c.dialer], Disconnected{c.link[0]})
		return
	}
	w.accepts++
	c.open, c.link[1] = true, AcceptedLink(w.accepts)
	w.step(w.servers[c.listener], Connected{c.link[1]})
	w.step(w.servers[c.dialer], Connected{c.link[0]})
}

func (w *world) deliverPacket(c *conn, side int) {
	f := c.queue[side][0]
	c.queue[side] = c.queue[side][1:]
	from, to := c.dialer, c.listener
	if side == 1 {
		from, to = to, from
	}
	link := c.link[1-side]
	if f.packet.Type == wire.PacketSnap {
		if w.snapshots[link] == nil {
			w.snapshots[link] = map[ServerID][]wire.Proposal{}
		}
		w.snapshots[link][to] = f.tree
	}
	if f.packet.Type != wire.PacketPing {
		w.trace("%d>%d %v", from, to, describe(f.packet))
	}
	w.step(w.servers[to], Received{link, f.packet})
}

func describe(p wire.QuorumPacket) string {
	s := fmt.Sprintf("%v %v", p.Type, p.Zxid)
	switch p.Type {
	case wire.PacketProposal, wire.PacketInform:
		s += " " + string(p.Data)
	case wire.PacketAckEpoch:
		s += fmt.Sprintf(" epoch=%d", int32(uint32(p.Data[0])<<24|uint32(p.Data[1])<<16|uint32(p.Data[2])<<8|uint32(p.Data[3])))
	}
	return s
}

// settle lets everything happen that needs no time to pass.
func (w *world) settle() error {
	for range 100_000 {
		m := w.moves()
		if len(m) == 0 {
			return nil
		}
		m[0]()
	}
	return errors.New("the servers talk without end")
}

// run lets time pass in small ticks and everything happen that can.
func (w *world) run(d time.Duration) error {
	for end := w.now + d; w.now < end; {
		w.now += 10 * time.Millisecond
		for _, id := range w.ids {
			w.step(w.servers[id], Tick{})
		}
		if err := w.settle(); err != nil {
			return err
		}
	}
	return nil
}
