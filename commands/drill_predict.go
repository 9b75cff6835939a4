package commands

import (
	"time"

	"zkctl/inject/drill"
	"zkctl/inject/scenario"
	"zkctl/quorum"
)

// predictor tells how long a fault may stop writes at the worst, as `zkctl quorum recovery` has it. Only the loss of a
// leader is bounded by the configuration; what lasts as long as its fault, such as the loss of a quorum, is not.
func predictor(timing quorum.Timing, session time.Duration) func(drill.FaultRecord, drill.Hit) (time.Duration, bool) {
	budgets, err := quorum.RecoveryBudget(timing, session)
	if err != nil {
		return nil // the ensemble does not run with such limits either
	}
	return func(f drill.FaultRecord, hit drill.Hit) (time.Duration, bool) {
		if !hit.Leader || !hit.QuorumLeft {
			return 0, false
		}
		switch scenario.Verb(f.Kind()) {
		case scenario.Kill, scenario.Restart:
			return budgets.Crash.Total.Most, true
		case scenario.Pause:
			return budgets.Hang.Total.Most, true
		case scenario.Partition:
			return budgets.Partition.Total.Most, true
		}
		return 0, false
	}
}
