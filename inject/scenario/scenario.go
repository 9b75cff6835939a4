package scenario

import "time"

// Scenario is a file: an ensemble, a workload, faults with their times, and expectations.
type Scenario struct {
	Name, Summary string
	Ensemble      Ensemble
	Workload      Workload
	Warmup        time.Duration // of the clients alone, before time 0 of the faults
	Duration      time.Duration // of the faults; then everything is healed
	Steps         []Step        // in the order of the file; at least one
	Expect        []Limit

	file string // that it was read from, for errors
}

// Ensemble is what the scenario runs on.
type Ensemble struct {
	Nodes     int    // voters, ids from 1; at least one
	Observers int    // ids behind those of the voters
	Engine    string // what `zkctl up --engine` takes; "" is its default
	Tick      time.Duration
	Settings  map[string]string // zoo.cfg keys
}

// Workload is what the clients do meanwhile.
type Workload struct {
	Clients  int
	Rate     float64 // operations a second of all clients together, in an open loop
	Session  time.Duration
	Mix      map[string]int // weights of Actions; empty is the default mix
	Command  string         // runs instead of our clients
	MinAcked int            // acknowledged writes before time 0; with fewer there is no verdict
}

// Actions are the names of what the clients of a workload do. Package drill, which does it, has the
// default mix.
func Actions() []string {
	return []string{
		"set", "get", "cas", "create", "delete", "ephemeral", "sequential", "children", "exists", "multi", "sync", "watch", "lock", "queue",
	}
}

// Refusal is a step that a world cannot carry out.
type Refusal struct {
	Step   Step
	Reason string
}
