package localcluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"zkctl/probe"
)

// Summary is one line of `ls`.
type Summary struct {
	Name    string       `json:"name"`
	State   string       `json:"state"`
	Health  probe.Health `json:"health"`
	Connect string       `json:"connect"`
	Members int          `json:"members"`
}

// List says how every ensemble of a home is.
func List(ctx context.Context, home Home) ([]Summary, error) {
	names, err := home.Names()
	if err != nil {
		return nil, err
	}
	list := make([]Summary, len(names))
	done := make(chan error)
	for i, name := range names {
		go func() {
			status, err := StatusOf(ctx, home.Folder(name))
			list[i] = Summary{Name: name, State: status.State, Health: status.Health, Connect: status.Connect, Members: len(status.Members)}
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			done <- err
		}()
	}
	var errs []error
	for range names {
		errs = append(errs, <-done)
	}
	return slices.Clip(list), errors.Join(errs...)
}

// StatusOf is the status of an ensemble, whether it runs or not.
func StatusOf(ctx context.Context, folder Folder) (Status, error) {
	spec, err := LoadSpec(folder)
	if err != nil {
		return Status{}, err
	}
	client, err := Dial(folder)
	if err != nil {
		return stoppedStatus(folder, spec)
	}
	return client.Status(ctx)
}

// WaitFor returns when an ensemble is in a condition. One that is stopped is down, and is in no other
// condition until somebody starts it.
func WaitFor(ctx context.Context, folder Folder, r WaitRequest) (Status, error) {
	spec, err := LoadSpec(folder)
	if err != nil {
		return Status{}, err
	}
	client, err := Dial(folder)
	if err == nil {
		var status Status
		status, err = client.Wait(ctx, r)
		if r.For != "down" || CodeOf(err) != CodeMissing {
			return status, err
		}
		// Its supervisor ended while we waited for just that.
		err = awaitLock(ctx, folder, stopGrace)
	} else if r.For == "down" || r.For == probe.HealthNoQuorum.String() {
		err = nil
	}
	if err != nil {
		return Status{}, err
	}
	return stoppedStatus(folder, spec)
}
