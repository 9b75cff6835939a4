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
	Mix      map[string]int // weights of Actions; empty is DefaultMix
	Command  string         // runs instead of our clients
	MinAcked int            // acknowledged writes before time 0; with fewer there is no verdict
}

// DefaultMix are the weights of the actions in a workload that does not say others.
func DefaultMix() map[string]int {
	mix := map[string]int{}
	for _, a := range actions {
		mix[a.name] = a.weight
	}
	return mix
}

// Actions are the names of what clients do.
func Actions() []string {
	var names []string
	for _, a := range actions {
		names = append(names, a.name)
	}
	return names
}

var actions = []struct {
	name   string
	weight int // in DefaultMix
}{
	{"set", 4}, {"get", 4}, {"cas", 3}, {"create", 2}, {"delete", 1}, {"ephemeral", 2}, {"sequential", 2},
	{"children", 1}, {"exists", 1}, {"multi", 2}, {"sync", 1}, {"watch", 1},
}

// Refusal is a step that a world cannot carry out.
type Refusal struct {
	Step   Step
	Reason string
}
