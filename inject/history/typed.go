package history

import (
	"fmt"

	"zkctl/probe/wire"
)

// typed are the parts of the usual bodies by name, for programs that have no jute:
//
//	create    "data", "flags" (0 persistent, 1 ephemeral, 2 and 3 the same, sequential), "created" (the path in the answer)
//	setData   "data", "version" (-1: any), "stat"
//	delete    "version"
//	getData   "stat", and "data" of the answer
//	exists    "stat"
//
// Without "created" or "stat" the history has no body of the answer, and only its zxid is judged.
type typed struct {
	Data    *string    `json:"data"`
	Version *int32     `json:"version"`
	Flags   int32      `json:"flags"`
	Created string     `json:"created"`
	Stat    *wire.Stat `json:"stat"`
}

func (t *typed) empty() bool { return *t == typed{} }

// bodies are the request and the answer that the parts describe.
func (t *typed) bodies(op *Op) (request, reply []byte, err error) {
	var asked, answered wire.Record
	version := wire.AnyVersion
	if t.Version != nil {
		version = *t.Version
	}
	switch op.Code {
	case wire.OpCreate:
		asked = &wire.CreateRequest{Path: op.Path, Data: t.data(), ACL: wire.OpenACL(), Flags: t.Flags}
		if t.Created != "" {
			answered = &wire.PathResponse{Path: t.Created}
		}
	case wire.OpSetData:
		asked = &wire.SetDataRequest{Path: op.Path, Data: t.data(), Version: version}
		if t.Stat != nil {
			answered = &wire.StatResponse{Stat: *t.Stat}
		}
	case wire.OpDelete:
		asked = &wire.DeleteRequest{Path: op.Path, Version: version}
	case wire.OpGetData, wire.OpExists:
		asked = &wire.PathWatchRequest{Path: op.Path, Watch: op.Watch}
		switch {
		case t.Stat == nil:
		case op.Code == wire.OpExists:
			answered = &wire.StatResponse{Stat: *t.Stat}
		default:
			answered = &wire.DataResponse{Data: t.data(), Stat: *t.Stat}
		}
	default:
		return nil, nil, fmt.Errorf("the body of %v cannot be given by its parts: give it as request64 and reply64", op.Code)
	}
	if answered != nil && op.Outcome == OK && op.Err == wire.OK {
		reply = wire.Marshal(answered)
	}
	return wire.Marshal(asked), reply, nil
}

func (t *typed) data() []byte {
	if t.Data == nil {
		return nil
	}
	return []byte(*t.Data)
}
