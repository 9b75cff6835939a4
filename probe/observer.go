package probe

import "zkctl/probe/wire"

// Observer sees what a session says and hears, in the order of the wire: a history of it can be judged afterwards.
// The session calls it from goroutines of its own, never two calls about the same operation at once. A call must
// return soon, may not use the session, and must copy a body that it keeps.
//
//	Sent ... Answered          an operation that was answered, with an error code or without
//	Sent ................ Gone one whose outcome is unknown
//	Stray, Gone                an answer that was not due: the session ends, as no later answer can be trusted
type Observer interface {
	// Sent is called before the first byte leaves, also for pings, whose xid is wire.XidPing.
	Sent(xid int32, op wire.OpCode, body []byte)
	// Answered is called before the operation returns to its caller. Answers come in the order of Sent; those to
	// pings are in an order of their own.
	Answered(h wire.ReplyHeader, body []byte)
	Event(e wire.WatcherEvent, zxid wire.Zxid)
	// Stray is called for an answer to nothing, or to another operation than the oldest.
	Stray(h wire.ReplyHeader)
	// Gone is the last call. What was sent and not answered stays so.
	Gone(err error)
}

// unobserved is the Observer of a session that has none.
type unobserved struct{}

func (unobserved) Sent(int32, wire.OpCode, []byte)    {}
func (unobserved) Answered(wire.ReplyHeader, []byte)  {}
func (unobserved) Event(wire.WatcherEvent, wire.Zxid) {}
func (unobserved) Stray(wire.ReplyHeader)             {}
func (unobserved) Gone(error)                         {}
