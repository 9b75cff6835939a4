package datatree

import "zkctl/probe/wire"

// View is a tree as package history reads it, to compare it with others and with its model.
type View struct{ *Tree }

// Node is all of one node; false: there is none.
func (v View) Node(path string) (data []byte, stat wire.Stat, acl []wire.ACL, found bool) {
	n := v.lookup(path)
	if n == nil {
		return nil, wire.Stat{}, nil, false
	}
	r, _ := v.GetACL(path, Caller{SkipACL: true}) // there is a node, so that there is an answer
	return n.data, n.visible(v.extended), r.ACL, true
}

// Nodes is how many there are, without /zookeeper and all below it.
func (v View) Nodes() int {
	count := v.znodes.len()
	if system := v.lookup(zookeeperPath); system != nil {
		count -= 1 + int(v.descendants(system))
	}
	return count
}

// Session is the timeout of a session in milliseconds; false: it does not exist.
func (v View) Session(id int64) (timeout int32, found bool) { return v.SessionTimeout(id) }

// Sessions is how many there are.
func (v View) Sessions() int { return v.Counts().Sessions }
