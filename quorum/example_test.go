package quorum_test

import (
	"fmt"
	"time"

	"zkctl/quorum"
)

// must keeps the examples short.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Four servers tolerate what three do.
func ExampleTolerance() {
	for n := 1; n <= 5; n++ {
		t := must(quorum.Tolerance(must(quorum.MajorityOf(n))))
		fmt.Printf("%d servers: a quorum is %d, tolerates %d\n", n, t.Quorum, t.Guaranteed)
	}
	// Output:
	// 1 servers: a quorum is 1, tolerates 0
	// 2 servers: a quorum is 2, tolerates 0
	// 3 servers: a quorum is 2, tolerates 1
	// 4 servers: a quorum is 3, tolerates 1
	// 5 servers: a quorum is 3, tolerates 2
}

// The engine counts acknowledgements as they arrive.
func ExampleSystem() {
	s := must(quorum.NewMajority(1, 2, 3))
	acked := map[int64]bool{}
	for _, id := range []int64{3, 1} {
		acked[id] = true
		fmt.Println(id, s.IsQuorum(func(id int64) bool { return acked[id] }))
	}
	// Output:
	// 3 false
	// 1 true
}

// Nine servers in three groups: two servers in each of two groups are enough, and
// which four fail makes all the difference.
func ExampleNewHierarchical() {
	groups := []quorum.Group{{ID: 1, Members: []int64{1, 2, 3}}, {ID: 2, Members: []int64{4, 5, 6}}, {ID: 3, Members: []int64{7, 8, 9}}}
	s := must(quorum.NewHierarchical([]int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, groups, nil))
	t := must(quorum.Tolerance(s))
	fmt.Println("smallest quorum", t.Quorum)
	fmt.Println("tolerates any", t.Guaranteed, "and at best", t.AtBest)
	fmt.Println("fatal sets of four:", must(quorum.ShapeOf(s)).Fatal[4], "of 126")
	// Output:
	// smallest quorum 4
	// tolerates any 3 and at best 5
	// fatal sets of four: 27 of 126
}

// A configuration that ZooKeeper would not start with says why.
func ExampleNewHierarchical_refused() {
	_, err := quorum.NewHierarchical([]int64{1, 2, 3}, nil, map[int64]int64{1: 2})
	fmt.Println(err)
	// Output:
	// server 1 is not in a group (once there are groups or weights, every voter needs one)
}

// A failed server is still a member: thresholds stay where they were.
func ExampleWithout() {
	five := must(quorum.MajorityOf(5))
	left := quorum.Without(five, 1, 4)
	fmt.Println(quorum.GuaranteedTolerance(left))
	left = quorum.Without(five, 1, 4, 5)
	fmt.Println(quorum.GuaranteedTolerance(left))
	// Output:
	// 0
	// -1
}

// While a reconfiguration is in flight, quorums of both configurations are
// needed.
func ExampleNewJoint() {
	old, new := must(quorum.NewMajority(1, 2, 3)), must(quorum.NewMajority(4, 5, 6))
	t := must(quorum.Tolerance(quorum.NewJoint(old, new)))
	fmt.Printf("needs %d of 6, tolerates %d\n", t.Quorum, t.Guaranteed)
	// Output:
	// needs 4 of 6, tolerates 1
}

// Eighteen nines: 1 minus the availability has no digit left, the
// unavailability has all of them.
func ExampleAvailable() {
	p := must(quorum.ParseProbability("99.9%"))
	a := must(quorum.Available(must(quorum.MajorityOf(13)), quorum.Uniform(p)))
	fmt.Println("1-A =", 1-a.Up())
	fmt.Printf("U   = %.4g (%.1f nines)\n", a.Down(), a.Nines())
	// Output:
	// 1-A = 0
	// U   = 1.707e-18 (17.8 nines)
}

// The least reliable servers matter least.
func ExampleImportance() {
	up := func(id int64) quorum.Probability {
		return must(quorum.ParseProbability(map[int64]string{1: "0.999", 2: "0.99", 3: "0.99", 4: "0.95", 5: "0.9"}[id]))
	}
	s := must(quorum.MajorityOf(5))
	for i, importance := range must(quorum.Importance(s, up)) {
		fmt.Printf("%d %.6f\n", i+1, importance)
	}
	// Output:
	// 1 0.007758
	// 2 0.006491
	// 3 0.006491
	// 4 0.002184
	// 5 0.001152
}

// How many servers for five nines?
func ExampleSmallestFor() {
	n, a, err := quorum.SmallestFor(must(quorum.ParseProbability("0.99")), must(quorum.ParseProbability("0.99999")))
	fmt.Println(n, err)
	fmt.Printf("%.0f s down a year\n", a.DowntimePerYear())
	_, _, err = quorum.SmallestFor(must(quorum.ParseProbability("0.4")), must(quorum.ParseProbability("0.9")))
	fmt.Println(err)
	// Output:
	// 5 <nil>
	// 311 s down a year
	// out of reach: at an availability of 0.4 a server, more servers make the ensemble no better than one: no size reaches 0.9
}

// Nine servers tolerate four failures, but only one more once a zone is gone.
func ExampleZones() {
	zones := []quorum.Zone{{Name: "a", Members: []int64{1, 2, 3}}, {Name: "b", Members: []int64{4, 5, 6}}, {Name: "c", Members: []int64{7, 8, 9}}}
	r := must(quorum.Zones(must(quorum.MajorityOf(9)), zones))
	fmt.Println("survives any one zone:", r.SurvivesAny)
	fmt.Println("then tolerates:", r.Worst)
	// Output:
	// survives any one zone: true
	// then tolerates: 1
}

// Two data centres are worse than one.
func ExampleAvailableWithZones_placement() {
	up := must(quorum.ParseProbability("0.999"))
	for _, first := range []int64{5, 4, 3} {
		zones := []quorum.Zone{{Name: "east", Up: up}, {Name: "west", Up: up}}
		for id := int64(1); id <= 5; id++ {
			zone := &zones[0]
			if id > first {
				zone = &zones[1]
			}
			zone.Members = append(zone.Members, id)
		}
		a := must(quorum.AvailableWithZones(must(quorum.MajorityOf(5)), quorum.Uniform(must(quorum.ParseProbability("0.99"))), zones))
		fmt.Printf("%d and %d: %.6f\n", first, 5-first, a.Up())
	}
	// Output:
	// 5 and 0: 0.998990
	// 4 and 1: 0.998990
	// 3 and 2: 0.998960
}

// A quorum of three lasts 19 years, of four only half as long.
func ExampleMeanTimeToLoss() {
	for n := 3; n <= 5; n++ {
		t := must(quorum.MeanTimeToLoss(must(quorum.MajorityOf(n)), 1000, 1)) // hours
		fmt.Printf("%d servers: %.0f h\n", n, t)
	}
	// Output:
	// 3 servers: 167500 h
	// 4 servers: 83917 h
	// 5 servers: 33550783 h
}

// One fast follower down, and every write waits for the next continent.
func ExampleCommitLatency() {
	s := must(quorum.MajorityOf(5))
	acks := map[int64]time.Duration{1: 2 * time.Millisecond, 2: 3 * time.Millisecond, 3: 35 * time.Millisecond,
		4: 72 * time.Millisecond, 5: 150 * time.Millisecond}
	ack := func(id int64) (time.Duration, bool) { at, up := acks[id]; return at, up }
	c, _ := quorum.CommitLatency(s, ack)
	fmt.Println(c.After, c.Acks)
	delete(acks, 2)
	c, _ = quorum.CommitLatency(s, ack)
	fmt.Println(c.After, c.Acks)
	// Output:
	// 35ms [1 2 3]
	// 72ms [1 3 4]
}

// Observers cost a copy of every write.
func ExampleMessagesPerWrite() {
	m := quorum.MessagesPerWrite(5, 4)
	fmt.Println(m.Total, "messages,", m.Copies, "copies of the payload")
	// Output:
	// 16 messages, 8 copies of the payload
}

// Replacing all three servers, never tolerating less than one failure.
func ExamplePlanChange() {
	p := must(quorum.PlanChange(quorum.Membership{Voters: []int64{1, 2, 3}}, quorum.Membership{Voters: []int64{4, 5, 6}}))
	for _, s := range p.Steps {
		fmt.Printf("%-6s %d: during %d, after %d\n", s.Action, *s.Server, s.ToleratesDuring, s.Tolerates)
	}
	p = must(quorum.PlanChange(quorum.Membership{Voters: []int64{1, 2, 3}}, quorum.Membership{Voters: []int64{1, 2, 4}}, 2, 3))
	fmt.Println("refused:", p.Refused.Reason)
	// Output:
	// add    4: during 1, after 1
	// add    5: during 1, after 2
	// add    6: during 2, after 2
	// remove 1: during 2, after 2
	// remove 2: during 1, after 1
	// remove 3: during 1, after 1
	// refused: no quorum is up now, and without one no change can be committed: bring back enough of servers 2, 3 first
}

// What the sample configuration allows a hung leader.
func ExampleRecoveryBudget() {
	b := must(quorum.RecoveryBudget(quorum.Timing{Tick: 2 * time.Second, InitLimit: 10, SyncLimit: 5}, 10*time.Second))
	fmt.Println("noticed after", b.Hang.Detect.Least, "to", b.Hang.Detect.Most)
	fmt.Println("writes again after at most", b.Hang.Total.Most)
	// Output:
	// noticed after 9s to 10s
	// writes again after at most 30.4s
}

// Advice on what ZooKeeper accepts although it hurts.
func ExampleLint() {
	for _, w := range quorum.Lint(must(quorum.MajorityOf(4))) {
		fmt.Println(w.Code)
		fmt.Println(w.Text)
	}
	// Output:
	// even-ensemble
	// 4 voters tolerate 1, exactly what 3 do, and are less available: there is one more server to fail. Use 3 or 5.
}

// A server that weighs as much as all others together decides alone, and the
// others never matter.
func ExampleShapeOf() {
	s := must(quorum.NewHierarchical([]int64{1, 2, 3}, []quorum.Group{{ID: 1, Members: []int64{1, 2, 3}}}, map[int64]int64{1: 3}))
	shape := must(quorum.ShapeOf(s))
	fmt.Println(shape.MinimalQuorums, "minimal quorum; never matter:", shape.Dummies)
	// Output:
	// 1 minimal quorum; never matter: [2 3]
}

// Servers that fail every 1,000 hours and are back after one: three of them lose their
// quorum every 19 years, for half an hour.
func ExampleRepairable() {
	const hoursPerYear = quorum.SecondsPerYear / 3600
	r := must(quorum.Repairable(must(quorum.MajorityOf(3)), 1000, 1)) // hours
	fmt.Printf("lost %.4f times a year, for %.2f h\n", r.LossesPerTime*hoursPerYear, r.MeanOutage)
	// Output:
	// lost 0.0524 times a year, for 0.50 h
}

// Two feeds that cross three racks: each rack can be lost, feed x cannot.
func ExampleAvailableWithZones() {
	server, rack, feed := must(quorum.ParseProbability("99%")), must(quorum.ParseProbability("99.9%")), must(quorum.ParseProbability("99.95%"))
	zones := []quorum.Zone{
		{Name: "rack a", Members: []int64{1, 2}, Up: rack}, {Name: "rack b", Members: []int64{3, 4}, Up: rack}, {Name: "rack c", Members: []int64{5}, Up: rack},
		{Name: "feed x", Members: []int64{1, 3, 5}, Up: feed}, {Name: "feed y", Members: []int64{2, 4}, Up: feed},
	}
	s := must(quorum.MajorityOf(5))
	fmt.Println("survives", must(quorum.Zones(s, zones)).Survives)
	fmt.Printf("unavailable %.4e\n", must(quorum.AvailableWithZones(s, quorum.Uniform(server), zones)).Down())
	// Output:
	// survives map[feed x:false feed y:true rack a:true rack b:true rack c:true]
	// unavailable 5.8892e-04
}
