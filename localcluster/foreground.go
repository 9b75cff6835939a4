package localcluster

import (
	"context"
	"errors"
)

// UpForeground brings an ensemble up with the supervisor in this very process, calls ready when every
// member serves, and returns when ctx is done or the ensemble has been stopped.
func UpForeground(ctx context.Context, o UpOptions, ready func(UpResult) error) error {
	u := newUp(o)
	if err := u.design(); err != nil {
		return err
	}
	if _, err := Dial(u.folder); err == nil && !u.result.Created {
		return fail(CodeFailed, "stop it first: zkctl down --name "+u.Name, "%s is running already, in the background", u.Name)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	steps := []step{
		{"choose ports and make a folder", u.create, u.remove},
		{"run the supervisor", func() error { return u.superviseHere(ctx, ended) },
			func() error { cancel(); return <-ended }},
		{"look at the members again", u.lookAgain, nil},
		{"wait until every member serves", func() error { return u.wait(ctx) }, nil},
	}
	switch {
	case u.revised != nil:
		steps[0] = step{"change the settings", u.revise, u.restore}
	case !u.result.Created:
		steps = steps[1:]
	}
	err := doSteps(steps, o.Progress)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // stopped while it was starting, and taken back
	case err != nil:
		return err
	case u.late != nil:
		cancel()
		return errors.Join(u.late, <-ended)
	}
	if err := ready(u.result); err != nil {
		cancel()
		return errors.Join(err, <-ended)
	}
	return <-ended
}

// superviseHere returns when the members' processes have been started, or could not be.
func (u *up) superviseHere(ctx context.Context, ended chan<- error) error {
	started, result := make(chan struct{}), make(chan error, 1)
	go func() { result <- Supervise(ctx, u.folder, u.Program, func() { close(started) }) }()
	select {
	case err := <-result:
		return err
	case <-started:
		go func() { ended <- <-result }()
		return nil
	}
}
