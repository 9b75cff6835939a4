package localcluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"zkctl/probe"
)

// UpOptions say which ensemble to bring up, and how.
type UpOptions struct {
	Home    Home
	Name    string
	Request Request
	// Wait is how long to wait until every member serves; 0 is not at all.
	Wait time.Duration
	// Program is what this program is called, for the processes that it starts.
	Program string
	// Progress hears what is being done.
	Progress func(string)
}

// UpResult is what became of it.
type UpResult struct {
	Status  Status
	Created bool    // the ensemble is new
	Already bool    // it was running
	Started []int64 // of an ensemble that was running: the members that were not
}

// Up starts an ensemble, new or stopped, and returns when every member serves. Of an ensemble that
// runs it starts the members that do not. When it fails, what it did is taken back: an ensemble that
// it made is gone again, one that was stopped is stopped. Only when the time to wait is up is
// everything left as it is, so that one can look.
func Up(ctx context.Context, o UpOptions) (UpResult, error) {
	u := up{UpOptions: o, folder: o.Home.Folder(o.Name)}
	if err := u.design(); err != nil {
		return UpResult{}, err
	}
	if client, err := Dial(u.folder); err == nil && !u.result.Created {
		result, err := u.attach(ctx, client)
		if CodeOf(err) != CodeMissing || awaitLock(ctx, u.folder, stopGrace) != nil {
			return result, err
		}
		// That supervisor was on its way out, and is gone now.
		u.result = UpResult{}
	}
	steps := []step{
		{"choose ports and make a folder", u.create, u.remove},
		{"start the supervisor", u.start, u.stop},
		{"wait until every member serves", func() error { return u.wait(ctx) }, nil},
	}
	switch {
	case u.revised != nil:
		steps[0] = step{"change the settings", u.revise, u.restore}
	case !u.result.Created:
		steps = steps[1:]
	}
	err := doSteps(steps, o.Progress)
	if err == nil {
		err = u.late
	}
	if err == nil && u.running {
		client, err := Dial(u.folder)
		if err != nil {
			return u.result, err
		}
		return u.attach(ctx, client)
	}
	return u.result, err
}

// PlanUp says what Up would do.
func PlanUp(o UpOptions) ([]string, error) {
	u := up{UpOptions: o, folder: o.Home.Folder(o.Name)}
	if err := u.design(); err != nil {
		return nil, err
	}
	var steps []string
	add := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	running := false
	if _, err := Dial(u.folder); err == nil {
		running = true
	}
	switch {
	case running:
		add("%s is running: start those of its members that are not", o.Name)
	case u.result.Created:
		add("make %s", u.folder)
		if o.Request.BasePort != 0 {
			add("take ports %d to %d, if they are free", o.Request.BasePort, o.Request.BasePort+u.spec.portCount()-1)
		} else {
			add("choose %d free ports", u.spec.portCount())
		}
	case u.revised != nil:
		add("change the settings in %s", u.folder.SpecFile())
	}
	if !running {
		add("start a supervisor with %d links", len(u.spec.Members)*(len(u.spec.Members)-1)*2)
		for _, m := range u.spec.Members {
			kind := "voter"
			if m.Observer {
				kind = "observer"
			}
			add("start member %d (%s, %s)", m.ID, kind, m.Engine)
		}
	}
	if o.Wait > 0 {
		add("wait until every member serves, at most %s", o.Wait)
	}
	return steps, nil
}

// up is one Up under way.
type up struct {
	UpOptions
	folder Folder
	spec   *Spec
	// revised is the spec as it should become, when a stopped ensemble's settings change.
	revised *Spec
	running bool  // there turned out to be a supervisor already
	late    error // the time to wait was up
	result  UpResult
}

// design finds the spec of the ensemble, or draws one up.
func (u *up) design() (err error) {
	u.spec, err = LoadSpec(u.folder)
	if CodeOf(err) == CodeMissing {
		u.result.Created = true
		u.spec, err = newSpec(u.Name, u.Request, time.Now())
		return err
	}
	if err != nil {
		return err
	}
	revised, err := LoadSpec(u.folder)
	if err != nil {
		return err
	}
	changed, err := revised.revise(u.Request)
	if err == nil && changed {
		u.revised = revised
	}
	return err
}

func (u *up) create() error {
	err := create(u.Home, u.spec, u.Request.BasePort)
	if errors.Is(err, fs.ErrExist) {
		// Another `up` of the same name was faster: the ensemble is its, and starting it is for both.
		u.result.Created = false
		return nil
	}
	return err
}

func (u *up) remove() error {
	if !u.result.Created {
		return nil
	}
	return removeEnsemble(u.folder)
}

func (u *up) revise() error { return u.revised.save(u.folder) }

func (u *up) restore() error { return u.spec.save(u.folder) }

func (u *up) start() (err error) {
	u.running, err = spawn(u.folder, u.Program)
	return err
}

func (u *up) stop() error {
	if u.running {
		return nil // not ours to stop
	}
	return stopSupervisor(context.Background(), u.folder)
}

// wait waits until every member serves, and fails at once when one dies.
func (u *up) wait(ctx context.Context) error {
	if u.running {
		return nil
	}
	client, err := Dial(u.folder)
	if err != nil {
		return err
	}
	if u.Wait <= 0 {
		u.result.Status, err = client.Status(ctx)
		return err
	}
	status, err := client.Wait(ctx, WaitRequest{For: probe.HealthHealthy.String(), Timeout: u.Wait.Seconds(), Fragile: true})
	if CodeOf(err) == CodeTimedOut {
		u.late = err
		return nil
	}
	u.result.Status = status
	if err != nil && CodeOf(err) == CodeFailed && HintOf(err) == "" && !u.result.Created {
		return fail(CodeFailed, "the whole logs are in "+filepath.Dir(string(u.folder.Member(1))), "%w", err)
	}
	return err
}

// attach makes an ensemble that runs whole.
func (u *up) attach(ctx context.Context, client *Client) (UpResult, error) {
	u.result.Already = true
	if u.revised != nil {
		return u.result, fail(CodeUsage, "stop it first: zkctl down --name "+u.Name, "%s is running: its settings cannot change now", u.Name)
	}
	var err error
	if u.result.Status, err = client.Status(ctx); err != nil {
		return u.result, err
	}
	var down []string
	for _, m := range u.result.Status.Members {
		if m.Role == probe.RoleDown.String() {
			down = append(down, fmt.Sprint(m.ID))
			u.result.Started = append(u.result.Started, m.ID)
		}
	}
	if len(down) > 0 {
		u.Progress("start the members that are down")
		if _, err := client.Act(ctx, ActRequest{Verb: "start", Selector: strings.Join(down, ",")}); err != nil {
			return u.result, err
		}
	}
	if u.Wait > 0 {
		u.result.Status, err = client.Wait(ctx, WaitRequest{For: probe.HealthHealthy.String(), Timeout: u.Wait.Seconds()})
	}
	return u.result, err
}
