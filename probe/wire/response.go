package wire

// ReplyHeader precedes every reply but the ConnectResponse. A reply whose Err is not
// OK is the header alone, multi excepted.
type ReplyHeader struct {
	Xid  int32
	Zxid Zxid // of a write: its transaction; of a read: the last the server applied
	Err  ErrCode
}

// Encode implements Record.
func (h *ReplyHeader) Encode(e *Encoder) { e.Int32(h.Xid); e.Zxid(h.Zxid); e.Int32(int32(h.Err)) }

// Decode implements Record.
func (h *ReplyHeader) Decode(d *Decoder) {
	h.Xid, h.Zxid, h.Err = d.Int32(), d.Zxid(), ErrCode(d.Int32())
}

// PathResponse answers create, with the path as created, and sync.
type PathResponse struct{ Path string }

// Encode implements Record.
func (r *PathResponse) Encode(e *Encoder) { e.Text(r.Path) }

// Decode implements Record.
func (r *PathResponse) Decode(d *Decoder) { r.Path = d.Text() }

// Create2Response answers create2, createContainer and createTTL.
type Create2Response struct {
	Path string
	Stat Stat
}

// Encode implements Record.
func (r *Create2Response) Encode(e *Encoder) { e.Text(r.Path); r.Stat.Encode(e) }

// Decode implements Record.
func (r *Create2Response) Decode(d *Decoder) { r.Path = d.Text(); r.Stat.Decode(d) }

// StatResponse answers exists, setData and setACL.
type StatResponse struct{ Stat Stat }

// Encode implements Record.
func (r *StatResponse) Encode(e *Encoder) { r.Stat.Encode(e) }

// Decode implements Record.
func (r *StatResponse) Decode(d *Decoder) { r.Stat.Decode(d) }

// DataResponse answers getData and reconfig.
type DataResponse struct {
	Data []byte
	Stat Stat
}

// Encode implements Record.
func (r *DataResponse) Encode(e *Encoder) { e.Buffer(r.Data); r.Stat.Encode(e) }

// Decode implements Record.
func (r *DataResponse) Decode(d *Decoder) { r.Data = d.Buffer(); r.Stat.Decode(d) }

// ACLResponse answers getACL.
type ACLResponse struct {
	ACL  []ACL
	Stat Stat
}

// Encode implements Record.
func (r *ACLResponse) Encode(e *Encoder) { EncodeACLs(e, r.ACL); r.Stat.Encode(e) }

// Decode implements Record.
func (r *ACLResponse) Decode(d *Decoder) { r.ACL = DecodeACLs(d); r.Stat.Decode(d) }

// ChildrenResponse answers getChildren, with names, and getEphemerals, with paths.
type ChildrenResponse struct{ Children []string }

// Encode implements Record.
func (r *ChildrenResponse) Encode(e *Encoder) { e.texts(r.Children) }

// Decode implements Record.
func (r *ChildrenResponse) Decode(d *Decoder) { r.Children = d.texts() }

// Children2Response answers getChildren2.
type Children2Response struct {
	Children []string
	Stat     Stat
}

// Encode implements Record.
func (r *Children2Response) Encode(e *Encoder) { e.texts(r.Children); r.Stat.Encode(e) }

// Decode implements Record.
func (r *Children2Response) Decode(d *Decoder) { r.Children = d.texts(); r.Stat.Decode(d) }

// CountResponse answers getAllChildrenNumber.
type CountResponse struct{ Count int32 }

// Encode implements Record.
func (r *CountResponse) Encode(e *Encoder) { e.Int32(r.Count) }

// Decode implements Record.
func (r *CountResponse) Decode(d *Decoder) { r.Count = d.Int32() }

// ErrorResponse is the body of a failed operation in a multi's reply, and of
// addWatch's success with code OK.
type ErrorResponse struct{ Err ErrCode }

// Encode implements Record.
func (r *ErrorResponse) Encode(e *Encoder) { e.Int32(int32(r.Err)) }

// Decode implements Record.
func (r *ErrorResponse) Decode(d *Decoder) { r.Err = ErrCode(d.Int32()) }

// ClientInfo is one identity of a connection as whoAmI shows it: of a digest only the
// user.
type ClientInfo struct {
	AuthScheme string
	User       string
}

// WhoAmIResponse answers whoAmI.
type WhoAmIResponse struct{ Infos []ClientInfo }

// Encode implements Record.
func (r *WhoAmIResponse) Encode(e *Encoder) {
	e.Int32(int32(len(r.Infos)))
	for _, info := range r.Infos {
		e.Text(info.AuthScheme)
		e.Text(info.User)
	}
}

// Decode implements Record.
func (r *WhoAmIResponse) Decode(d *Decoder) {
	r.Infos = nil
	n := d.Count(minID)
	if n < 0 {
		d.lossy = true
	}
	for i := 0; i < n && d.err == nil; i++ {
		r.Infos = append(r.Infos, ClientInfo{AuthScheme: d.Text(), User: d.Text()})
	}
}

// NewResponse returns an empty record for the body of op's successful reply. It is
// nil with true for operations answered by the header alone, and false for what no
// client may ask.
func NewResponse(op OpCode) (Record, bool) {
	switch op {
	case OpCreate, OpSync:
		return new(PathResponse), true
	case OpCreate2, OpCreateContainer, OpCreateTTL:
		return new(Create2Response), true
	case OpExists, OpSetData, OpSetACL:
		return new(StatResponse), true
	case OpGetData, OpReconfig:
		return new(DataResponse), true
	case OpGetACL:
		return new(ACLResponse), true
	case OpGetChildren, OpGetEphemerals:
		return new(ChildrenResponse), true
	case OpGetChildren2:
		return new(Children2Response), true
	case OpGetAllChildrenNumber:
		return new(CountResponse), true
	case OpMulti, OpMultiRead:
		return new(MultiResponse), true
	case OpAddWatch:
		return new(ErrorResponse), true
	case OpSASL:
		return new(SASLToken), true
	case OpWhoAmI:
		return new(WhoAmIResponse), true
	case OpDelete, OpCheck, OpPing, OpCheckWatches, OpRemoveWatches, OpAuth, OpSetWatches, OpSetWatches2, OpCloseSession:
		return nil, true
	}
	return nil, false
}
