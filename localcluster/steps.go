package localcluster

import "errors"

// step is one line of a lifecycle: what it does, and how to take it back.
type step struct {
	name string
	do   func() error
	undo func() error // nil: nothing to take back
}

// doSteps does the steps in order. When one fails, those already done are taken back, so that a
// start that failed leaves nothing half-made. progress is called with the name of each step before it is done.
func doSteps(steps []step, progress func(name string)) error {
	for i, s := range steps {
		progress(s.name)
		if err := s.do(); err != nil {
			return joinNonNil(err, undoSteps(steps[:i]))
		}
	}
	return nil
}

// undoSteps takes the steps back, the last one first. When one fails, it goes on with the others.
func undoSteps(steps []step) error {
	var errs []error
	for i := len(steps) - 1; i >= 0; i-- {
		if undo := steps[i].undo; undo != nil {
			errs = append(errs, undo())
		}
	}
	return errors.Join(errs...)
}

// joinNonNil keeps the type of err when there is nothing to join it with.
func joinNonNil(err, other error) error {
	if other == nil {
		return err
	}
	return errors.Join(err, other)
}
