package zab

import (
	"fmt"
	"testing"

	"zkctl/probe/wire"
)

// settledWorld is an ensemble that has elected; its last server leads.
func settledWorld(b *testing.B, voters int) (w *world, leader *server) {
	b.Helper()
	w = newWorld(voters, 0)
	for _, id := range w.ids {
		if err := w.start(id); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.settle(); err != nil {
		b.Fatal(err)
	}
	leader = w.servers[ServerID(voters)]
	if leader.node.Status().Role != Leading || leader.node.Learners().SyncedFollowers != voters-1 {
		b.Fatal("no leader with all followers")
	}
	return w, leader
}

// BenchmarkElection is everything from processes that start to an ensemble
// that serves, on disks and channels that cost nothing.
func BenchmarkElection(b *testing.B) {
	for _, voters := range []int{3, 5, 9} {
		b.Run(fmt.Sprintf("voters=%d", voters), func(b *testing.B) {
			for b.Loop() {
				settledWorld(b, voters)
			}
		})
	}
}

// BenchmarkLeaderBroadcast is the leader's work for one transaction: propose
// it, hear that its own log has it, count the followers' ACKs, commit.
func BenchmarkLeaderBroadcast(b *testing.B) {
	for _, voters := range []int{3, 5, 9} {
		b.Run(fmt.Sprintf("voters=%d", voters), func(b *testing.B) {
			w, leader := settledWorld(b, voters)
			n, data := leader.node, make([]byte, 100)
			links := make([]LinkID, 0, voters)
			for _, f := range n.leader.order {
				links = append(links, f.link)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				z := n.nextZxid()
				out := n.Step(w.now, Proposed{wire.Proposal{Zxid: z, Data: data}})
				n.Step(w.now, Persisted{out.Persist[0].Seq})
				for _, link := range links {
					n.Step(w.now, Received{link, wire.QuorumPacket{Type: wire.PacketAck, Zxid: z}})
				}
			}
			if n.Status().Applied != n.Status().LastLogged {
				b.Fatal("not everything was committed")
			}
		})
	}
}

// BenchmarkFollowerBroadcast is a follower's: log, acknowledge, deliver.
func BenchmarkFollowerBroadcast(b *testing.B) {
	w, _ := settledWorld(b, 3)
	n, data := w.servers[1].node, make([]byte, 100)
	link, z := n.learner.link, wire.MakeZxid(n.learner.epoch, 0)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		z++
		out := n.Step(w.now, Received{link, wire.QuorumPacket{Type: wire.PacketProposal, Zxid: z, Data: data}})
		n.Step(w.now, Persisted{out.Persist[0].Seq})
		n.Step(w.now, Received{link, wire.QuorumPacket{Type: wire.PacketCommit, Zxid: z}})
	}
	if n.Status().Applied != z {
		b.Fatal("not everything was delivered")
	}
}
