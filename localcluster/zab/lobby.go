package zab

import (
	"time"

	"zkctl/probe/wire"
)

// lobby holds learners that reported before this server knew that it leads.
// Everybody counts votes alone, and a follower may be done a moment earlier;
// ZooKeeper refuses its connection and lets it try again after 100 ms.
//
// Invariant: empty while Following or Observing; at most lobbyLimit guests,
// since anybody can connect.
type lobby struct {
	guests []guest // in order of arrival
}

type guest struct {
	link  LinkID
	hello wire.QuorumPacket
	leave time.Duration
}

const lobbyLimit = 64

// newcomer handles the first packet on a link that a learner opened.
func (n *Node) newcomer(link LinkID, p wire.QuorumPacket) {
	isHello := p.Type == wire.PacketFollowerInfo || p.Type == wire.PacketObserverInfo
	switch {
	case !isHello:
		n.out.event(Event{Kind: PeerMisbehaved, Reason: "first packet on a quorum connection was " + p.Type.String()})
		n.close(link)
	case n.role == Leading && !n.cfg.Standalone:
		n.welcome(link, p)
	case n.role == Looking && len(n.lobby.guests) < lobbyLimit:
		n.lobby.guests = append(n.lobby.guests, guest{link, p, n.now + n.ticks(n.cfg.InitLimit)})
	default:
		n.close(link)
	}
}

func (b *lobby) remove(link LinkID) {
	for i, g := range b.guests {
		if g.link == link {
			b.guests = append(b.guests[:i:i], b.guests[i+1:]...)
			return
		}
	}
}

func (b *lobby) closeAll(n *Node) {
	for _, g := range b.guests {
		n.close(g.link)
	}
	b.guests = nil
}

// takeAll empties the lobby, once this server leads.
func (b *lobby) takeAll() []guest {
	guests := b.guests
	b.guests = nil
	return guests
}

func (n *Node) lobbyTick() {
	for len(n.lobby.guests) > 0 && n.now >= n.lobby.guests[0].leave {
		n.close(n.lobby.guests[0].link)
		n.lobby.guests = n.lobby.guests[1:]
	}
}
