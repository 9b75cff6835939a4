package wire

import "fmt"

// MultiHeader precedes each part of a multi's request and reply; the last, with Done
// set, ends it:
//
//	request:  (header op false -1, request)*   header -1 true -1
//	reply:    (header op false err, response)* header -1 true -1
type MultiHeader struct {
	Op   OpCode
	Done bool
	Err  ErrCode
}

// Encode implements Record.
func (h *MultiHeader) Encode(e *Encoder) { e.Int32(int32(h.Op)); e.Bool(h.Done); e.Int32(int32(h.Err)) }

// Decode implements Record.
func (h *MultiHeader) Decode(d *Decoder) {
	h.Op, h.Done, h.Err = OpCode(d.Int32()), d.Bool(), ErrCode(d.Int32())
}

// multiEnd is the header that ends a multi.
var multiEnd = MultiHeader{Op: -1, Done: true, Err: -1}

// MultiOp is one operation of a multi or a multiRead.
type MultiOp struct {
	Op      OpCode
	Request Record
	// Null says that a text of the request is null and must not be; see
	// UnmarshalRequest. What follows for the other operations is the server's rule.
	Null bool
}

// MultiRequest is the request of multi and of multiRead. Decoding accepts the
// operations of both; which may stand together is the server's rule.
type MultiRequest struct{ Ops []MultiOp }

// Encode implements Record.
func (m *MultiRequest) Encode(e *Encoder) {
	for _, op := range m.Ops {
		h := MultiHeader{Op: op.Op, Err: -1}
		h.Encode(e)
		op.Request.Encode(e)
	}
	multiEnd.Encode(e)
}

// Decode implements Record.
func (m *MultiRequest) Decode(d *Decoder) {
	m.Ops = nil
	for {
		var h MultiHeader
		h.Decode(d)
		if d.err != nil {
			m.Ops = nil
			return
		}
		if h.Done {
			d.lossy = d.lossy || h != multiEnd
			return
		}
		d.lossy = d.lossy || h.Err != -1
		if !inMulti(h.Op) {
			d.Fail(fmt.Errorf("%s is not allowed in a multi", h.Op))
			continue
		}
		request, _ := NewRequest(h.Op)
		request.Decode(d)
		m.Ops = append(m.Ops, MultiOp{h.Op, request, d.nulls})
		d.nulls = false
	}
}

func inMulti(op OpCode) bool {
	switch op {
	case OpCreate, OpCreate2, OpCreateContainer, OpCreateTTL, OpDelete, OpSetData, OpCheck, // multi
		OpGetData, OpGetChildren: // multiRead
		return true
	}
	return false
}

// MultiResult is the result of one operation.
//
// In a failed multi every result is an error: OK before the operation that failed, the
// reason for that operation, ErrRuntimeInconsistency after it.
type MultiResult struct {
	// Op is the type of the result, which for create2 and its kin is always OpCreate2,
	// and OpError for a failure.
	Op  OpCode
	Err ErrCode // of OpError
	// Response is nil for OpDelete, OpCheck and OpError.
	Response Record
}

// MultiResponse answers a multi or a multiRead.
type MultiResponse struct{ Results []MultiResult }

// Encode implements Record.
func (m *MultiResponse) Encode(e *Encoder) {
	size := 0
	for i := range m.Results {
		if d, ok := m.Results[i].Response.(*DataResponse); ok {
			size += len(d.Data)
		}
	}
	e.grow(size)
	for _, r := range m.Results {
		h := MultiHeader{Op: r.Op, Err: r.Err}
		h.Encode(e)
		switch {
		case r.Op == OpError:
			e.Int32(int32(r.Err))
		case r.Response != nil:
			r.Response.Encode(e)
		}
	}
	multiEnd.Encode(e)
}

// Decode implements Record.
func (m *MultiResponse) Decode(d *Decoder) {
	m.Results = nil
	for {
		var h MultiHeader
		h.Decode(d)
		if d.err != nil {
			m.Results = nil
			return
		}
		if h.Done {
			d.lossy = d.lossy || h != multiEnd
			return
		}
		r := MultiResult{Op: h.Op, Err: h.Err}
		switch h.Op {
		case OpError:
			// The code is sent twice; ZooKeeper's clients use the one in the body.
			r.Err = ErrCode(d.Int32())
			d.lossy = d.lossy || r.Err != h.Err
		case OpCreate, OpCreate2, OpSetData, OpGetData, OpGetChildren, OpDelete, OpCheck:
			r.Response, _ = NewResponse(h.Op)
			if r.Response != nil {
				r.Response.Decode(d)
			}
		default:
			d.Fail(fmt.Errorf("%s is not a result of a multi", h.Op))
		}
		m.Results = append(m.Results, r)
	}
}
