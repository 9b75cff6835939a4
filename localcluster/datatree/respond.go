package datatree

import (
	"slices"

	"zkctl/probe/wire"
)

// Respond makes the reply to a write from what its transaction did. op and body are the request as the client
// sent it: a transaction does not tell create2 from create inside a multi, but the reply must.
//
// The answer's Err belongs into the reply's header. ErrSessionMoved means that the client has gone to another
// server meanwhile: close this connection without a reply. The reply to createSession, a ConnectResponse, is
// the caller's to make.
func Respond(op wire.OpCode, body []byte, r *Result) Answer {
	if r.moved() {
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

// moved tells a request that the leader refused because its session had moved on. A
// server knows the requests of its clients by their xids alone, and a client that
// counts them from 1 on every connection may have sent this one elsewhere: so it
// must be recognized before it is taken for an answer to what was asked here.
func (r *Result) moved() bool {
	return r.Err == wire.ErrSessionMoved || slices.ContainsFunc(r.Multi, func(sub Result) bool {
		return sub.Err == wire.ErrSessionMoved
	})
}

// respondMulti: the header of a multi's reply says OK even when the multi failed; the results say why.
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
