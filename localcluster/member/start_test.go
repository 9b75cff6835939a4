package member

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// slowly makes the limits of the protocol so long that a test which waits for one of
// them fails.
func slowly(c *Config) { c.Tick = time.Minute }

// Members that start together find each other's ports closed at first, and wait for
// each other all the same: none of them decides without the others, which it may only
// do after finalizeWait, which is long here. So none revises a decision.
func TestMembersThatStartTogether(t *testing.T) {
	configs, ports := ensembleConfigs(t, 5, 0, slowly)
	for _, p := range ports {
		p.quorum.Close()
		p.election.Close()
		p.client.Close()
	}
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds { // the first with empty disks; the others restart all
		var members []*running
		for id := int64(1); id <= 5; id++ {
			cfg := configs[id]
			cfg.ClientAddress = "127.0.0.1:0"
			m := startMember(t, cfg, seams{finalizeWait: time.Hour})
			m.log.await(int(id)-1, `msg="election channel up"`)
			if id < 5 {
				m.log.await(1, `msg="cannot reach a server"`, "peer=5")
			}
			members = append(members, m)
		}
		for _, m := range members {
			m.awaitServing(1)
			if text := m.log.text(); strings.Contains(text, "msg=resigned") {
				t.Errorf("start %d: a member has left its leader:\n%s", round+1, text)
			}
		}
		if !strings.Contains(members[4].log.text(), "mode=leader") {
			t.Errorf("start %d: server 5 does not lead: the others have not waited for it", round+1)
		}
		for _, m := range members {
			m.cancel()
		}
		for _, m := range members {
			m.wait()
		}
	}
}

// forward passes on what comes to a listener.
func forward(t *testing.T, l net.Listener, target string) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				near.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
				go func() {
					io.Copy(way[0], way[1])
					way[0].Close()
					way[1].Close()
				}()
			}
		}
	}()
}

// A Java leader opens its quorum port when it has decided to lead. Here that of server
// 3 refuses until each of the others has tried ten times.
func TestLeaderOpensItsPortLate(t *testing.T) {
	configs, ports := ensembleConfigs(t, 3, 0, slowly)
	known := ports[3].quorum.Addr().String()
	ports[3].quorum.Close()
	behind := listen(t, "127.0.0.1:0")
	var members []*running
	for id := int64(1); id <= 3; id++ {
		given := ports[id]
		if id == 3 {
			given.quorum = behind
		}
		members = append(members, startMember(t, configs[id], given))
	}
	for _, m := range members[:2] {
		m.log.await(10, "quorum connection ended", "dial the leader's quorum address")
	}
	forward(t, listen(t, known), behind.Addr().String())
	for _, m := range members {
		m.awaitServing(1)
		if text := m.log.text(); strings.Contains(text, "msg=resigned") {
			t.Errorf("a member has left its leader:\n%s", text)
		}
	}
	if !strings.Contains(members[2].log.text(), "mode=leader") {
		t.Error("server 3 does not lead: the test does not test what it should")
	}
}
