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
	// Progress is called with each step before it is done.
	Progress func(string)
}

// UpResult is what Up found and did.
type UpResult struct {
	Status  Status
	Created bool    // the ensemble is new
	Already bool    // it was running
	Started []int64 // of an ensemble that was running: the members that were not
}

// Up starts an ensemble, new or stopped, and returns when every member serves. Of an ensemble that
// runs it starts the members that do not. When it fails, what it did is taken back: an ensemble that
// it made is deleted, one that was stopped is stopped. When only the time to wait is up, everything is left as
// it is, so that the user can look.
//
// It returns at most answerTime after the time to wait.
func Up(ctx context.Context, o UpOptions) (UpResult, error) {
	u := newUp(o)
	if err := u.design(); err != nil {
		return UpResult{}, err
	}
	if client, err := Dial(u.folder); errors.Is(err, errSilent) {
		return UpResult{}, err
	} else if err == nil && !u.result.Created {
		result, err := u.attach(ctx, client)
		if CodeOf(err) != CodeMissing || awaitEnd(ctx, u.folder, 0, stopTime) != nil {
			return result, err
		}
		// That supervisor was ending, and has ended now.
		u.result = UpResult{}
	}
	steps := []step{
		{"choose ports and make a folder", u.create, u.remove},
		{"start the supervisor", func() error { return u.start(ctx) }, u.stop},
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
	if err == nil {
		err = u.late
	}
	if err == nil && u.running {
		client, err := u.dial()
		if err != nil {
			return u.result, err
		}
		return u.attach(ctx, client)
	}
	return u.result, err
}

// dial connects to a supervisor that another `up` has started, as soon as it takes requests.
func (u *up) dial() (*Client, error) {
	for {
		client, err := Dial(u.folder)
		if CodeOf(err) != CodeMissing || !u.folder.Running() {
			return client, err
		}
		if time.Now().Add(dialTime).After(u.deadline) {
			return nil, fail(CodeTimedOut, HintOf(err), "%w", err)
		}
	}
}

// up is one Up under way.
type up struct {
	UpOptions
	folder Folder
	spec   *Spec
	// revised is the spec as it should become, when a stopped ensemble's settings change.
	revised *Spec
	running bool // a supervisor runs that this call has not started
	// deadline bounds the start; the rest has deadlines of its own.
	deadline time.Time
	late     error // the time to wait was up
	result   UpResult
}

func newUp(o UpOptions) *up {
	return &up{UpOptions: o, folder: o.Home.Folder(o.Name), deadline: time.Now().Add(max(o.Wait, 0) + answerTime)}
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
		// Another `up` of the same name was faster and has made the ensemble. Both start it, if it is what
		// this one wants.
		u.result.Created = false
		return u.lookAgain()
	}
	return err
}

func (u *up) remove() error {
	if !u.result.Created {
		return nil
	}
	return removeEnsemble(u.folder)
}

func (u *up) revise() error { return u.saveStopped(u.revised) }

func (u *up) restore() error {
	if u.running {
		return nil
	}
	return u.saveStopped(u.spec)
}

// saveStopped changes the spec under the lock, so that no supervisor runs: a supervisor reads the spec when it
// has the lock.
func (u *up) saveStopped(spec *Spec) error {
	lock, err := takeFreeLock(u.folder.LockFile())
	if err != nil {
		return err
	}
	if lock == nil {
		u.running = true
		return fail(CodeUsage, "stop it first: zkctl down --name "+u.Name, "%s was started meanwhile: its settings cannot change now", u.Name)
	}
	defer lock.unlock()
	return spec.save(u.folder)
}

func (u *up) start(ctx context.Context) (err error) {
	u.running, err = spawn(ctx, u.folder, u.Program, u.deadline)
	return err
}

// lookAgain finds out whether what runs is what was asked for: another `up` of the same name may have made
// the ensemble, or have changed it, between the first look and the lock. The ensemble is then left as it is.
func (u *up) lookAgain() error {
	if u.result.Created {
		return nil // this call has made it
	}
	spec, err := LoadSpec(u.folder)
	if err != nil {
		return err
	}
	changed, err := spec.revise(u.Request)
	if err == nil && changed {
		err = fail(CodeUsage, "leave the flags out, or stop it first: zkctl down --name "+u.Name,
			"another zkctl up has started %s with other settings or engines at the same moment", u.Name)
	}
	if err != nil {
		u.running = true // it is not taken back: the other up has started it
	}
	return err
}

func (u *up) stop() error {
	if u.running {
		return nil // another up has started it
	}
	_, err := stopSupervisor(context.Background(), u.folder)
	return err
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

// attach starts the members that are down of an ensemble that runs.
func (u *up) attach(ctx context.Context, client *Client) (UpResult, error) {
	u.result.Already = true
	var err error
	if u.result.Started, err = u.down(ctx, client); err != nil {
		return u.result, err
	}
	if len(u.result.Started) > 0 {
		u.Progress("start the members that are down")
		selector := strings.Trim(strings.ReplaceAll(fmt.Sprint(u.result.Started), " ", ","), "[]")
		if _, err := client.Act(ctx, ActRequest{Verb: "start", Selector: selector}); err != nil {
			return u.result, err
		}
	}
	if u.Wait > 0 {
		u.result.Status, err = client.Wait(ctx, WaitRequest{For: probe.HealthHealthy.String(), Timeout: u.Wait.Seconds()})
	}
	return u.result, err
}

// down lists the members that up has to start, of an ensemble that runs. A request that would change the
// ensemble is an error.
func (u *up) down(ctx context.Context, client *Client) (ids []int64, err error) {
	if u.revised != nil {
		return nil, fail(CodeUsage, "stop it first: zkctl down --name "+u.Name, "%s is running: its settings cannot change now", u.Name)
	}
	if u.result.Status, err = client.Status(ctx); err != nil {
		return nil, err
	}
	for _, m := range u.result.Status.Members {
		if m.Role == probe.RoleDown.String() {
			ids = append(ids, m.ID)
		}
	}
	return ids, nil
}
