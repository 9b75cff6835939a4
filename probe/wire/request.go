package wire

import (
	"errors"
	"fmt"
)

// The xids with a meaning of their own. Other requests count up from 1.
const (
	XidNotification int32 = -1 // a reply without a request: a watch event
	XidPing         int32 = -2
	XidAuth         int32 = -4
	XidSetWatches   int32 = -8
)

// RequestHeader precedes every request but the ConnectRequest.
type RequestHeader struct {
	Xid int32
	Op  OpCode
}

// Encode implements Record.
func (h *RequestHeader) Encode(e *Encoder) { e.Int32(h.Xid); e.Int32(int32(h.Op)) }

// Decode implements Record.
func (h *RequestHeader) Decode(d *Decoder) { h.Xid, h.Op = d.Int32(), OpCode(d.Int32()) }

// The flags of a create.
const (
	FlagPersistent           int32 = 0
	FlagEphemeral            int32 = 1
	FlagPersistentSequential int32 = 2
	FlagEphemeralSequential  int32 = 3
	FlagContainer            int32 = 4
	FlagPersistentTTL        int32 = 5
	FlagTTLSequential        int32 = 6
)

// AnyVersion makes delete, setData, setACL and check skip the version's comparison.
const AnyVersion int32 = -1

// CreateRequest is the request of create, create2 and createContainer.
type CreateRequest struct {
	Path  string
	Data  []byte
	ACL   []ACL
	Flags int32
}

// Encode implements Record.
func (c *CreateRequest) Encode(e *Encoder) {
	e.Text(c.Path)
	e.Buffer(c.Data)
	EncodeACLs(e, c.ACL)
	e.Int32(c.Flags)
}

// Decode implements Record.
func (c *CreateRequest) Decode(d *Decoder) {
	c.Path, c.Data, c.ACL, c.Flags = d.Text(), d.Buffer(), DecodeACLs(d), d.Int32()
}

// CreateTTLRequest is the request of createTTL.
type CreateTTLRequest struct {
	Path  string
	Data  []byte
	ACL   []ACL
	Flags int32
	TTL   int64 // milliseconds
}

// Encode implements Record.
func (c *CreateTTLRequest) Encode(e *Encoder) {
	e.Text(c.Path)
	e.Buffer(c.Data)
	EncodeACLs(e, c.ACL)
	e.Int32(c.Flags)
	e.Int64(c.TTL)
}

// Decode implements Record.
func (c *CreateTTLRequest) Decode(d *Decoder) {
	c.Path, c.Data, c.ACL, c.Flags, c.TTL = d.Text(), d.Buffer(), DecodeACLs(d), d.Int32(), d.Int64()
}

// DeleteRequest is the request of delete.
type DeleteRequest struct {
	Path    string
	Version int32
}

// Encode implements Record.
func (r *DeleteRequest) Encode(e *Encoder) { e.Text(r.Path); e.Int32(r.Version) }

// Decode implements Record.
func (r *DeleteRequest) Decode(d *Decoder) { r.Path, r.Version = d.Text(), d.Int32() }

// PathWatchRequest is the request of exists, getData, getChildren and getChildren2.
type PathWatchRequest struct {
	Path  string
	Watch bool
}

// Encode implements Record.
func (r *PathWatchRequest) Encode(e *Encoder) { e.Text(r.Path); e.Bool(r.Watch) }

// Decode implements Record.
func (r *PathWatchRequest) Decode(d *Decoder) { r.Path, r.Watch = d.Text(), d.Bool() }

// PathRequest is the request of getACL, sync, getAllChildrenNumber and getEphemerals.
type PathRequest struct{ Path string }

// Encode implements Record.
func (r *PathRequest) Encode(e *Encoder) { e.Text(r.Path) }

// Decode implements Record.
func (r *PathRequest) Decode(d *Decoder) { r.Path = d.Text() }

// SetDataRequest is the request of setData.
type SetDataRequest struct {
	Path    string
	Data    []byte
	Version int32
}

// Encode implements Record.
func (r *SetDataRequest) Encode(e *Encoder) { e.Text(r.Path); e.Buffer(r.Data); e.Int32(r.Version) }

// Decode implements Record.
func (r *SetDataRequest) Decode(d *Decoder) {
	r.Path, r.Data, r.Version = d.Text(), d.Buffer(), d.Int32()
}

// SetACLRequest is the request of setACL; Version compares with the node's aversion.
type SetACLRequest struct {
	Path    string
	ACL     []ACL
	Version int32
}

// Encode implements Record.
func (r *SetACLRequest) Encode(e *Encoder) {
	e.Text(r.Path)
	EncodeACLs(e, r.ACL)
	e.Int32(r.Version)
}

// Decode implements Record.
func (r *SetACLRequest) Decode(d *Decoder) {
	r.Path = d.Text()
	d.nulls = false // a null path is refused as an empty one is
	r.ACL, r.Version = DecodeACLs(d), d.Int32()
}

// CheckVersionRequest is the request of check, which is legal only inside a multi.
type CheckVersionRequest struct {
	Path    string
	Version int32
}

// Encode implements Record.
func (r *CheckVersionRequest) Encode(e *Encoder) { e.Text(r.Path); e.Int32(r.Version) }

// Decode implements Record.
func (r *CheckVersionRequest) Decode(d *Decoder) { r.Path, r.Version = d.Text(), d.Int32() }

// ReconfigRequest is the request of reconfig: either NewMembers, or Joining and
// Leaving, the others null.
type ReconfigRequest struct {
	Joining    *string
	Leaving    *string
	NewMembers *string
	ConfigID   int64 // the version this change is based on, or -1
}

// Encode implements Record.
func (r *ReconfigRequest) Encode(e *Encoder) {
	e.NullText(r.Joining)
	e.NullText(r.Leaving)
	e.NullText(r.NewMembers)
	e.Int64(r.ConfigID)
}

// Decode implements Record.
func (r *ReconfigRequest) Decode(d *Decoder) {
	r.Joining, r.Leaving, r.NewMembers, r.ConfigID = d.NullText(), d.NullText(), d.NullText(), d.Int64()
}

// AuthPacket is the request of auth.
type AuthPacket struct {
	Type   int32 // unused: 0
	Scheme string
	Auth   []byte
}

// Encode implements Record.
func (a *AuthPacket) Encode(e *Encoder) { e.Int32(a.Type); e.Text(a.Scheme); e.Buffer(a.Auth) }

// Decode implements Record.
func (a *AuthPacket) Decode(d *Decoder) { a.Type, a.Scheme, a.Auth = d.Int32(), d.Text(), d.Buffer() }

// SASLToken is both the request and the response of sasl.
type SASLToken struct{ Token []byte }

// Encode implements Record.
func (s *SASLToken) Encode(e *Encoder) { e.Buffer(s.Token) }

// Decode implements Record.
func (s *SASLToken) Decode(d *Decoder) { s.Token = d.Buffer() }

// NewRequest returns an empty request record for op, to be decoded into. It is nil
// with true for operations without a body, and false for what no client may ask.
func NewRequest(op OpCode) (Record, bool) {
	switch op {
	case OpCreate, OpCreate2, OpCreateContainer:
		return new(CreateRequest), true
	case OpCreateTTL:
		return new(CreateTTLRequest), true
	case OpDelete:
		return new(DeleteRequest), true
	case OpExists, OpGetData, OpGetChildren, OpGetChildren2:
		return new(PathWatchRequest), true
	case OpGetACL, OpSync, OpGetAllChildrenNumber, OpGetEphemerals:
		return new(PathRequest), true
	case OpSetData:
		return new(SetDataRequest), true
	case OpSetACL:
		return new(SetACLRequest), true
	case OpCheck:
		return new(CheckVersionRequest), true
	case OpMulti, OpMultiRead:
		return new(MultiRequest), true
	case OpReconfig:
		return new(ReconfigRequest), true
	case OpCheckWatches, OpRemoveWatches:
		return new(WatchRemoval), true
	case OpAuth:
		return new(AuthPacket), true
	case OpSASL:
		return new(SASLToken), true
	case OpSetWatches:
		return new(SetWatches), true
	case OpSetWatches2:
		return &SetWatches{V2: true}, true
	case OpAddWatch:
		return new(AddWatchRequest), true
	case OpPing, OpWhoAmI, OpCloseSession:
		return nil, true
	}
	return nil, false
}

// errNull reports a null where a Java server fails to use one.
var errNull = errors.New("a text is null")

// nullMeansEmpty reports whether a server treats a null text as an empty one: a null prefix asks for all
// ephemeral nodes, no watch can be on a null path to be removed, and setData refuses null as it does empty.
func nullMeansEmpty(op OpCode) bool {
	return op == OpGetEphemerals || op == OpRemoveWatches || op == OpSetData
}

// UnmarshalRequest decodes the body of a client's request, which is nil for operations without
// one. A null text or a null vector of texts is an error, except in the few places where it means
// something; inside a multi it is MultiOp.Null.
func UnmarshalRequest(op OpCode, body []byte) (Record, error) {
	r, known := NewRequest(op)
	switch {
	case !known:
		return nil, fmt.Errorf("%s is no client's request", op)
	case r == nil:
		return nil, nil
	}
	d := Decoder{buf: body}
	r.Decode(&d)
	if d.nulls && !nullMeansEmpty(op) {
		d.Fail(errNull)
	}
	if d.err != nil {
		return nil, fmt.Errorf("decode %T of %d bytes: %w", r, len(body), d.err)
	}
	return r, nil
}
