package zab

import (
	"math"
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// A connection sends a FOLLOWERINFO that no learner sends, with the id of a follower that
// serves. The leader closes the connection and reports why; the follower keeps its link.
func TestForgedReports(t *testing.T) {
	report := func(zxid wire.Zxid, info wire.LearnerInfo) wire.QuorumPacket {
		return wire.QuorumPacket{Type: wire.PacketFollowerInfo, Zxid: zxid, Data: wire.Marshal(&info)}
	}
	good := wire.LearnerInfo{ServerID: 1, ProtocolVersion: protocolVersion}
	for name, test := range map[string]struct {
		packet wire.QuorumPacket
		told   string
	}{
		"no info":        {wire.QuorumPacket{Type: wire.PacketFollowerInfo, Data: []byte("123")}, "unreadable FOLLOWERINFO"},
		"old version":    {report(0, wire.LearnerInfo{ServerID: 1, ProtocolVersion: 1}), "protocol version 0x1: at least 0x10000"},
		"negative zxid":  {report(-5, good), "0xfffffffffffffffb"},
		"not an epoch":   {report(7, good), "FOLLOWERINFO with 0x7"},
		"last epoch":     {report(wire.MakeZxid(math.MaxInt32, 0), good), "0x7fffffff00000000"},
		"own id":         {report(0, wire.LearnerInfo{ServerID: 2, ProtocolVersion: protocolVersion}), "reported as server 2"},
		"newer ensemble": {report(0, wire.LearnerInfo{ServerID: 1, ProtocolVersion: protocolVersion, ConfigVersion: 9}), "configuration version 9"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(2, 0)
			for _, id := range w.ids {
				if err := w.start(id); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.settle(); err != nil {
				t.Fatal(err)
			}
			leader := w.servers[2].node
			if s, l := leader.Status(), leader.Learners(); s.Role != Leading || l.SyncedFollowers != 1 {
				t.Fatalf("server 2 before: %+v", s)
			}
			link := AcceptedLink(1 << 40)
			leader.Step(w.now, Connected{Link: link})
			out := leader.Step(w.now, Received{Link: link, Packet: test.packet})
			if !slices.Equal(out.Close, []LinkID{link}) || len(out.Send) != 0 {
				t.Errorf("closed %v and sent %v", out.Close, out.Send)
			}
			if len(out.Events) != 1 || out.Events[0].Kind != PeerMisbehaved || !strings.Contains(out.Events[0].Reason, test.told) {
				t.Errorf("told %v", out.Events)
			}
			if s, l := leader.Status(), leader.Learners(); s.Role != Leading || l.SyncedFollowers != 1 || l.Connected != 1 {
				t.Errorf("server 2 after: %+v", s)
			}
		})
	}
}
