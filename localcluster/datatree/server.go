package datatree

import "zkctl/probe/wire"

// Query is a read on behalf of a connection.
type Query struct {
	Op      wire.OpCode
	Body    []byte
	Session int64
	Watcher int64 // the connection's number in Watches
	Caller  Caller
}

// Answer is the reply to a Query.
type Answer struct {
	Err wire.ErrCode
	// Body follows the reply's header; nil for operations that are answered by the header alone. Among errors
	// only those of a multi can have one, which tells no more than the header does.
	Body wire.Record
	// Missed holds the events of a setWatches, which must be sent to the watcher before the reply.
	Missed []Notification
}

// Read answers an operation that needs neither the leader nor a transaction, and sets the watch that it asks
// for. known is false for all other operations (writes, sync, ping, auth, sasl). Read changes w, not t.
func Read(t *Tree, w *Watches, q Query) (a Answer, known bool) {
	switch q.Op {
	case wire.OpExists, wire.OpGetData, wire.OpGetChildren, wire.OpGetChildren2, wire.OpGetACL,
		wire.OpGetAllChildrenNumber, wire.OpGetEphemerals, wire.OpMultiRead, wire.OpSetWatches, wire.OpSetWatches2,
		wire.OpAddWatch, wire.OpCheckWatches, wire.OpRemoveWatches, wire.OpWhoAmI:
	default:
		return Answer{}, false
	}
	body, err := wire.UnmarshalRequest(q.Op, q.Body)
	if err != nil {
		return Answer{Err: wire.ErrMarshalling}, true
	}
	switch b := body.(type) {
	case *wire.PathWatchRequest:
		a = readNode(t, w, q, b)
	case *wire.PathRequest:
		a = readPath(t, q, b.Path)
	case *wire.MultiRequest:
		r, code := t.MultiRead(b, q.Caller)
		a = Answer{Err: code, Body: &r}
		if r.Results == nil && code != wire.OK {
			a.Body = nil
		}
	case *wire.SetWatches:
		a.Missed = w.SetWatches(t, b, q.Watcher)
	case *wire.AddWatchRequest:
		if !w.Add(b.Path, q.Watcher, b.Mode) {
			return Answer{Err: wire.ErrMarshalling}, true
		}
		a.Body = new(wire.ErrorResponse)
	case *wire.WatchRemoval:
		a.Err = watchRemoval(w, q, b)
	default:
		a.Body = WhoAmI(q.Caller.IDs)
	}
	return a, true
}

// readNode answers the reads that can set a watch. A watch is set only on a node that exists and may be read,
// except that exists also watches for the creation of a missing node.
func readNode(t *Tree, w *Watches, q Query, b *wire.PathWatchRequest) (a Answer) {
	watch := w.Data
	switch q.Op {
	case wire.OpExists:
		r, code := t.Exists(b.Path, q.Caller)
		a = answer(&r, code)
	case wire.OpGetData:
		r, code := t.GetData(b.Path, q.Caller)
		a = answer(&r, code)
	case wire.OpGetChildren:
		r, code := t.GetChildren(b.Path, q.Caller)
		a, watch = answer(&wire.ChildrenResponse{Children: r.Children}, code), w.Child
	default:
		r, code := t.GetChildren(b.Path, q.Caller)
		a, watch = answer(&r, code), w.Child
	}
	if b.Watch && (a.Err == wire.OK || q.Op == wire.OpExists && a.Err == wire.ErrNoNode) {
		watch(b.Path, q.Watcher)
	}
	return a
}

func readPath(t *Tree, q Query, path string) Answer {
	switch q.Op {
	case wire.OpGetACL:
		r, code := t.GetACL(path, q.Caller)
		return answer(&r, code)
	case wire.OpGetAllChildrenNumber:
		r, code := t.GetAllChildrenNumber(path, q.Caller)
		return answer(&r, code)
	default:
		r := t.GetEphemerals(q.Session, path)
		return answer(&r, wire.OK)
	}
}

func watchRemoval(w *Watches, q Query, b *wire.WatchRemoval) wire.ErrCode {
	if b.Type < wire.WatcherChildren || b.Type > wire.WatcherPersistentRecursive {
		return wire.ErrMarshalling // Java has no enum value for it and cannot read the request
	}
	found := false
	if q.Op == wire.OpCheckWatches {
		found = w.Has(b.Path, q.Watcher, b.Type)
	} else {
		found = w.Remove(b.Path, q.Watcher, b.Type)
	}
	if !found {
		return wire.ErrNoWatcher
	}
	return wire.OK
}

// answer returns an Answer with the body, or with the error and no body.
func answer(body wire.Record, code wire.ErrCode) Answer {
	if code != wire.OK {
		return Answer{Err: code}
	}
	return Answer{Body: body}
}
