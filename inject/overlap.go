package inject

import (
	"slices"

	"zkctl/inject/link"
)

// Several faults may name the same lane. It is cut as long as any of them cuts
// it. Of those that slow it, the newest with a latency sets latency and jitter,
// and the newest with a rate sets the rate. So the end of one fault brings back
// what the others set.
//
//	f1 slow 1>2 --latency 50ms      in force again when f2 ends
//	f2 slow 1>2 --latency 5ms       latency 5ms,
//	f3 slow 1>2 --rate 1MB          rate 1MB
//	f4 partition '1>2'              and nothing gets through

// Conditions returns the state of every lane that the active faults together ask
// for, for link.Mesh.Apply.
func (l *Ledger) Conditions() map[link.Lane]link.Condition {
	conditions := make(map[link.Lane]link.Condition)
	for _, f := range l.active {
		for _, lane := range f.Links {
			condition := conditions[lane]
			condition.Cut = condition.Cut || f.Kind == Cut || f.Kind == Elect
			condition.Refuse = condition.Refuse || f.Kind == Refuse
			if f.slows(aspectLatency) {
				condition.Shape.Latency, condition.Shape.Jitter = f.Shape.Latency, f.Shape.Jitter
			}
			if f.slows(aspectRate) {
				condition.Shape.Rate = f.Shape.Rate
			}
			conditions[lane] = condition
		}
	}
	return conditions
}

// Override says that a fault has no effect on some of its lanes, because another
// one is in force there.
type Override struct {
	// By is the id of the other fault.
	By string `json:"by"`
	// Aspect is what of the fault has no effect: "latency" (with its jitter) or
	// "rate" when a newer fault sets that, "all" on a lane that is cut.
	Aspect string `json:"aspect"`
	Links  Lanes  `json:"links"`
}

const (
	aspectLatency = "latency"
	aspectRate    = "rate"
	aspectAll     = "all"
)

// slows reports whether a fault sets an aspect of its lanes.
func (f Fault) slows(aspect string) bool {
	if f.Kind != Slow || f.Shape == nil {
		return false
	}
	return aspect == aspectLatency && f.Shape.Latency > 0 || aspect == aspectRate && f.Shape.Rate > 0
}

// Overrides lists what of the fault with this index has no effect because of
// the others. The faults are in the order of Ledger.Active, oldest first.
func Overrides(faults []Fault, index int) []Override {
	f := faults[index]
	list := []Override{}
	if f.Kind != Slow {
		return list
	}
	add := func(by, aspect string, lane link.Lane) {
		for i := range list {
			if list[i].By == by && list[i].Aspect == aspect {
				list[i].Links = append(list[i].Links, lane)
				return
			}
		}
		list = append(list, Override{By: by, Aspect: aspect, Links: Lanes{lane}})
	}
	for _, lane := range f.Links {
		if i := slices.IndexFunc(faults, func(g Fault) bool { return g.Kind == Cut && slices.Contains(g.Links, lane) }); i >= 0 {
			add(faults[i].ID, aspectAll, lane)
			continue
		}
		for _, aspect := range []string{aspectLatency, aspectRate} {
			if !f.slows(aspect) {
				continue
			}
			for _, g := range slices.Backward(faults[index+1:]) {
				if g.slows(aspect) && slices.Contains(g.Links, lane) {
					add(g.ID, aspect, lane)
					break
				}
			}
		}
	}
	return list
}
