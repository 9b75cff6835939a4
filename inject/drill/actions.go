package drill

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"zkctl/probe/wire"
)

// The nodes of a workload, below the root of the drill. Registers are never deleted: the last write to each is in every
// tree. Below p no one-shot watch is ever left, since Apache ZooKeeper up to 3.8 mixes up watches of both kinds on one path.
//
//	/r/0 ... /r/15    registers       set, get, cas, multi
//	/n/0 ... /n/31    come and go     create, delete, exists, multi
//	/e/CLIENT-N       ephemerals      ephemeral
//	/q/s-N            sequential      sequential, queue
//	/l/CLIENT-lock-N  locks           lock
//	/p/0 ... /p/3     persistent watches
const (
	registers = 16
	names     = 32
	watched   = 4
	maxOwn    = 4 // ephemerals that a client has at once, and sequential nodes that it leaves before it deletes one
)

// action is a kind of operation in a workload's mix.
type action struct {
	name   string
	weight int // in the mix that is used when a scenario has none
	next   func(a *actions, c *client, r *rand.Rand) request
}

// actionTable is in the order of the help.
var actionTable = []action{
	{"set", 4, (*actions).set}, {"get", 4, (*actions).get}, {"cas", 3, (*actions).cas}, {"create", 2, (*actions).create},
	{"delete", 1, (*actions).delete}, {"ephemeral", 2, (*actions).ephemeral}, {"sequential", 2, (*actions).sequential},
	{"children", 1, (*actions).children}, {"exists", 1, (*actions).exists}, {"multi", 2, (*actions).multi},
	{"sync", 1, (*actions).sync}, {"watch", 1, (*actions).watch}, {"lock", 3, (*actions).lock}, {"queue", 1, (*actions).queue},
}

// actions are a workload's mix on the nodes below root. It is the same for all clients, and does not change.
type actions struct {
	root  string
	mix   []action
	total int
}

// newActions refuses a mix with an action that does not exist, or without any.
func newActions(root string, mix map[string]int) (*actions, error) {
	a := &actions{root: root}
	known := map[string]bool{}
	for _, one := range actionTable {
		known[one.name] = true
		if len(mix) > 0 {
			one.weight = mix[one.name]
		}
		if one.weight > 0 {
			a.mix, a.total = append(a.mix, one), a.total+one.weight
		}
	}
	for _, name := range slices.Sorted(maps.Keys(mix)) {
		if !known[name] {
			return nil, fmt.Errorf("mix: %q is no action; there are %s", name, strings.Join(Actions(), ", "))
		}
	}
	if a.total == 0 {
		return nil, fmt.Errorf("mix: no action has a weight above zero, so the clients would do nothing")
	}
	return a, nil
}

// Actions names what a workload's mix can have.
func Actions() []string {
	var list []string
	for _, one := range actionTable {
		list = append(list, one.name)
	}
	return list
}

// next is the client's next operation, drawn from its own random source.
func (a *actions) next(c *client) request {
	n, i := c.random.IntN(a.total), 0
	for ; n >= a.mix[i].weight; i++ { // it ends: total is the sum of the weights
		n -= a.mix[i].weight
	}
	return a.mix[i].next(a, c, c.random)
}

// last is the client's last write, which every watch that it has left must be reported before.
func (a *actions) last(c *client) request {
	return a.write(c, a.register(c.number%registers), wire.AnyVersion)
}

func (a *actions) register(n int) string { return fmt.Sprintf("%s/r/%d", a.root, n) }
func (a *actions) name(n int) string     { return fmt.Sprintf("%s/n/%d", a.root, n) }

// setup creates the nodes that are always there, parents first.
func (a *actions) setup() []request {
	paths := []string{a.root}
	for _, below := range []string{"/r", "/n", "/e", "/q", "/l", "/p"} {
		paths = append(paths, a.root+below)
	}
	for n := range registers {
		paths = append(paths, a.register(n))
	}
	for n := range watched {
		paths = append(paths, fmt.Sprintf("%s/p/%d", a.root, n))
	}
	var all []request
	for _, path := range paths {
		all = append(all, creating(path, nil, 0))
	}
	return all
}

func creating(path string, data []byte, flags int32) request {
	return request{
		intention: intention{path: path}, op: wire.OpCreate, response: new(wire.PathResponse),
		body: &wire.CreateRequest{Path: path, Data: data, ACL: wire.OpenACL(), Flags: flags},
	}
}

func closeSession() request { return request{op: wire.OpCloseSession} }

// exists reports whether a create failed because the node is there.
func exists(err error) bool { return errors.Is(err, wire.ErrNodeExists) }

func deleting(path string, version int32) request {
	return request{intention: intention{path: path}, op: wire.OpDelete, body: &wire.DeleteRequest{Path: path, Version: version}}
}

// write sets a node to a value that no other write has.
func (a *actions) write(c *client, path string, version int32) request {
	response := new(wire.StatResponse)
	return request{
		intention: intention{path: path}, op: wire.OpSetData, response: response,
		body: &wire.SetDataRequest{Path: path, Data: c.own.value(c.number), Version: version},
		done: func(err error) {
			if err == nil {
				c.own.saw(path, response.Stat.Version)
			}
		},
	}
}

func (a *actions) set(c *client, r *rand.Rand) request {
	return a.write(c, a.register(r.IntN(registers)), wire.AnyVersion)
}

// cas writes if the version is the one that the client has seen last: it succeeds if no other client came between.
func (a *actions) cas(c *client, r *rand.Rand) request {
	path := a.register(r.IntN(registers))
	return a.write(c, path, c.own.version(path))
}

func (a *actions) get(c *client, r *rand.Rand) request {
	path, response := a.register(r.IntN(registers)), new(wire.DataResponse)
	watch := r.IntN(2) == 0
	return request{
		intention: intention{path: path, watch: watch}, op: wire.OpGetData, response: response,
		body: &wire.PathWatchRequest{Path: path, Watch: watch},
		done: func(err error) {
			if err == nil {
				c.own.saw(path, response.Stat.Version)
			}
		},
	}
}

func (a *actions) create(c *client, r *rand.Rand) request {
	return creating(a.name(r.IntN(names)), c.own.value(c.number), 0)
}

func (a *actions) delete(_ *client, r *rand.Rand) request {
	return deleting(a.name(r.IntN(names)), wire.AnyVersion)
}

func (a *actions) exists(_ *client, r *rand.Rand) request {
	path, watch := a.name(r.IntN(names)), r.IntN(2) == 0
	return request{
		intention: intention{path: path, watch: watch}, op: wire.OpExists, response: new(wire.StatResponse),
		body: &wire.PathWatchRequest{Path: path, Watch: watch},
	}
}

func (a *actions) children(_ *client, r *rand.Rand) request {
	path, watch := a.root+[]string{"/n", "/e", "/q"}[r.IntN(3)], r.IntN(2) == 0
	return request{
		intention: intention{path: path, watch: watch}, op: wire.OpGetChildren2, response: new(wire.Children2Response),
		body: &wire.PathWatchRequest{Path: path, Watch: watch},
	}
}

func (a *actions) ephemeral(c *client, r *rand.Rand) request {
	path := fmt.Sprintf("%s/e/%d-%d", a.root, c.number, r.IntN(maxOwn))
	if r.IntN(3) == 0 {
		return deleting(path, wire.AnyVersion)
	}
	return creating(path, c.own.value(c.number), wire.FlagEphemeral)
}

// sequential makes a node with the next number, and from time to time deletes the oldest that this client has made.
func (a *actions) sequential(c *client, _ *rand.Rand) request {
	if oldest, ok := c.own.oldest(); ok {
		return deleting(oldest, wire.AnyVersion)
	}
	response := new(wire.PathResponse)
	one := creating(a.root+"/q/s-", c.own.value(c.number), wire.FlagPersistentSequential)
	one.response = response
	one.done = func(err error) {
		if err == nil {
			c.own.made(response.Path)
		}
	}
	return one
}

// multi has an operation that may fail, and then nothing of it may have happened.
func (a *actions) multi(c *client, r *rand.Rand) request {
	register, name := a.register(r.IntN(registers)), a.name(r.IntN(names))
	ops := []wire.MultiOp{
		{Op: wire.OpSetData, Request: &wire.SetDataRequest{Path: register, Data: c.own.value(c.number), Version: wire.AnyVersion}},
		{Op: wire.OpCheck, Request: &wire.CheckVersionRequest{Path: register, Version: wire.AnyVersion}},
	}
	if r.IntN(2) == 0 {
		ops = append(ops, wire.MultiOp{Op: wire.OpCreate, Request: &wire.CreateRequest{Path: name, Data: c.own.value(c.number), ACL: wire.OpenACL()}})
	} else {
		ops = append(ops, wire.MultiOp{Op: wire.OpDelete, Request: &wire.DeleteRequest{Path: name, Version: wire.AnyVersion}})
	}
	return request{op: wire.OpMulti, body: &wire.MultiRequest{Ops: ops}, response: new(wire.MultiResponse)}
}

func (a *actions) sync(*client, *rand.Rand) request {
	return request{intention: intention{path: a.root}, op: wire.OpSync, body: &wire.PathRequest{Path: a.root}, response: new(wire.PathResponse)}
}

// watch sets a persistent watch, and later writes where such watches are. A client in two has a recursive one on the
// parent, the others have one on each node.
func (a *actions) watch(c *client, r *rand.Rand) request {
	path, mode := fmt.Sprintf("%s/p/%d", a.root, r.IntN(watched)), wire.WatchPersistent
	if c.number%2 == 0 {
		path, mode = a.root+"/p", wire.WatchPersistentRecursive
	}
	if r.IntN(3) > 0 {
		return a.write(c, fmt.Sprintf("%s/p/%d", a.root, r.IntN(watched)), wire.AnyVersion)
	}
	return request{
		intention: intention{path: path}, op: wire.OpAddWatch, body: &wire.AddWatchRequest{Path: path, Mode: mode},
		response: new(wire.ErrorResponse),
	}
}

// own is what a client knows of its own work. Several operations of a client may be in flight.
type own struct {
	mu         sync.Mutex
	written    int
	versions   map[string]int32
	sequential []string // that it has made and not deleted, oldest first
	first      string   // of the queue, when it has looked; "" otherwise
}

// value is "c<client>.<n>": no two writes of a drill have the same.
func (o *own) value(client int) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.written++
	return fmt.Appendf(nil, "c%d.%d", client, o.written)
}

func (o *own) saw(path string, version int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.versions == nil {
		o.versions = map[string]int32{}
	}
	o.versions[path] = version
}

// version is 0 for a node that the client has not seen.
func (o *own) version(path string) int32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.versions[path]
}

func (o *own) made(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sequential = append(o.sequential, path)
}

// oldest takes out the oldest sequential node when there are too many.
func (o *own) oldest() (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.sequential) <= maxOwn {
		return "", false
	}
	path := o.sequential[0]
	o.sequential = o.sequential[1:]
	return path, true
}

func (o *own) sawFirst(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.first = path
}

// takeFirst is the first of the queue, once each time that the client has looked.
func (o *own) takeFirst() (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	path := o.first
	o.first = ""
	return path, path != ""
}
