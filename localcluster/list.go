package localcluster

import (
	"context"
	"errors"
	"slices"
	"time"

	"zkctl/probe"
)

// Summary is one line of `ls`.
type Summary struct {
	Name    string        `json:"name"`
	State   string        `json:"state"`
	Health  *probe.Health `json:"health"` // null when it is not known
	Connect string        `json:"connect"`
	Members int           `json:"members"`
}

// List is the state of every ensemble of a home. One that does not answer is in the list, and in the error.
func List(ctx context.Context, home Home) ([]Summary, error) {
	names, err := home.Names()
	if err != nil {
		return nil, err
	}
	list := make([]Summary, len(names))
	done := make(chan error)
	for i, name := range names {
		go func() {
			var err error
			list[i], err = summarize(ctx, home, name)
			if err != nil {
				err = fail(CodeFailed, HintOf(err), "%s: %w", name, err)
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

func summarize(ctx context.Context, home Home, name string) (Summary, error) {
	status, err := StatusOf(ctx, home.Folder(name))
	if err == nil {
		return Summary{Name: name, State: status.State, Health: &status.Health, Connect: status.Connect, Members: len(status.Members)}, nil
	}
	summary := Summary{Name: name, State: StateUnknown}
	if spec, err := LoadSpec(home.Folder(name)); err == nil {
		summary.Connect, summary.Members = spec.Connect(), len(spec.Members)
	}
	return summary, err
}

// StatusOf is the status of an ensemble, whether it runs or not.
func StatusOf(ctx context.Context, folder Folder) (Status, error) {
	spec, err := LoadSpec(folder)
	if err != nil {
		return Status{}, err
	}
	client, err := Dial(folder)
	if err == nil {
		return client.Status(ctx)
	}
	if held, lookErr := lockHeld(folder.LockFile()); held || lookErr != nil || CodeOf(err) != CodeMissing {
		return Status{}, err
	}
	return stoppedStatus(folder, spec)
}

// WaitFor returns when an ensemble is in a condition. A stopped ensemble is down, and is in no other condition
// until it is started, which is not waited for; one that is starting or ending is waited for.
func WaitFor(ctx context.Context, folder Folder, r WaitRequest) (Status, error) {
	spec, err := LoadSpec(folder)
	if err != nil {
		return Status{}, err
	}
	down := r.For == "down" || r.For == probe.HealthNoQuorum.String()
	for deadline := time.Now().Add(seconds(r.Timeout)); ; {
		client, err := Dial(folder)
		if err == nil {
			var status Status
			if status, err = client.Wait(ctx, r); err == nil || CodeOf(err) != CodeMissing {
				return status, err
			}
		}
		held, lookErr := lockHeld(folder.LockFile())
		switch {
		case lookErr != nil || CodeOf(err) != CodeMissing || !held && !down:
			return Status{}, err
		case !held:
			return stoppedStatus(folder, spec)
		case !time.Now().Before(deadline):
			return Status{}, fail(CodeTimedOut, HintOf(err), "timed out waiting for %s: %w", r.For, err)
		}
		r.Timeout = max(time.Until(deadline).Seconds(), 0)
		select {
		case <-time.After(shortInterval):
		case <-ctx.Done():
			return Status{}, ctx.Err()
		}
	}
}
