package datatree

import (
	"slices"

	"zkctl/probe/wire"
)

// Respond makes the reply to a write from the result of its transaction (FinalRequestProcessor). op and body are
// the request as the client sent it: the transaction of a multi does not tell create2 from create, but the reply
// must.
//
// The answer's Err goes into the reply's header. ErrSessionMoved means that the session has moved to another
// server meanwhile: close this connection without a reply. The caller makes the reply to createSession, a
// ConnectResponse.
func Respond(op wire.OpCode, body []byte, r *Result) Answer {
	if r.sessionMoved() {
		return Answer{Err: wire.ErrSessionMoved}
	}
	if r.Type == wire.OpError {
		return Answer{Err: r.Err}
	}
	switch op {
	case wire.OpMulti:
		return respondMulti(body, r)
	case wire.OpCreate:
		return answer(&wire.PathResponse{Path: r.Path}, r.Err)
	case wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL:
		return answer(&wire.Create2Response{Path: r.Path, Stat: r.Stat}, r.Err)
	case wire.OpSetData, wire.OpSetACL:
		return answer(&wire.StatResponse{Stat: r.Stat}, r.Err)
	}
	return Answer{Err: r.Err}
}

// sessionMoved reports whether the leader refused the request because its session had moved to another server.
// A server finds the request of a transaction by its xid alone, and a client that counts xids from 1 on every
// connection may have sent this one through another server: then it is no answer to the request of that xid here.
func (r *Result) sessionMoved() bool {
	return r.Err == wire.ErrSessionMoved || slices.ContainsFunc(r.Multi, func(sub Result) bool {
		return sub.Err == wire.ErrSessionMoved
	})
}

// respondMulti makes the reply to a multi. Its header says OK even if the multi failed; the results say why.
func respondMulti(body []byte, r *Result) Answer {
	var request wire.MultiRequest
	if wire.Unmarshal(body, &request) != nil || len(request.Ops) != len(r.Multi) {
		return Answer{Err: wire.ErrMarshalling} // not the request of this transaction
	}
	response := &wire.MultiResponse{Results: make([]wire.MultiResult, len(r.Multi))}
	for i, sub := range r.Multi {
		kind, _ := kindInMulti(request.Ops[i])
		response.Results[i] = respondSub(kind, sub)
	}
	return Answer{Body: response}
}

func respondSub(op wire.OpCode, r Result) wire.MultiResult {
	if r.Type == wire.OpError {
		return wire.MultiResult{Op: wire.OpError, Err: r.Err}
	}
	switch op {
	case wire.OpCreate:
		return wire.MultiResult{Op: wire.OpCreate, Response: &wire.PathResponse{Path: r.Path}}
	case wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL:
		return wire.MultiResult{Op: wire.OpCreate2, Response: &wire.Create2Response{Path: r.Path, Stat: r.Stat}}
	case wire.OpSetData:
		return wire.MultiResult{Op: wire.OpSetData, Response: &wire.StatResponse{Stat: r.Stat}}
	}
	return wire.MultiResult{Op: op} // delete, check
}
