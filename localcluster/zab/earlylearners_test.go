package zab

import (
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
	"zkctl/quorum"
)

// lookingNode is a server of three that has just started, and votes for itself.
func lookingNode(t *testing.T, id ServerID) *Node {
	t.Helper()
	majority, err := quorum.MajorityOf(3)
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(Config{ID: id, Voters: majority, Tick: testTick, InitLimit: 10, SyncLimit: 5}, Recovered{})
	if err != nil {
		t.Fatal(err)
	}
	n.Step(0, Start{})
	return n
}

func followerInfo(from ServerID) wire.QuorumPacket {
	info := wire.LearnerInfo{ServerID: int64(from), ProtocolVersion: protocolVersion}
	return wire.QuorumPacket{Type: wire.PacketFollowerInfo, Data: wire.Marshal(&info)}
}

// electThree lets server 3 hear that all vote for it.
func electThree(n *Node) (out Output) {
	for _, from := range []ServerID{1, 2} {
		out = n.Step(0, Notified{From: from, Notification: wire.Notification{State: wire.Looking, Leader: 3, ElectionEpoch: 1}})
	}
	return out
}

// A learner that is early sends its FOLLOWERINFO and waits for LEADERINFO. Whatever it
// sends before that ends its link, as it does in ZooKeeper, where ACKEPOCH must be the
// second packet; and the link is not taken for a learner's when this server leads.
func TestSecondPacketBeforeLeaderInfo(t *testing.T) {
	for _, second := range []wire.QuorumPacket{followerInfo(1), followerInfo(2), {Type: wire.PacketAckEpoch}} {
		n, link := lookingNode(t, 3), AcceptedLink(1)
		n.Step(0, Received{Link: link, Packet: followerInfo(1)})
		out := n.Step(0, Received{Link: link, Packet: second})
		if !slices.Equal(out.Close, []LinkID{link}) {
			t.Errorf("%v: closes %v, expected %v", second.Type, out.Close, link)
		}
		n.Step(0, Received{Link: AcceptedLink(2), Packet: followerInfo(2)})
		joined := 0
		for _, e := range electThree(n).Events {
			if e.Kind == LearnerJoined {
				joined++
			}
		}
		if joined != 1 {
			t.Errorf("%v: %d learners have joined, expected the one on the other link", second.Type, joined)
		}
	}
}

// A server that votes for another server closes the links of early learners.
func TestEarlyLearnersOfALoser(t *testing.T) {
	n, link := lookingNode(t, 2), AcceptedLink(1)
	n.Step(0, Received{Link: link, Packet: followerInfo(1)})
	out := n.Step(0, Notified{From: 3, Notification: wire.Notification{State: wire.Looking, Leader: 3, ElectionEpoch: 1}})
	if !slices.Equal(out.Close, []LinkID{link}) {
		t.Errorf("closes %v, expected %v", out.Close, link)
	}
}

// A ZooKeeper server may decide for a leader of which it has heard, and connect to it just
// after it has stepped down. It waits for LEADERINFO until its initLimit is over, and asks
// for no votes meanwhile. So the server that looks asks an early learner for its vote, and
// closes the link of one that has decided in another round; it keeps one that has decided
// in this round, which it may be about to win.
func TestEarlyLearnerOfAnEarlierRound(t *testing.T) {
	for _, c := range []struct {
		state wire.ServerState
		round int64
		kept  bool
	}{
		{wire.Following, 1, false}, {wire.Following, 2, true}, {wire.Following, 3, false},
		{wire.Observing, 1, false}, {wire.Looking, 1, true},
	} {
		n, link := lookingNode(t, 3), AcceptedLink(1)
		electThree(n)
		n.Step(0, Resign{Reason: "test"}) // round 2
		out := n.Step(0, Received{Link: link, Packet: followerInfo(1)})
		if len(out.Notify) != 1 || out.Notify[0].To != 1 {
			t.Errorf("%+v: asks %+v for their votes, expected server 1", c, out.Notify)
		}
		n.Step(0, Received{Link: AcceptedLink(2), Packet: followerInfo(2)})
		out = n.Step(0, Notified{From: 1, Notification: wire.Notification{State: c.state, Leader: 3, ElectionEpoch: c.round}})
		var want []LinkID
		if !c.kept {
			want = []LinkID{link}
		}
		if !slices.Equal(out.Close, want) {
			t.Errorf("%+v: closes %v, expected %v", c, out.Close, want)
		}
	}
}

// A learner that cannot take a transaction closes its connection and gives no reason. The
// leader's event names jute.maxbuffer when the transaction was large and not acknowledged.
func TestLostLearnerWithALargeTransaction(t *testing.T) {
	for _, c := range []struct {
		size  int
		acked bool
		hint  bool
	}{{largeTxn, false, false}, {largeTxn + 1, false, true}, {2_400_000, false, true}, {2_400_000, true, false}} {
		n, link := lookingNode(t, 3), AcceptedLink(1)
		n.Step(0, Received{Link: link, Packet: followerInfo(1)})
		var lost []string
		seq := uint64(0)
		step := func(in Input) {
			out := n.Step(0, in)
			for _, e := range out.Events {
				if e.Kind == LearnerLost {
					lost = append(lost, e.Reason)
				}
			}
			for _, w := range out.Persist {
				seq = w.Seq
			}
		}
		for _, from := range []ServerID{1, 2} {
			step(Notified{From: from, Notification: wire.Notification{State: wire.Looking, Leader: 3, ElectionEpoch: 1}})
		}
		step(Persisted{seq})
		step(Received{link, wire.QuorumPacket{Type: wire.PacketAckEpoch, Data: int32Data(0)}})
		step(Persisted{seq})
		step(Received{link, wire.QuorumPacket{Type: wire.PacketAck, Zxid: wire.MakeZxid(1, 0)}})
		z := n.Status().NextZxid
		step(Proposed{wire.Proposal{Zxid: z, Data: make([]byte, c.size)}})
		if c.acked {
			step(Received{link, wire.QuorumPacket{Type: wire.PacketAck, Zxid: z}})
		}
		step(Disconnected{link})
		if len(lost) != 1 || strings.Contains(lost[0], "jute.maxbuffer") != c.hint {
			t.Errorf("%+v: lost %q", c, lost)
		}
	}
}
