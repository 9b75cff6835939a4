package member

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/peer"
	"zkctl/localcluster/replica"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
	"zkctl/quorum/zoocfg"
)

// peers is the server's side of the two ports between servers. It turns the events of
// the transports into messages for the event loop, and maps the core's links to
// connections.
//
// A link is in conns from Connected until Disconnected; both are messages, so
// the table belongs to the event loop.
type peers struct {
	cfg  *Config
	log  *slog.Logger
	post mailbox

	election *peer.Election
	quorum   *peer.Quorum

	accepted atomic.Uint64  // connections of learners so far
	dials    sync.WaitGroup // goroutines that open connections

	conns   map[zab.LinkID]*peer.Conn
	dialing map[zab.LinkID]context.CancelFunc
	leader  zab.LinkID // the link dialled last: to the leader, while there is one
}

// nodeInput is something for the core, from the election channel or the disk.
type nodeInput struct{ in zab.Input }

// What happens on quorum connections.
type (
	linkOpened struct {
		link    zab.LinkID
		conn    *peer.Conn
		dialled bool // by this server
	}

	linkReceived struct {
		link   zab.LinkID
		packet wire.QuorumPacket
		tree   *datatree.Tree // the tree that follows a SNAP
	}

	linkClosed struct {
		link   zab.LinkID
		reason error
	}
)

// maxQueued bounds the bytes that wait for one learner. It must hold a whole DIFF (zab's
// maxHistoryBytes), and what is proposed while a SNAP is being sent. A learner that
// stops reading exceeds syncLimit long before this bound.
const maxQueued = 256 << 20

// quorumListeners are the ports, where a test has opened them beforehand.
type quorumListeners struct{ quorum, election net.Listener }

func listenPeers(cfg *Config, ready quorumListeners, log *slog.Logger, post mailbox) (*peers, error) {
	p := &peers{
		cfg: cfg, log: log, post: post,
		conns: map[zab.LinkID]*peer.Conn{}, dialing: map[zab.LinkID]context.CancelFunc{},
	}
	addresses := map[int64]string{}
	for _, s := range cfg.Ensemble.Servers {
		addresses[s.ID] = address(s, s.Addresses[0].ElectionPort)
	}
	own, _ := cfg.Ensemble.Server(cfg.ID)
	quorumAddress, electionAddress := address(own, own.Addresses[0].QuorumPort), addresses[cfg.ID]
	if cfg.ListenOnAllIPs {
		quorumAddress, electionAddress = onAllIPs(quorumAddress), onAllIPs(electionAddress)
	}
	var err error
	p.quorum, err = peer.ListenQuorum(peer.QuorumOptions{
		Listen: quorumAddress, Listener: ready.quorum,
		Accept: p.accept, Refused: p.refused("quorum"),
		Conn: peer.ConnOptions{MaxField: max(replica.MaxField, 2*cfg.MaxBuffer), MaxQueued: maxQueued},
	})
	if err != nil {
		return nil, err
	}
	p.election, err = peer.ListenElection(peer.ElectionOptions{
		Self: cfg.ID, Listen: electionAddress, Listener: ready.election, Peers: addresses,
		Events: electionEvents{p}, HandshakeTimeout: time.Duration(cfg.SyncLimit) * cfg.Tick,
	})
	if err != nil {
		p.quorum.Close()
		return nil, err
	}
	return p, nil
}

func address(s zoocfg.Server, port int) string { return net.JoinHostPort(s.Host(), strconv.Itoa(port)) }

// onAllIPs is the port of an address on all addresses of the machine.
func onAllIPs(address string) string { return ":" + portOf(address) }

// close ends both transports. The event loop must have stopped.
func (p *peers) close() {
	for _, cancel := range p.dialing {
		cancel()
	}
	p.dials.Wait()
	p.election.Close()
	p.quorum.Close()
}

func (p *peers) refused(channel string) func(remote string, reason error) {
	return func(remote string, reason error) {
		level := slog.LevelWarn
		if errors.Is(reason, io.EOF) {
			level = slog.LevelDebug // it sent nothing at all, like a check whether the port is open
		}
		p.log.Log(context.Background(), level, "refused a connection", "channel", channel, "remote", remote, "reason", reason)
	}
}

// ended logs the end of a connection to a known server. That is normal when servers stop
// and start; it is a warning when the other side broke the protocol.
func (p *peers) ended(message string, reason error, args ...any) {
	level := slog.LevelDebug
	if errors.Is(reason, wire.ErrLength) || errors.Is(reason, peer.ErrForeign) {
		level = slog.LevelWarn
	}
	p.log.Log(context.Background(), level, message, append(args, "reason", reason)...)
}

// accept reports a learner's connection to the loop, on the goroutine of that connection.
func (p *peers) accept(c *peer.Conn) peer.ConnHandler {
	h := &linkHandler{peers: p, link: zab.AcceptedLink(p.accepted.Add(1))}
	if !p.post(linkOpened{link: h.link, conn: c}) {
		return nil
	}
	return h
}

// dial tries once to open a connection to a leader. The core decides how long to try
// again, because a leader that cannot be reached has to be replaced.
func (p *peers) dial(d zab.Dial) {
	server, _ := p.cfg.Ensemble.Server(int64(d.Leader))
	ctx, cancel := context.WithCancel(context.Background())
	p.dialing[d.Link] = cancel
	p.leader = d.Link
	p.dials.Go(func() {
		defer cancel()
		opened := make(chan struct{})
		defer close(opened)
		h := &linkHandler{peers: p, link: d.Link, opened: opened}
		conn, err := p.quorum.Dial(ctx, address(server, server.Addresses[0].QuorumPort), h)
		if err != nil {
			p.post(linkClosed{d.Link, err})
			return
		}
		p.post(linkOpened{link: d.Link, conn: conn, dialled: true})
	})
}

// linkHandler posts the events of one quorum connection to the loop.
type linkHandler struct {
	peers  *peers
	link   zab.LinkID
	opened <-chan struct{} // of a dialled link: linkOpened has been posted
	tree   *datatree.Tree  // decoded, for the next Received
}

func (h *linkHandler) awaitOpened() {
	if h.opened != nil {
		<-h.opened
	}
}

func (h *linkHandler) Received(packet wire.QuorumPacket) {
	h.awaitOpened()
	h.peers.post(linkReceived{h.link, packet, h.tree})
	h.tree = nil
}

// Snapshot decodes the stream into a new tree, so that a stream which breaks off
// leaves nothing behind (ZOOKEEPER-3642).
func (h *linkHandler) Snapshot(snap wire.QuorumPacket, body *bufio.Reader) error {
	d := wire.NewStreamDecoder(body, 2*h.peers.cfg.MaxBuffer)
	tree, err := datatree.Decode(d, datatree.WithExtendedTypes(h.peers.cfg.ExtendedTypes))
	if err != nil {
		return err
	}
	tree.SetLastZxid(snap.Zxid)
	h.tree = tree
	return nil
}

func (h *linkHandler) Disconnected(reason error) {
	h.awaitOpened()
	h.peers.post(linkClosed{h.link, reason})
}

// electionEvents posts the events of the election channel to the loop.
type electionEvents struct{ p *peers }

func (e electionEvents) Notified(from int64, n wire.Notification) {
	e.p.post(nodeInput{zab.Notified{From: zab.ServerID(from), Notification: n}})
}

func (e electionEvents) PeerUp(id int64) {
	e.p.log.Debug("election channel up", "peer", id)
	e.p.post(nodeInput{zab.PeerUp{Peer: zab.ServerID(id)}})
}

func (e electionEvents) PeerDown(id int64, reason error) {
	e.p.ended("election channel down", reason, "peer", id)
	e.p.post(nodeInput{zab.PeerDown{Peer: zab.ServerID(id)}})
}

func (e electionEvents) Unreachable(id int64, reason error) {
	e.p.log.Info("cannot reach a server", "peer", id, "reason", reason)
}

func (e electionEvents) Refused(remote string, reason error) { e.p.refused("election")(remote, reason) }

// opened adds a connection to the table. It returns false, and hangs up, when the
// core has closed the link in the meantime.
func (p *peers) opened(m linkOpened) bool {
	if _, wanted := p.dialing[m.link]; m.dialled && !wanted {
		m.conn.Hangup(0)
		return false
	}
	delete(p.dialing, m.link)
	p.conns[m.link] = m.conn
	return true
}

// gone removes a link from the table, and tells whether the core still had it.
func (p *peers) gone(link zab.LinkID) bool {
	_, dialled := p.dialing[link]
	_, open := p.conns[link]
	delete(p.dialing, link)
	delete(p.conns, link)
	return dialled || open
}

// hangUp ends a link for the core.
func (p *peers) hangUp(link zab.LinkID) {
	if cancel, ok := p.dialing[link]; ok {
		cancel()
		delete(p.dialing, link)
	}
	if conn := p.conns[link]; conn != nil {
		conn.Hangup(0)
		delete(p.conns, link)
	}
}
