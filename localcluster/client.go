package localcluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"zkctl/inject"
)

// Client speaks to the supervisor of one running ensemble. It is an inject.Target.
type Client struct {
	name string
	http *http.Client
}

var _ inject.Target = (*Client)(nil)

// Dial reaches the supervisor of an ensemble. That there is none is CodeMissing, whether the ensemble
// is stopped or does not exist; the two are told apart in words.
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
	conn, err := dial(context.Background(), "", "")
	if err != nil {
		return nil, fail(CodeMissing, "`zkctl up --name "+spec.Name+"` starts it", "the ensemble %s is not running", spec.Name)
	}
	conn.Close()
	return &Client{name: spec.Name, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}, nil
}

// call does one request. An answer that is not 200 is an *Error.
func (c *Client) call(ctx context.Context, method, what string, request, answer any) error {
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
		return c.lost(ctx, err)
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
		return c.lost(ctx, err)
	}
	return nil
}

// lost says that the supervisor went away in the middle of a request.
func (c *Client) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fail(CodeMissing, "`zkctl ls` shows what runs", "the supervisor of %s went away: %w", c.name, errors.Unwrap(err))
}

// Status asks every member and says how the ensemble is.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.call(ctx, http.MethodGet, "status", nil, &s)
}

// Wait returns when the ensemble is in a condition; when it is not in time, that is CodeTimedOut.
func (c *Client) Wait(ctx context.Context, r WaitRequest) (s Status, err error) {
	return s, c.call(ctx, http.MethodPost, "wait", r, &s)
}

// Act does a verb to the members that a selector chooses.
func (c *Client) Act(ctx context.Context, r ActRequest) (a ActReport, err error) {
	return a, c.call(ctx, http.MethodPost, "act", r, &a)
}

// Partition cuts links.
func (c *Client) Partition(ctx context.Context, r PartitionRequest) (f FaultReport, err error) {
	return f, c.call(ctx, http.MethodPost, "partition", r, &f)
}

// Slow delays or throttles links.
func (c *Client) Slow(ctx context.Context, r SlowRequest) (f FaultReport, err error) {
	return f, c.call(ctx, http.MethodPost, "slow", r, &f)
}

// Mend ends faults.
func (c *Client) Mend(ctx context.Context, r HealRequest) (h HealReport, err error) {
	return h, c.call(ctx, http.MethodPost, "heal", r, &h)
}

// Faults lists the active faults.
func (c *Client) Faults(ctx context.Context) (f FaultsAnswer, err error) {
	return f, c.call(ctx, http.MethodGet, "faults", nil, &f)
}

// Stop ends the ensemble; it returns when the members have ended.
func (c *Client) Stop(ctx context.Context) error {
	var nothing struct{}
	return c.call(ctx, http.MethodPost, "stop", nothing, &nothing)
}

// Members implements inject.Target.
func (c *Client) Members(ctx context.Context) ([]inject.Member, error) {
	var a MembersAnswer
	err := c.call(ctx, http.MethodGet, "members", nil, &a)
	return a.Members, err
}

// Inject implements inject.Target.
func (c *Client) Inject(ctx context.Context, f inject.Fault, lease time.Duration) (inject.Fault, error) {
	var a FaultReport
	err := c.call(ctx, http.MethodPost, "inject", InjectRequest{f, lease.Seconds()}, &a)
	return a.Fault, err
}

// Heal implements inject.Target.
func (c *Client) Heal(ctx context.Context, h inject.Healing) ([]inject.Fault, error) {
	report, err := c.Mend(ctx, HealRequest{Healing: h})
	return report.Healed, err
}
