package localcluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"time"

	"zkctl/inject"
)

// Client sends requests to the supervisor of one running ensemble.
//
// Every call has a deadline, because a supervisor can be stopped, or hang, at any moment, and the kernel
// goes on accepting connections for it.
type Client struct {
	name   string
	folder Folder
	http   *http.Client
}

const (
	// answerTime is how long a supervisor may take to answer a request that does not wait, or that actTime bounds.
	answerTime = 4 * time.Second
	// dialTime is how long Dial waits for a supervisor that holds the lock and does not listen: it is
	// starting or ending, or its socket was removed and it is about to make another.
	dialTime = 900 * time.Millisecond
)

// Dial connects to the supervisor of an ensemble. When there is none the error is CodeMissing, whether the ensemble
// is stopped or does not exist; the text of the error differs.
func Dial(folder Folder) (*Client, error) {
	spec, err := LoadSpec(folder)
	if err != nil {
		return nil, err
	}
	path, err := folder.Socket()
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTime)
	defer cancel()
	for {
		conn, err := dial(ctx, "", "")
		if err == nil {
			conn.Close()
			return &Client{spec.Name, folder, &http.Client{Transport: &http.Transport{DialContext: dial}}}, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			return nil, noAccess(spec.Name, err)
		}
		held, err := lockHeld(folder.LockFile())
		switch {
		case err != nil:
			return nil, noAccess(spec.Name, err)
		case !held:
			// Without its lock and its socket, too, a supervisor that is stopped is there: it restores them later.
			if pid, _ := processesOf(folder); stopped(pid) {
				return nil, silent(folder, spec.Name, 0)
			}
			return nil, notRunning(folder, spec)
		case ctx.Err() != nil:
			return nil, notListening(folder, spec.Name)
		}
		select {
		case <-time.After(shortInterval):
		case <-ctx.Done():
		}
	}
}

// call does one request, which may take as long as within. An answer that is not 200 is an *Error.
func (c *Client) call(ctx context.Context, within time.Duration, method, what string, request, answer any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, errSilent)
	defer cancel()
	var body bytes.Buffer
	if request != nil {
		if err := json.NewEncoder(&body).Encode(request); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://zkctl"+apiRoot+what, &body)
	if err != nil {
		return err
	}
	response, err := c.http.Do(r)
	if err != nil {
		return c.lost(ctx, within, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var e Error
		if err := json.NewDecoder(response.Body).Decode(&e); err != nil || e.Text == "" {
			return fmt.Errorf("the supervisor of %s answered %s", c.name, response.Status)
		}
		return &e
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return c.lost(ctx, within, err)
	}
	return nil
}

// errSilent is the cause when a call was given up because its own deadline passed.
var errSilent = errors.New("no answer in time")

// lost is the error for a request without an answer: the supervisor ended during the request, or it runs and
// does not answer.
func (c *Client) lost(ctx context.Context, within time.Duration, err error) error {
	switch {
	case context.Cause(ctx) == errSilent:
		return silent(c.folder, c.name, within)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fail(CodeMissing, "`zkctl ls` shows what runs", "the supervisor of %s ended during the request: %w", c.name, errors.Unwrap(err))
}

// Status is the ensemble at this moment; the supervisor asks every member.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.call(ctx, answerTime, http.MethodGet, "status", nil, &s)
}

// Wait returns when the ensemble is in a condition. CodeTimedOut means that it was not in time, or that the
// supervisor did not answer in time.
func (c *Client) Wait(ctx context.Context, r WaitRequest) (s Status, err error) {
	err = c.call(ctx, seconds(r.Timeout)+answerTime, http.MethodPost, "wait", r, &s)
	if errors.Is(err, errSilent) {
		return s, fail(CodeTimedOut, HintOf(err), "timed out waiting for %s: %w", r.For, err)
	}
	return s, err
}

// Act does a verb to the members that a selector chooses.
func (c *Client) Act(ctx context.Context, r ActRequest) (a ActReport, err error) {
	return a, c.call(ctx, answerTime, http.MethodPost, "act", r, &a)
}

// Inject breaks something, as one types it.
func (c *Client) Inject(ctx context.Context, r InjectRequest) (f FaultReport, err error) {
	return f, c.call(ctx, answerTime, http.MethodPost, "inject", r, &f)
}

// Heal ends faults.
func (c *Client) Heal(ctx context.Context, r HealRequest) (h HealReport, err error) {
	return h, c.call(ctx, answerTime, http.MethodPost, "heal", r, &h)
}

// Faults lists the active faults.
func (c *Client) Faults(ctx context.Context) (f FaultsAnswer, err error) {
	return f, c.call(ctx, answerTime, http.MethodGet, "faults", nil, &f)
}

// Stop ends the ensemble; it returns when the members have ended.
func (c *Client) Stop(ctx context.Context) error {
	var nothing struct{}
	return c.call(ctx, stopTime, http.MethodPost, "stop", nothing, &nothing)
}

// Members lists the members and what each is doing at this moment.
func (c *Client) Members(ctx context.Context) ([]inject.Member, error) {
	var a MembersAnswer
	err := c.call(ctx, answerTime, http.MethodGet, "members", nil, &a)
	return a.Members, err
}
