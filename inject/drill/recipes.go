package drill

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"

	"zkctl/probe/wire"
)

// The recipes of ZooKeeper's documentation, an operation at a time:
//
//	lock    create an ephemeral sequential node; who has the lowest number holds the lock, every other client watches the
//	        node before its own; to release is to delete. The election of a leader is the same: the holder leads.
//	queue   the node with the lowest number is the first; a client takes it by deleting it, and one only succeeds
//
// That a lock has one holder follows from the promises that are judged: the numbers are unique, and an ephemeral ends with
// its session and no sooner.

// lockState is how far a client is with its lock.
type lockState struct {
	mu     sync.Mutex
	node   string // its own; "" none
	lost   bool   // a create has an unknown outcome: the node may be there
	before string // the node that it waits for
	known  bool   // before is what the last list of the nodes says; "" then means that the lock is held
	set    bool   // a watch on before is set
}

// forget is for a session that has expired: its node ended with it.
func (l *lockState) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.node, l.lost, l.before, l.known, l.set = "", false, "", false, false
}

// fired is called with every event: the node that the client waits for may be gone.
func (l *lockState) fired(e wire.WatcherEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Path == l.before { // the answer that says that the watch is set may still be on its way to await
		l.known, l.set = false, false
	}
}

// lock is the next operation of a client with its lock. While it waits for another it does something else.
func (a *actions) lock(c *client, r *rand.Rand) request {
	l := &c.lock
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.node == "" && !l.lost:
		return a.enter(c)
	case !l.known:
		return a.look(c)
	case l.before != "" && l.set:
		return a.set(c, r)
	case l.before != "":
		return a.await(c, l.before)
	}
	return a.release(c, l.node)
}

// prefix is what a client's nodes begin with, so that it finds one again after a create of unknown outcome.
func (l *lockState) prefix(client int) string { return fmt.Sprintf("c%d-lock-", client) }

func (a *actions) enter(c *client) request {
	l, response := &c.lock, new(wire.PathResponse)
	one := creating(a.root+"/l/"+l.prefix(c.number), c.own.value(c.number), wire.FlagEphemeralSequential)
	one.response = response
	one.done = func(err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.known = false
		if l.lost = err != nil; !l.lost {
			l.node = response.Path
		}
	}
	return one
}

// look lists the nodes, and finds that of the client and the one before it.
func (a *actions) look(c *client) request {
	l, response := &c.lock, new(wire.Children2Response)
	return request{
		intention: intention{path: a.root + "/l"}, op: wire.OpGetChildren2, response: response,
		body: &wire.PathWatchRequest{Path: a.root + "/l"},
		done: func(err error) {
			if err != nil {
				return
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			nodes := inOrder(response.Children)
			i := slices.IndexFunc(nodes, func(n string) bool { return strings.HasPrefix(n, l.prefix(c.number)) })
			l.node, l.lost, l.before, l.known, l.set = "", false, "", i >= 0, false
			if i >= 0 {
				l.node = a.root + "/l/" + nodes[i]
			}
			if i > 0 {
				l.before = a.root + "/l/" + nodes[i-1]
			}
		},
	}
}

// await watches the node before the client's own. When it is gone there may be another.
func (a *actions) await(c *client, node string) request {
	l := &c.lock
	return request{
		intention: intention{path: node, watch: true}, op: wire.OpExists, response: new(wire.StatResponse),
		body: &wire.PathWatchRequest{Path: node, Watch: true},
		done: func(err error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.known, l.set = l.known && !errors.Is(err, wire.ErrNoNode), err == nil
		},
	}
}

func (a *actions) release(c *client, node string) request {
	l := &c.lock
	one := deleting(node, wire.AnyVersion)
	one.done = func(err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.node, l.lost, l.known, l.set = "", err != nil, false, false
	}
	return one
}

// inOrder sorts sequential nodes by their numbers, whatever is in front of them.
func inOrder(nodes []string) []string {
	const digits = 10
	number := func(node string) string { return node[max(0, len(node)-digits):] }
	return slices.SortedFunc(slices.Values(nodes), func(a, b string) int { return strings.Compare(number(a), number(b)) })
}

// queue takes the first of the sequential nodes, or looks which it is.
func (a *actions) queue(c *client, _ *rand.Rand) request {
	if first, ok := c.own.takeFirst(); ok {
		return deleting(first, wire.AnyVersion)
	}
	response := new(wire.Children2Response)
	return request{
		intention: intention{path: a.root + "/q"}, op: wire.OpGetChildren2, response: response,
		body: &wire.PathWatchRequest{Path: a.root + "/q"},
		done: func(err error) {
			if err == nil && len(response.Children) > 0 {
				c.own.sawFirst(path.Join(a.root, "q", inOrder(response.Children)[0]))
			}
		},
	}
}
