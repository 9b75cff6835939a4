package probe_test

import (
	"fmt"

	"zkctl/probe"
	"zkctl/probe/wire"
)

// Server 3 was cut off from the others and has not noticed yet that they elected
// server 2.
func ExampleJudge() {
	report := probe.Judge([]probe.Member{
		{ID: 1, Role: probe.RoleFollower, Epoch: 5, Zxid: wire.MakeZxid(5, 12)},
		{ID: 2, Role: probe.RoleLeader, Epoch: 5, Zxid: wire.MakeZxid(5, 12)},
		{ID: 3, Role: probe.RoleLeader, Epoch: 4, Zxid: wire.MakeZxid(4, 90)},
	}, nil)
	fmt.Println(report.Health, "leader", *report.Leader)
	fmt.Println(report.Reasons[0].Text)
	// Output:
	// degraded leader 2
	// servers 2, 3 all say that they lead; server 2 is in the latest epoch
}
