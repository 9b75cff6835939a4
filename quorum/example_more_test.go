package quorum_test

import (
	"fmt"

	"zkctl/quorum"
)

// Of nine servers in three groups, any three may fail; of the sets of four, 27 of 126 are
// fatal: two servers in each of two groups.
func ExampleFailureProfile() {
	groups := []quorum.Group{{ID: 1, Members: []int64{1, 2, 3}}, {ID: 2, Members: []int64{4, 5, 6}}, {ID: 3, Members: []int64{7, 8, 9}}}
	s := must(quorum.NewHierarchical([]int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, groups, nil))
	for _, row := range must(quorum.FailureProfile(s))[3:6] {
		fmt.Printf("%d failures: %v of %v sets are fatal\n", row.Failures, row.Fatal, row.Total)
	}
	// Output:
	// 3 failures: 0 of 84 sets are fatal
	// 4 failures: 27 of 126 sets are fatal
	// 5 failures: 99 of 126 sets are fatal
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

// Reads scale with the servers and writes do not: which size is faster depends on the mix.
func ExampleEstimateThroughput() {
	for _, n := range []int{3, 5} {
		t := must(quorum.EstimateThroughput(n, 0.7))
		fmt.Printf("%d servers: %.0f ops/s at 70 %% reads (%s)\n", n, t.Ops, t.Basis)
	}
	// Output:
	// 3 servers: 44779 ops/s at 70 % reads (measured)
	// 5 servers: 47826 ops/s at 70 % reads (measured)
}
