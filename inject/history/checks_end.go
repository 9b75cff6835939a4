package history

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"zkctl/probe/wire"
)

// sessionEnds checks that the sessions that expired were silent for their timeout, and not for much
// longer. Faults excuse both: a server that is cut off cannot pass on what it hears.
func (c *checker) sessionEnds() {
	if c.clocks() {
		return
	}
	for _, s := range c.lives() {
		end, closed := c.closing[s.id]
		if !closed || end.cxid != 0 || s.timeout == 0 || s.closes {
			continue
		}
		last := max(s.asked, s.heard)
		if slices.ContainsFunc(c.Faults, func(w Window) bool { return w.From <= end.at && w.To >= s.asked-int64(c.Tick) }) {
			continue
		}
		c.count(SessionsHold)
		c.here = Finding{At: end.at, Client: s.client, Record: -1, Zxid: end.zxid}
		// Wall clocks count milliseconds.
		if early := s.sure + int64(s.timeout) - end.at; early > int64(2*time.Millisecond) {
			c.fail(SessionsHold, "session %x of client %d expired at %v, %v after a request that was answered; its timeout is %v",
				uint64(s.id), s.client, end.zxid, time.Duration(end.at-s.sure), s.timeout)
		}
		// A busy machine may be late by another timeout.
		if late := end.at - last - 2*int64(s.timeout) - 2*int64(c.Tick); late > 0 {
			c.fail(SessionsHold, "session %x of client %d expired at %v, only %v after its last sign of life; its timeout is %v",
				uint64(s.id), s.client, end.zxid, time.Duration(end.at-last), s.timeout)
		}
	}
}

// life is when a session gave signs of life.
type life struct {
	id      int64
	client  int
	timeout time.Duration
	sure    int64 // the last request that was answered was sent
	asked   int64 // the last request was sent
	heard   int64 // the last answer came
	closes  bool  // its client has asked for its end
}

func (c *checker) lives() []*life {
	by := map[int64]*life{}
	of := func(session int64, client int) *life {
		if by[session] == nil {
			by[session] = &life{id: session, client: client}
		}
		return by[session]
	}
	for _, r := range c.History.Records {
		switch {
		case r.Op != nil:
			s := of(r.Op.Session, r.Op.Client)
			s.asked = max(s.asked, r.Op.Invoke)
			if r.Op.Outcome == OK {
				s.sure, s.heard = max(s.sure, r.Op.Invoke), max(s.heard, r.Op.Return)
			}
			s.closes = s.closes || r.Op.Code == wire.OpCloseSession
		case r.Link != nil && (r.Link.Kind == Connected || r.Link.Kind == Resumed):
			s := of(r.Link.Session, r.Link.Client)
			s.timeout = r.Link.Timeout
			s.asked, s.heard = max(s.asked, r.Link.At), max(s.heard, r.Link.At)
		}
	}
	var all []*life
	for _, id := range slices.Sorted(maps.Keys(by)) {
		all = append(all, by[id])
	}
	return all
}

// trees compares the members' trees with each other and with the model. A tree is at the zxid with
// which its member's log ends; only those at the same are compared with each other.
func (c *checker) trees() {
	first, paths := map[wire.Zxid]int64{}, sortedKeys(c.paths)
	for i := range c.Logs {
		log := &c.Logs[i]
		v, ok := c.Trees[log.Member]
		if !ok || log.Problem != "" {
			continue
		}
		z := log.last()
		c.here = Finding{At: c.end(), Record: -1, Zxid: z}
		if other, ok := first[z]; !ok {
			first[z] = log.Member
		} else if d := difference(paths, c.Trees[other], v); d != "" {
			c.fail(SameHistory, "members %d and %d have different trees at %v: %s", other, log.Member, z, d)
		}
		c.ephemerals(log.Member, v, z)
		c.halves(paths, log.Member, v)
		if c.doubt != "" || z > c.judge.Model.at {
			continue
		}
		c.count(Digest)
		if err := c.judge.Model.sameAt(v, z); err != nil {
			c.fail(Digest, "the tree of member %d at %v is not what the order gives: %v", log.Member, z, err)
		}
	}
}

// end is when the history ends.
func (c *checker) end() int64 {
	end := int64(0)
	for _, r := range c.History.Records {
		switch {
		case r.Op != nil:
			end = max(end, r.Op.Invoke)
		case r.Link != nil:
			end = max(end, r.Link.At)
		}
	}
	return end
}

// difference is what two trees differ in; "": nothing that a transaction or a client has named.
func difference(paths []string, a, b View) string {
	for _, path := range paths {
		dataA, statA, _, foundA := a.Node(path)
		dataB, statB, _, foundB := b.Node(path)
		if foundA != foundB || statA != statB || string(dataA) != string(dataB) {
			return fmt.Sprintf("%s is %s and %s", path, shown(dataA, statA, foundA), shown(dataB, statB, foundB))
		}
	}
	if x, y := a.Nodes(), b.Nodes(); x != y {
		return fmt.Sprintf("%d and %d nodes", x, y)
	}
	if x, y := a.Sessions(), b.Sessions(); x != y {
		return fmt.Sprintf("%d and %d sessions", x, y)
	}
	return ""
}

// ephemerals checks that a tree has no ephemeral node of a session that is over, and has those of the
// sessions that are not.
func (c *checker) ephemerals(member int64, v View, z wire.Zxid) {
	for _, path := range sortedKeys(c.owned) {
		c.count(Ephemerals)
		_, stat, _, found := v.Node(path)
		if end, closed := c.closing[stat.EphemeralOwner]; found && stat.EphemeralOwner != 0 && closed && end.zxid <= z {
			c.fail(Ephemerals, "member %d still has %s at %v; its session %x ended at %v", member, path, z, uint64(stat.EphemeralOwner), end.zxid)
		}
		if n := c.judge.Model.asOf(path, z); c.doubt == "" && n != nil && n.owner != 0 && !found && z <= c.judge.Model.at {
			c.fail(Ephemerals, "member %d has no %s at %v, but its session %x is alive, and nothing deletes it", member, path, z, uint64(n.owner))
		}
	}
}

// halves checks that a tree shows nothing of a multi that failed.
func (c *checker) halves(paths []string, member int64, v View) {
	if len(c.failed) == 0 {
		return
	}
	for _, path := range paths {
		_, stat, _, found := v.Node(path)
		if found && (c.failed[stat.Czxid] || c.failed[stat.Mzxid] || c.failed[stat.Pzxid]) {
			c.fail(Atomic, "member %d shows a change of a multi that failed: %s is %s", member, path, shownStat(stat))
		}
	}
}
